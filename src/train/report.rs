//! What training tells the outside, while it runs and afterwards.

use serde::{Deserialize, Serialize};

/// News from a running CREATE MODEL.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainingEvent {
    /// The query is being read and encoded; rows so far.
    Reading {
        /// Rows encoded so far.
        rows: u64,
    },
    /// A batch has been trained on.
    Batch {
        /// The epoch, from 1.
        epoch: usize,
        /// Epochs at the most.
        epochs: usize,
        /// The batch in its epoch, from 1.
        batch: u64,
        /// Batches of an epoch.
        batches: u64,
        /// Rows a second in this epoch so far.
        rows_per_second: f64,
        /// Means of this epoch so far, by name: "loss", or those of two networks that oppose each other.
        losses: Vec<(&'static str, f64)>,
        /// Seconds left if all epochs are trained.
        seconds_left: f64,
    },
    /// The rows held back are being scored.
    Evaluating,
    /// A checkpoint was kept: a training that is cancelled now can go on from it.
    Saved {
        /// The last epoch that is in it.
        epoch: usize,
    },
    /// Training has ended, one way or the other.
    Finished,
}

/// Who wants to hear of running trainings; a terminal's progress bar for example.
pub trait Progress: Send + Sync {
    /// Called now and then, from the thread that trains: it must be quick.
    fn event(&self, event: &TrainingEvent);
}

/// A row of CREATE MODEL and TRAINING_INFO: one epoch, split and task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// From 1.
    pub epoch: i64,
    /// `train` or `eval`.
    pub split: String,
    /// The label's name.
    pub task: String,
    /// Mean loss over the task's sample space; none when that is empty.
    pub loss: Option<f64>,
    /// Area under the ROC curve; none where one class is missing. That of the train split is taken
    /// from the predictions made while training, on its first million rows.
    pub auc: Option<f64>,
    /// The task's weight in the loss.
    pub weight: f64,
    /// Rows in the task's sample space.
    pub rows: i64,
    /// Wall time of this epoch's training or evaluation alone.
    pub seconds: f64,
}
