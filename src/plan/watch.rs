//! How what is running and who waits for it hear of each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::runtime::SpawnedTask;

use crate::error::{Error, Result};
use crate::train::{Progress, TrainingEvent};

/// Tells the outside how far it is, and the inside when nobody waits any longer.
#[derive(Clone)]
pub struct Watch {
    progress: Option<Arc<dyn Progress>>,
    /// Set once nobody waits any longer.
    pub cancelled: Arc<AtomicBool>,
}

impl Watch {
    /// Nobody has cancelled yet.
    pub fn new(progress: Option<Arc<dyn Progress>>) -> Self {
        Self {
            progress,
            cancelled: Arc::default(),
        }
    }

    /// Passes news on; false when the statement was cancelled.
    pub fn event(&self, event: &TrainingEvent) -> bool {
        if let Some(progress) = &self.progress {
            progress.event(event);
        }
        self.check().is_ok()
    }

    /// An error when nobody waits any longer.
    ///
    /// # Errors
    /// `Cancelled`.
    pub fn check(&self) -> Result<()> {
        match self.cancelled.load(Ordering::Relaxed) {
            true => Err(Error::cancelled()),
            false => Ok(()),
        }
    }
}

/// Ends what it watches over when it is dropped: a stream that is dropped drops this.
pub struct CancelOnDrop(pub Watch);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
        if let Some(progress) = &self.0.progress {
            progress.event(&TrainingEvent::Finished);
        }
    }
}

/// Runs `work` on a thread that may block; dropping the future does not end it, its watch does.
///
/// # Errors
/// As [`joined`].
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    joined(SpawnedTask::spawn_blocking(work).await)
}

/// What a task came to.
///
/// # Errors
/// Those of the task; `Cancelled` when it was aborted, `Internal` when it panicked.
pub fn joined<T>(result: Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    result.map_err(|e| match e.is_cancelled() {
        true => Error::cancelled(),
        false => Error::internal(format!("a task of the training failed: {e}")),
    })?
}
