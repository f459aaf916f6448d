//! What stays in memory of models between queries.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// A predictor or generator, or a manifest.
type Entry = Arc<dyn Any + Send + Sync>;

/// What was read of models, by the checksum of their files and what else it depends on.
#[derive(Debug)]
pub struct Cache {
    /// How many stay.
    most: usize,
    /// The latest used last.
    entries: Mutex<Vec<(String, Entry)>>,
    /// Held while something is read, so that partitions that begin together load it once.
    loading: Mutex<()>,
}

impl Cache {
    /// An empty cache of `most` entries.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            entries: Mutex::default(),
            loading: Mutex::default(),
        }
    }

    /// The entry of that key, made by `load` when it is not there.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn get<T: Any + Send + Sync>(
        &self,
        key: &str,
        load: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        let typed = |entry: Entry| {
            let wrong = |_| Error::internal(format!("{key} was loaded as something else"));
            entry.downcast().map_err(wrong)
        };
        if let Some(found) = self.find(key) {
            return typed(found);
        }
        let _alone = lock(&self.loading);
        if let Some(found) = self.find(key) {
            return typed(found);
        }
        let loaded = Arc::new(load()?);
        let mut entries = lock(&self.entries);
        if entries.len() >= self.most {
            entries.remove(0);
        }
        entries.push((key.to_string(), loaded.clone() as Entry));
        Ok(loaded)
    }

    /// Forgets models that nobody uses now; returns whether there were any.
    pub fn forget_idle(&self) -> bool {
        let mut entries = lock(&self.entries);
        let before = entries.len();
        entries.retain(|(_, loaded)| Arc::strong_count(loaded) > 1);
        entries.len() < before
    }

    fn find(&self, key: &str) -> Option<Entry> {
        let mut entries = lock(&self.entries);
        let at = entries.iter().position(|(k, _)| k == key)?;
        let entry = entries.remove(at);
        let found = entry.1.clone();
        entries.push(entry);
        Some(found)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
