//! What stands for a version of a model in a plan.

use std::fmt;
use std::path::PathBuf;

/// A version of a model, by which it can be opened again, elsewhere too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelRef {
    /// The folder of models.
    pub root: PathBuf,
    /// The model's name.
    pub name: String,
    /// From 1.
    pub version: u64,
    /// The checksum of its content.
    pub digest: String,
}

impl ModelRef {
    /// The folder of its files, from the root.
    pub fn folder(&self) -> PathBuf {
        folder(&self.name, self.version)
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.version)
    }
}

/// The folder of a version's files, from the root of its store.
pub fn folder(name: &str, version: u64) -> PathBuf {
    PathBuf::from(name).join(version.to_string())
}
