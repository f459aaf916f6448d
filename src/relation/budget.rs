//! DataFusion's memory pool as the encoder, a training and loaded models see it.

use std::sync::Arc;

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
