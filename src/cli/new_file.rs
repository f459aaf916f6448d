//! A file that is there as a whole or not at all: written beside its place, and then given its name.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::failure::{Failure, Outcome};

/// A file on its way to `path`.
pub struct NewFile {
    path: PathBuf,
    overwrite: bool,
}

impl NewFile {
    /// At `path`, in place of what is there if `overwrite` says so.
    ///
    /// # Errors
    /// When something is there already.
    pub fn at(path: &Path, overwrite: bool) -> Outcome<Self> {
        let new = Self {
            path: path.to_path_buf(),
            overwrite,
        };
        match path.exists() && !overwrite {
            true => Err(new.exists()),
            false => Ok(new),
        }
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a hidden file beside the path.
    ///
    /// # Errors
    /// When the folder is missing or can't be written.
    pub fn open(&self) -> Outcome<NamedTempFile> {
        let path = &self.path;
        let name = path
            .file_name()
            .ok_or_else(|| Failure::Error(format!("{} is not a file name", path.display())))?;
        tempfile::Builder::new()
            .prefix(&format!(".{}.", name.to_string_lossy()))
            .suffix(".tmp")
            // As any file that a user makes: the umask decides, not this program.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(self.folder())
            .map_err(|error| self.cannot_write(&error))
    }

    /// Brings everything to the disk, then gives the file its name.
    ///
    /// # Errors
    /// When it can't be written, or somebody else was faster.
    pub fn publish(self, file: NamedTempFile) -> Outcome {
        let synced = file.as_file().sync_all();
        synced.map_err(|error| self.cannot_write(&error))?;
        let published = match self.overwrite {
            true => file.persist(&self.path),
            false => file.persist_noclobber(&self.path),
        };
        published.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => self.exists(),
            _ => self.cannot_write(&error.error),
        })?;
        File::open(self.folder())
            .and_then(|folder| folder.sync_all())
            .map_err(|error| self.cannot_write(&error))
    }

    /// All of it at once.
    ///
    /// # Errors
    /// As [`NewFile::open`] and [`NewFile::publish`].
    pub fn write(self, bytes: &[u8]) -> Outcome {
        let mut file = self.open()?;
        let written = file.write_all(bytes);
        written.map_err(|error| self.cannot_write(&error))?;
        self.publish(file)
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    fn exists(&self) -> Failure {
        let path = self.path.display();
        Failure::Error(format!("{path} exists; --overwrite replaces it"))
    }

    fn cannot_write(&self, error: &io::Error) -> Failure {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => io::Error::other("no such folder"),
            kind => match error.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None => io::Error::new(kind, error.to_string()),
            },
        };
        Failure::io(format!("can't write {}", self.path.display()), &reason)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_there_stays_until_all_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grid.png");
        NewFile::at(&path, false).unwrap().write(b"old").unwrap();
        let refused = NewFile::at(&path, false).err();
        assert!(
            matches!(refused, Some(Failure::Error(text)) if text.ends_with("--overwrite replaces it"))
        );
        let new = NewFile::at(&path, true).unwrap();
        let mut file = new.open().unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        new.write(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let nowhere = NewFile::at(&folder.path().join("none/grid.png"), false).unwrap();
        assert!(
            matches!(nowhere.write(b""), Err(Failure::Error(text)) if text.ends_with("no such folder"))
        );
    }
}
