//! Who may use libtorch's global state.

use std::sync::Mutex;

/// One training at a time: its generator and its thread count are global in libtorch.
static TRAINING: Mutex<()> = Mutex::new(());

/// Runs `work` as the only training of the process with `threads` libtorch threads.
pub fn with_threads<T>(threads: usize, work: impl FnOnce() -> T) -> T {
    let _alone = TRAINING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    tch::set_num_threads(threads.max(1) as i32);
    work()
}
