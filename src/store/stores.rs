//! The stores that a session has read from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::catalog::Store;
use super::model::FittedModel;
use super::reference::ModelRef;
use crate::error::Result;

/// Stores by their folders. Each is made once, with the models that it keeps in memory.
#[derive(Debug, Default)]
pub struct Stores(Mutex<HashMap<PathBuf, Arc<Store>>>);

impl Stores {
    /// The models in `root`.
    pub fn at(&self, root: &Path) -> Arc<Store> {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let store = stores.entry(root.to_path_buf());
        let store = store.or_insert_with(|| Arc::new(Store::new(root)));
        Arc::clone(store)
    }

    /// The version that `reference` stands for.
    ///
    /// # Errors
    /// As [`Store::open_reference`].
    pub fn open(&self, reference: &ModelRef) -> Result<FittedModel> {
        self.at(&reference.root).open_reference(reference)
    }
}
