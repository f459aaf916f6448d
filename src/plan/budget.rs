//! DataFusion's memory pool as the encoder, a training and loaded models see it, and its place on disk.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};

use crate::feature::Budget;

/// A consumer of the pool.
pub struct PoolBudget {
    reservation: MemoryReservation,
}

impl PoolBudget {
    /// A consumer that the pool's errors call `name`.
    pub fn new(name: &str, pool: &Arc<dyn MemoryPool>) -> Self {
        Self {
            reservation: MemoryConsumer::new(name).register(pool),
        }
    }
}

impl Budget for PoolBudget {
    fn try_grow(&self, bytes: usize) -> bool {
        self.reservation.try_grow(bytes).is_ok()
    }

    fn shrink(&self, bytes: usize) {
        self.reservation.shrink(bytes);
    }
}

/// Where rows go that don't fit in memory: DataFusion's own place for such files, or else beside the
/// draft.
pub fn spill_folder(context: &TaskContext, fallback: PathBuf) -> PathBuf {
    let disk = &context.runtime_env().disk_manager;
    match disk.temp_dir_paths().into_iter().next() {
        Some(folder) => folder,
        None => fallback,
    }
}
