//! Models that stay loaded between queries.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// Models that stay loaded.
const LOADED: usize = 8;

/// A predictor or generator.
type Entry = Arc<dyn Any + Send + Sync>;

/// Loaded models by the checksum of their files and their device.
#[derive(Debug, Default)]
pub struct Cache {
    /// The latest used last.
    entries: Mutex<Vec<(String, Entry)>>,
    /// Held while a model is loaded, so that partitions that begin together load it once.
    loading: Mutex<()>,
}

impl Cache {
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
        if entries.len() >= LOADED {
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
