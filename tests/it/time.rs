//! How long tests wait: one budget for all of them.

use std::time::{Duration, Instant};

/// For what takes its time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// For the answer to a signal.
const SOON: Duration = Duration::from_secs(2);

/// Waits until something has happened; `missing` says what is not so if it never does.
pub fn wait_until(missing: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < PATIENCE, "{missing}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Checks that a signal sent at `sent` has been answered at once.
pub fn answered_soon(sent: Instant) {
    assert!(sent.elapsed() < SOON, "{:?}", sent.elapsed());
}
