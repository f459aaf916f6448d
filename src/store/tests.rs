//! Versions and their files, with models that have no network.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::catalog::Store;
use super::checksum::Sums;
use super::draft::Part;
use super::files::{Files, Folder};
use super::manifest::{FORMAT_VERSION, Manifest};
use super::model::FittedModel;
use super::name::ModelName;
use crate::error::Result;
use crate::feature::FittedSpec;
use crate::model::Config;

/// A folder that remembers which files were opened.
#[derive(Debug)]
struct Watched {
    folder: Folder,
    opened: Mutex<Vec<PathBuf>>,
}

impl Files for Watched {
    fn open(&self, file: &Path) -> Result<Box<dyn Read>> {
        self.opened.lock().unwrap().push(file.to_path_buf());
        self.folder.open(file)
    }

    fn size(&self, file: &Path) -> Result<u64> {
        self.folder.size(file)
    }

    fn local(&self, file: &Path) -> Result<PathBuf> {
        self.folder.local(file)
    }

    fn exists(&self, file: &Path) -> bool {
        self.folder.exists(file)
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        self.folder.list(folder)
    }

    fn shown(&self, path: &Path) -> String {
        self.folder.shown(path)
    }
}

fn manifest() -> Manifest {
    Manifest {
        format_version: FORMAT_VERSION,
        model_type: "mmoe".into(),
        created: "2026-01-01T00:00:00Z".into(),
        files: Vec::new(),
        libraries: Default::default(),
        options: Default::default(),
        transform: None,
        query: "SELECT 1".into(),
        rows: 1,
        encoder: FittedSpec::empty(),
        generator: None,
        config: Config::default(),
        embedding_dim: 8,
        precision: "float32".into(),
        tasks: Vec::new(),
        scenario_col: None,
        history: Vec::new(),
        best_epoch: 1,
        scores: Vec::new(),
    }
}

/// Publishes a version of `m` with the file of a tokenizer.
fn publish(store: &Store, tokenizer: &str) {
    let draft = store.draft("m").unwrap();
    let part = |name, text: &str| {
        let text = text.to_string();
        Part::new(name, move |path: &Path| {
            std::fs::write(path, &text).unwrap();
            Ok(())
        })
    };
    let parts = [
        part("weights.safetensors", "none"),
        part("tokenizer.json", tokenizer),
    ];
    draft.write(manifest(), &parts).unwrap();
    store.publish("m", draft, true).unwrap();
}

fn open(store: &Store) -> Result<FittedModel> {
    store.open(&ModelName::parse("m").unwrap())
}

#[test]
fn a_version_has_the_files_that_its_manifest_lists() {
    let root = tempfile::tempdir().unwrap();
    publish(&Store::new(root.path()), "words");
    let folder = root.path().join("m/1");
    std::fs::write(folder.join("notes.txt"), "mine").unwrap();
    let model = open(&Store::new(root.path())).unwrap();
    let files: Vec<_> = model.files().collect();
    let own = ["weights.safetensors", "tokenizer.json"];
    assert_eq!(files, [["SHA256SUMS", "manifest.json"], own].concat());
    model.verify().unwrap();
    std::fs::write(folder.join("tokenizer.json"), "wards").unwrap();
    let error = model.verify().unwrap_err().to_string();
    assert!(error.contains("tokenizer.json is damaged"), "{error}");
}

/// Manifests did not always list the files, and a list must not differ from the checksums.
#[test]
fn checksums_name_the_files_where_a_manifest_does_not() {
    let root = tempfile::tempdir().unwrap();
    publish(&Store::new(root.path()), "words");
    let folder = root.path().join("m/1");
    let write = |files: Option<&[&str]>| {
        let path = folder.join("manifest.json");
        let json = std::fs::read(&path).unwrap();
        let mut json: serde_json::Map<_, _> = serde_json::from_slice(&json).unwrap();
        json.remove("files");
        json.extend(files.map(|files| ("files".to_string(), files.into())));
        std::fs::write(&path, serde_json::to_vec(&json).unwrap()).unwrap();
        let all = ["manifest.json", "weights.safetensors", "tokenizer.json"];
        Sums::write(&folder, &all).unwrap();
        open(&Store::new(root.path()))
    };
    let model = write(None).unwrap();
    assert_eq!(
        model.manifest().files,
        ["weights.safetensors", "tokenizer.json"]
    );
    let error = write(Some(&["weights.safetensors", "../m/1/tokenizer.json"]));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("manifest.json is damaged"), "{error}");
}

#[test]
fn a_manifest_is_read_once() {
    let root = tempfile::tempdir().unwrap();
    publish(&Store::new(root.path()), "words");
    let files = Arc::new(Watched {
        folder: Folder(root.path().to_path_buf()),
        opened: Mutex::default(),
    });
    let store = Store::reading(root.path().to_path_buf(), files.clone());
    let reads = || {
        let opened = files.opened.lock().unwrap();
        let manifests = opened.iter().filter(|file| file.ends_with("manifest.json"));
        manifests.count()
    };
    let model = open(&store).unwrap();
    open(&store).unwrap();
    let again = store.open_reference(model.name()).unwrap();
    assert_eq!(again.name(), model.name());
    assert_eq!(reads(), 1);
    publish(&store, "other words");
    assert_eq!(open(&store).unwrap().name().version, 2);
    assert_eq!(reads(), 2);
}

#[test]
fn a_reference_means_one_content() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(root.path());
    publish(&store, "words");
    let reference = open(&store).unwrap().name().clone();
    assert_eq!(reference.to_string(), "m.1");
    let elsewhere = || Store::new(root.path()).open_reference(&reference);
    assert_eq!(elsewhere().unwrap().digest(), reference.digest);
    store.remove(&ModelName::parse("m").unwrap()).unwrap();
    let error = elsewhere().unwrap_err().to_string();
    assert!(error.contains("model m.1 was dropped"), "{error}");
    publish(&store, "other words");
    let error = elsewhere().unwrap_err().to_string();
    assert!(error.contains("is not the one any more"), "{error}");
}
