//! Who may use libtorch's global state.

use std::sync::{Mutex, PoisonError};

/// One training at a time: it takes all cores.
static TRAINING: Mutex<()> = Mutex::new(());

/// Runs `work` as the only training of the process.
pub fn alone<T>(work: impl FnOnce() -> T) -> T {
    let _alone = TRAINING.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}
