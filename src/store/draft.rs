//! A version of a model on its way to being published.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::checksum::{self, Sums};
use super::files::Files;
use super::manifest::Manifest;
use super::model::{MANIFEST, VOCABULARY, WEIGHTS};
use crate::error::{Error, Result};
use crate::feature::Encoder;
use crate::layer::Params;

/// How the names of unfinished folders begin; no model's name does.
const PREFIX: &str = ".draft-";

/// The default version's file in a model's folder.
pub const DEFAULT: &str = "default";

/// A folder beside the models that vanishes unless it is published. Its empty lock file is locked as
/// long as the draft lives, so that leftovers of a killed process can be told from work in progress.
/// Its name says which version it is to become, so that no other draft takes that number.
pub struct Draft {
    folder: TempDir,
    number: u64,
    _lock: File,
}

impl Draft {
    /// A new draft of version `number` of model `name` in `root`, which is made where it is missing.
    ///
    /// # Errors
    /// `Io` when there is no right or no space to write there.
    pub fn new(root: &Path, name: &str, number: u64) -> Result<Self> {
        let fail = |e| {
            Error::io(
                format!("can't write in the model folder {}", root.display()),
                e,
            )
        };
        std::fs::create_dir_all(root).map_err(fail)?;
        let folder = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{name}.{number}."))
            .tempdir_in(root)
            .map_err(fail)?;
        let lock = lock_file(&folder.path().join("lock")).map_err(fail)?;
        lock.lock().map_err(fail)?;
        let draft = Self {
            folder,
            number,
            _lock: lock,
        };
        std::fs::create_dir_all(draft.version()).map_err(fail)?;
        Ok(draft)
    }

    /// The version that this is to become.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The folder that becomes a model's when the name is new.
    pub fn model(&self) -> PathBuf {
        self.folder.path().join("model")
    }

    /// The folder that becomes a version's.
    pub fn version(&self) -> PathBuf {
        self.model().join(self.number.to_string())
    }

    /// A place for rows that don't fit in memory while the draft is made.
    pub fn scratch(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }

    /// Writes the manifest and the parts that it will list, with their checksums, through to the disk.
    ///
    /// # Errors
    /// `Io` when the disk is full or the folder is gone.
    pub fn write(&self, mut manifest: Manifest, parts: &[Part]) -> Result<()> {
        let folder = self.version();
        manifest.files = parts.iter().map(|part| part.name.to_string()).collect();
        let json = serde_json::to_vec_pretty(&manifest)
            .map_err(|e| Error::internal(format!("the manifest can't be written as JSON: {e}")))?;
        write(&folder.join(MANIFEST), &json)?;
        let mut files = vec![MANIFEST];
        for part in parts {
            (part.write)(&folder.join(part.name))?;
            files.push(part.name);
        }
        Sums::write(&folder, &files)?;
        write_default(
            &self.model(),
            Default {
                version: self.number,
                last: self.number,
            },
        )?;
        for file in files.into_iter().chain([checksum::SUMS]) {
            sync(&folder.join(file))?;
        }
        sync(&folder)?;
        sync(&self.model())
    }
}

/// A file of a version beside the manifest.
pub struct Part<'a> {
    name: &'static str,
    write: Box<Write<'a>>,
}

/// Writes a file to a path.
type Write<'a> = dyn Fn(&Path) -> Result<()> + 'a;

impl<'a> Part<'a> {
    /// A file of that name, which `write` writes to a path.
    pub fn new(name: &'static str, write: impl Fn(&Path) -> Result<()> + 'a) -> Self {
        let write = Box::new(write);
        Self { name, write }
    }

    /// The weights of a network.
    pub fn weights(params: &'a Params) -> Self {
        Self::new(WEIGHTS, move |path| {
            let tensors = params.tensors().into_iter();
            let tensors = tensors
                .map(|(name, t)| Ok((name, t.detach().f_to_device(tch::Device::Cpu)?)))
                .collect::<Result<Vec<_>>>()?;
            tch::Tensor::write_safetensors(&tensors, path)
                .map_err(|e| Error::execution(format!("can't write {}: {e}", path.display())))
        })
    }

    /// The values that an encoder knows.
    pub fn vocabulary(encoder: &'a Encoder) -> Self {
        Self::new(VOCABULARY, move |path| encoder.save_vocabulary(path))
    }
}

/// Removes what killed processes left in `root`.
pub fn sweep(root: &Path) {
    let Ok(entries) = std::fs::read_dir(root) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let abandoned = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && File::open(path.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if abandoned {
            // A folder that can't be removed does no harm; the next sweep tries again.
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

/// The highest version of model `name` that a draft in `root` is to become; 0 without drafts.
pub fn last_drafted(root: &Path, name: &str) -> u64 {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| {
        let file = entry.file_name();
        let rest = file.to_str()?.strip_prefix(PREFIX)?.strip_prefix(name)?;
        let (number, _) = rest.strip_prefix('.')?.split_once('.')?;
        number.parse().ok()
    });
    numbers.max().unwrap_or(0)
}

/// Opens or makes an empty file to lock.
pub fn lock_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

/// What the file of the default version says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Default {
    /// The version that the name alone means.
    pub version: u64,
    /// The highest version that there ever was: a number is not used again.
    pub last: u64,
}

impl Default {
    /// The file's text: both numbers, and a checksum of that line.
    fn text(self) -> String {
        let line = format!("{} {}\n", self.version, self.last);
        let sum = checksum::of_bytes(line.as_bytes());
        format!("{line}{sum}\n")
    }
}

/// Changes the default version of the model in `folder`, by one atomic rename.
///
/// # Errors
/// `Io` when the folder can't be written.
pub fn write_default(folder: &Path, default: Default) -> Result<()> {
    let next = folder.join(".default.next");
    write(&next, default.text().as_bytes())?;
    sync(&next)?;
    let path = folder.join(DEFAULT);
    std::fs::rename(&next, &path)
        .map_err(|e| Error::io(format!("can't write {}", path.display()), e))
}

/// The default version of the model in `folder`, verified.
///
/// # Errors
/// `Execution` when the file is missing or damaged.
pub fn read_default(files: &dyn Files, folder: &Path) -> Result<Default> {
    let path = folder.join(DEFAULT);
    let damaged = || checksum::damaged(&files.shown(&path));
    let text = String::from_utf8(files.read(&path)?).map_err(|_| damaged())?;
    let numbers = text.lines().next().and_then(|l| l.split_once(' '));
    let default = numbers.and_then(|(version, last)| {
        let (version, last) = (version.parse().ok()?, last.parse().ok()?);
        Some(Default { version, last })
    });
    match default {
        Some(default) if text == default.text() => Ok(default),
        _ => Err(damaged()),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| Error::io(format!("can't write {}", path.display()), e))
}

/// Waits until a file or folder is on the disk.
pub fn sync(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|f| f.sync_all())
        .map_err(|e| Error::io(format!("can't write {}", path.display()), e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::files::Folder;

    #[test]
    fn an_unpublished_draft_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let draft = Draft::new(root.path(), "m", 1).unwrap();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
        drop(draft);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn sweep_takes_leftovers_and_spares_work_in_progress() {
        let root = tempfile::tempdir().unwrap();
        let alive = Draft::new(root.path(), "m", 4).unwrap();
        let left = root.path().join(".draft-killed");
        std::fs::create_dir(&left).unwrap();
        lock_file(&left.join("lock")).unwrap();
        sweep(root.path());
        assert!(!left.exists());
        assert!(alive.version().exists());
        assert_eq!(last_drafted(root.path(), "m"), 4);
        assert_eq!(last_drafted(root.path(), "m2"), 0);
    }

    #[test]
    fn the_default_version_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let default = Default {
            version: 12,
            last: 13,
        };
        write_default(folder.path(), default).unwrap();
        let read = || read_default(&Folder(folder.path().to_path_buf()), Path::new(""));
        assert_eq!(read().unwrap(), default);
        let path = folder.path().join(DEFAULT);
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, bad).unwrap();
            assert!(read().is_err(), "byte {at}");
        }
    }
}
