//! Where the files of stored models are read: a folder of this machine. Whatever reads a stored model goes
//! through [`Files`], so that a bucket can be one more place.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A tree of files that are read; paths begin at its root.
pub trait Files: Send + Sync + fmt::Debug {
    /// A file from its beginning.
    ///
    /// # Errors
    /// `Execution` when it is missing, `Io` when it can't be read.
    fn open(&self, file: &Path) -> Result<Box<dyn Read>>;

    /// How many bytes a file has.
    ///
    /// # Errors
    /// As [`Files::open`].
    fn size(&self, file: &Path) -> Result<u64>;

    /// A path of this machine with what is in the file, for libraries that read nothing else.
    ///
    /// # Errors
    /// As [`Files::open`].
    fn local(&self, file: &Path) -> Result<PathBuf>;

    /// Whether there is such a file.
    fn exists(&self, file: &Path) -> bool;

    /// The names of what is in a folder; none where there is no such folder.
    fn list(&self, folder: &Path) -> Vec<String>;

    /// What a path is called in an error.
    fn shown(&self, path: &Path) -> String;

    /// The whole of a small file.
    ///
    /// # Errors
    /// As [`Files::open`].
    fn read(&self, file: &Path) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(file)?
            .read_to_end(&mut bytes)
            .map_err(|e| unreadable(&self.shown(file), e))?;
        Ok(bytes)
    }
}

/// The error for a file that is there and can't be read.
pub fn unreadable(shown: &str, e: std::io::Error) -> Error {
    Error::io(format!("can't read {shown}"), e)
}

/// The files of a folder of this machine.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    fn wrong(&self, file: &Path, e: std::io::Error) -> Error {
        match e.kind() {
            ErrorKind::NotFound => Error::execution(format!("{} is missing", self.shown(file))),
            _ => unreadable(&self.shown(file), e),
        }
    }
}

impl Files for Folder {
    fn open(&self, file: &Path) -> Result<Box<dyn Read>> {
        match File::open(self.0.join(file)) {
            Ok(open) => Ok(Box::new(open)),
            Err(e) => Err(self.wrong(file, e)),
        }
    }

    fn size(&self, file: &Path) -> Result<u64> {
        let found = std::fs::metadata(self.0.join(file));
        Ok(found.map_err(|e| self.wrong(file, e))?.len())
    }

    fn local(&self, file: &Path) -> Result<PathBuf> {
        Ok(self.0.join(file))
    }

    fn exists(&self, file: &Path) -> bool {
        self.0.join(file).is_file()
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join(folder));
        let names = entries.into_iter().flatten().flatten();
        names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    }

    fn shown(&self, path: &Path) -> String {
        self.0.join(path).display().to_string()
    }
}
