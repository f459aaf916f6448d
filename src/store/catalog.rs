//! The folder of models: what is there, and the changes to it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::cache::Cache;
use super::checkpoint::{self, CheckpointFile};
use super::checksum::{SUMS, Sums};
use super::draft::{
    DEFAULT, Default, Draft, last_drafted, lock_file, read_default, sweep, sync, write_default,
};
use super::files::{Files, Folder};
use super::manifest::{Manifest, Opened};
use super::model::{FittedModel, MANIFEST};
use super::name::ModelName;
use super::reference::{ModelRef, folder};
use crate::error::{Error, Result};

/// All models in one folder. Several processes may use it at once.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// What is in `root`.
    files: Arc<dyn Files>,
    opened: Cache,
    loaded: Arc<Cache>,
}

/// Models that stay loaded.
const LOADED: usize = 8;

/// Manifests that stay in memory.
const OPENED: usize = 64;

/// A version of a model in a listing.
pub struct Entry {
    /// The model's name.
    pub name: String,
    /// From 1.
    pub version: u64,
    /// Whether the name alone means this version.
    pub is_default: bool,
    /// What is known of it; an error where it is damaged.
    pub manifest: Result<Manifest>,
}

impl Store {
    /// The models in `root`; the folder is made when the first model is.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let files = Arc::new(Folder(root.clone()));
        Self::reading(root, files)
    }

    /// As [`Store::new`], reading what is in `root` through `files`.
    pub(super) fn reading(root: PathBuf, files: Arc<dyn Files>) -> Self {
        Self {
            files,
            root,
            opened: Cache::new(OPENED),
            loaded: Arc::new(Cache::new(LOADED)),
        }
    }

    /// The names of all models, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.files.list(Path::new(""));
        names.retain(|name| {
            ModelName::parse_unversioned(name).is_ok() && !self.versions(name).is_empty()
        });
        names.sort();
        names
    }

    /// Every version of every model, by name and version.
    pub fn list(&self) -> Vec<Entry> {
        let mut list = Vec::new();
        for name in self.names() {
            let default = self.default(&name).ok();
            for version in self.versions(&name) {
                let opened = self.read(&folder(&name, version));
                list.push(Entry {
                    is_default: default.is_some_and(|d| d.version == version),
                    manifest: opened.map(|opened| opened.manifest.clone()),
                    name: name.clone(),
                    version,
                });
            }
        }
        list
    }

    /// Whether there is a model of that name, in whatever state.
    pub fn exists(&self, name: &str) -> bool {
        self.files.exists(&Path::new(name).join(DEFAULT)) || !self.versions(name).is_empty()
    }

    /// The versions of a model, rising.
    fn versions(&self, name: &str) -> Vec<u64> {
        let names = self.files.list(Path::new(name)).into_iter();
        let numbers = names.filter_map(|name| name.parse().ok());
        let mut versions: Vec<u64> = numbers
            .filter(|&version| {
                let folder = folder(name, version);
                let mut files = [SUMS, MANIFEST].iter();
                files.any(|file| self.files.exists(&folder.join(file)))
            })
            .collect();
        versions.sort_unstable();
        versions
    }

    /// Opens a model: reads and verifies what planning needs; weights are loaded when they are used.
    ///
    /// # Errors
    /// `Plan` when there is no such model or version; `Execution` when it is damaged.
    pub fn open(&self, name: &ModelName) -> Result<FittedModel> {
        let version = self.resolve(name)?;
        let opened = self.read(&folder(&name.name, version))?;
        Ok(self.model(&name.name, version, opened))
    }

    /// Opens the version that `reference` stands for, whatever its name means by now.
    ///
    /// # Errors
    /// `Execution` when it was dropped, replaced or damaged.
    pub fn open_reference(&self, reference: &ModelRef) -> Result<FittedModel> {
        let opened = self.opened.get(&reference.digest, || {
            let folder = reference.folder();
            if self.files.list(&folder).is_empty() {
                return Err(dropped(reference));
            }
            let sums = Sums::read(self.files.as_ref(), &folder)?;
            match sums.digest == reference.digest {
                true => Opened::read(self.files.as_ref(), &folder, sums),
                false => Err(Error::execution(format!(
                    "model {reference} is not the one any more that the query was planned with: plan it again"
                ))),
            }
        })?;
        Ok(self.model(&reference.name, reference.version, opened))
    }

    /// What is read of the version in `folder` when it is opened; a manifest is read once.
    fn read(&self, folder: &Path) -> Result<Arc<Opened>> {
        let files = self.files.as_ref();
        let sums = Sums::read(files, folder)?;
        let digest = sums.digest.clone();
        self.opened
            .get(&digest, || Opened::read(files, folder, sums))
    }

    fn model(&self, name: &str, version: u64, opened: Arc<Opened>) -> FittedModel {
        let reference = ModelRef {
            root: self.root.clone(),
            name: name.to_string(),
            version,
            digest: opened.sums.digest.clone(),
        };
        FittedModel::new(reference, opened, self.files.clone(), self.loaded.clone())
    }

    /// What the file of the default version says.
    fn default(&self, name: &str) -> Result<Default> {
        read_default(self.files.as_ref(), Path::new(name))
    }

    /// The version that `name` means.
    fn resolve(&self, name: &ModelName) -> Result<u64> {
        let versions = self.versions(&name.name);
        if versions.is_empty() && !self.exists(&name.name) {
            let known = self.names();
            let known = match known.len() {
                0 => format!("there are no models in {}", self.root.display()),
                _ => format!("known: {}", known.join(", ")),
            };
            return Err(Error::plan(format!(
                "unknown model {:?}; {known}",
                name.name
            )));
        }
        let default = || self.default(&name.name).map(|d| d.version);
        let version = name.version.map_or_else(default, Ok)?;
        if versions.contains(&version) {
            return Ok(version);
        }
        let known: Vec<_> = versions.iter().map(u64::to_string).collect();
        Err(Error::plan(format!(
            "unknown version {version} of model {:?}; known: {}",
            name.name,
            known.join(", ")
        )))
    }

    /// The highest version of `name` that there ever was.
    fn last_version(&self, name: &str) -> u64 {
        let used = self.default(name).map_or(0, |d| d.last);
        let there = self.versions(name).last().copied().unwrap_or(0);
        used.max(there)
    }

    /// Forgets loaded models that nobody uses now, which gives their memory back.
    pub fn forget_idle(&self) {
        self.loaded.forget_idle();
    }

    /// A place to make the next version of `name` in. Its number is nobody else's, whichever of
    /// several drafts is published first.
    ///
    /// # Errors
    /// `Io` when the model folder can't be written.
    pub fn draft(&self, name: &str) -> Result<Draft> {
        let _lock = self.lock()?;
        sweep(&self.root);
        let last = self.last_version(name).max(last_drafted(&self.root, name));
        Draft::new(&self.root, name, last + 1)
    }

    /// The checkpoint of a training of model `name` which is what `statement` says and makes `draft`; `resume`
    /// is whether the training is to go on from the one that is there.
    pub fn checkpoint(
        &self,
        name: &str,
        draft: &Draft,
        statement: Map<String, Value>,
        resume: bool,
    ) -> CheckpointFile {
        CheckpointFile::new(&self.root, name, draft, statement, resume)
    }

    /// What the training of model `name` that was interrupted was asked for, if there is one.
    ///
    /// # Errors
    /// `Execution` when its checkpoint is damaged.
    pub fn interrupted(&self, name: &str) -> Result<Option<Map<String, Value>>> {
        checkpoint::statement(&self.root, name)
    }

    /// Publishes `draft` as a new model, or with `or_replace` as a version of it that becomes the
    /// default.
    ///
    /// # Errors
    /// `Plan` when the name is taken; `Io` when the folder can't be written.
    pub fn publish(&self, name: &str, draft: Draft, or_replace: bool) -> Result<()> {
        let _lock = self.lock()?;
        let target = self.root.join(name);
        if !target.exists() {
            rename(&draft.model(), &target)?;
            checkpoint::remove(&self.root, name);
            return sync(&self.root);
        }
        if !self.exists(name) {
            return Err(Error::plan(format!(
                "{} is in the way: it is no model",
                target.display()
            )));
        }
        if !or_replace {
            return Err(taken(name));
        }
        let version = draft.number();
        let last = self.last_version(name).max(version);
        rename(&draft.version(), &target.join(version.to_string()))?;
        write_default(&target, Default { version, last })?;
        checkpoint::remove(&self.root, name);
        sync(&target)
    }

    /// Removes a version, or with no version the whole model. The highest version that is left
    /// becomes the default when the default one goes.
    ///
    /// # Errors
    /// `Plan` when there is none; `Io` when the folder can't be written.
    pub fn remove(&self, name: &ModelName) -> Result<()> {
        let lock = self.lock()?;
        let folder = self.root.join(&name.name);
        let is_whole = name.version.is_none();
        if !self.exists(&name.name) && is_whole && checkpoint::remove(&self.root, &name.name) {
            // All that there was of it.
            return Ok(());
        }
        if !self.exists(&name.name) || !is_whole {
            self.resolve(name)?;
        }
        let versions = self.versions(&name.name);
        let bin = Draft::new(&self.root, &name.name, 0)?;
        let away = bin.scratch().join("dropped");
        match name.version {
            Some(version) if versions.len() > 1 => {
                let left = versions.iter().rev().find(|&&v| v != version);
                let default = self.default(&name.name).ok();
                if let (Some(&left), Some(default)) = (left, default)
                    && default.version == version
                {
                    let version = left;
                    write_default(&folder, Default { version, ..default })?;
                }
                rename(&folder.join(version.to_string()), &away)?;
            }
            _ => {
                checkpoint::remove(&self.root, &name.name);
                rename(&folder, &away)?;
            }
        }
        drop(lock);
        // The draft takes what was dropped with it.
        drop(bin);
        Ok(())
    }

    /// Gives a model another name.
    ///
    /// # Errors
    /// `Plan` when there is no such model or the name is taken; `Io` when the folder can't be written.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        let _lock = self.lock()?;
        self.resolve(&ModelName {
            name: from.to_string(),
            version: None,
        })?;
        if self.root.join(to).exists() {
            return Err(taken(to));
        }
        sweep(&self.root);
        if last_drafted(&self.root, to) > 0 {
            return Err(Error::plan(format!(
                "a model {to:?} is being trained: wait for its end, or choose another name"
            )));
        }
        rename(&self.root.join(from), &self.root.join(to))?;
        sync(&self.root)
    }

    /// Makes a version the one that the name alone means.
    ///
    /// # Errors
    /// `Plan` when there is no such version; `Io` when the folder can't be written.
    pub fn set_default(&self, name: &str, version: u64) -> Result<()> {
        let _lock = self.lock()?;
        let name = ModelName {
            name: name.to_string(),
            version: Some(version),
        };
        self.resolve(&name)?;
        let folder = self.root.join(&name.name);
        let last = self.last_version(&name.name);
        write_default(&folder, Default { version, last })
    }

    /// Held while the catalog changes.
    fn lock(&self) -> Result<File> {
        let fail = |e| {
            Error::io(
                format!("can't write in the model folder {}", self.root.display()),
                e,
            )
        };
        if !self.root.exists() {
            std::fs::create_dir_all(&self.root).map_err(fail)?;
        }
        let file = lock_file(&self.root.join(".lock")).map_err(fail)?;
        file.lock().map_err(fail)?;
        Ok(file)
    }
}

/// The error for a name that is in use.
pub fn taken(name: &str) -> Error {
    Error::plan(format!(
        "model {name:?} exists; CREATE OR REPLACE MODEL makes its next version"
    ))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(|e| Error::io(format!("can't write {}", to.display()), e))
}

/// The error for a version whose files are gone.
pub fn dropped(model: &ModelRef) -> Error {
    Error::execution(format!("model {model} was dropped while it was being used"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_no_model_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::new(root.path());
        let file = root.path().join("precious/notes.txt");
        std::fs::create_dir(root.path().join("precious")).unwrap();
        std::fs::write(&file, "mine").unwrap();
        let name = ModelName::parse("precious").unwrap();
        let text = store.remove(&name).unwrap_err().to_string();
        assert!(text.contains("unknown model"), "{text}");
        assert!(file.exists() && store.names().is_empty());
    }
}
