//! What an epoch has come to so far: losses, predictions, weights of the tasks.

use tch::Tensor;

use super::evaluate::TaskScore;
use super::loss::Loss;
use super::shard::Share;
use crate::error::{Error, Result};
use crate::feature::TaskKind;
use crate::metric::{self, Constants, Rows};
use crate::tensor::memory::append;

/// What a share left on its device.
struct Pending {
    /// Of each task.
    losses: Vec<Tensor>,
    /// Of each binary task; none when they are not kept.
    logits: Vec<Option<Tensor>>,
    /// Rows that each loss is a mean over.
    rows: Vec<u64>,
}

/// Losses and predictions of the epoch so far.
pub struct Running {
    /// Sum of each task's loss over its rows so far.
    sums: Vec<f64>,
    rows: Vec<u64>,
    /// Rows with label 1, of binary tasks.
    positives: Vec<Option<u64>>,
    logits: Vec<Vec<f32>>,
    labels: Vec<Vec<f32>>,
    /// What has not been read yet: reading waits for the device.
    pending: Vec<Pending>,
    /// Mean loss over the tasks, as far as it has been read.
    pub mean: f64,
    /// Sum of the tasks' weights over the steps.
    weights: Vec<f64>,
    steps: f64,
}

impl Running {
    /// Nothing yet, for these tasks.
    pub fn new(tasks: &[(Loss, TaskKind)]) -> Self {
        let num_tasks = tasks.len();
        let binary = |(_, kind): &(Loss, TaskKind)| *kind == TaskKind::Binary;
        Self {
            sums: vec![0.; num_tasks],
            rows: vec![0; num_tasks],
            positives: tasks.iter().map(|task| binary(task).then_some(0)).collect(),
            logits: vec![Vec::new(); num_tasks],
            labels: vec![Vec::new(); num_tasks],
            pending: Vec::new(),
            mean: 0.,
            weights: vec![0.; num_tasks],
            steps: 0.,
        }
    }

    /// Takes the weights of a step.
    pub fn weigh(&mut self, weights: &[f64]) {
        self.steps += 1.;
        for (sum, weight) in self.weights.iter_mut().zip(weights) {
            *sum += weight;
        }
    }

    /// The tasks' mean weights over the steps.
    pub fn mean_weights(&self) -> Vec<f64> {
        self.weights.iter().map(|sum| sum / self.steps).collect()
    }

    /// Rows in each task's sample space.
    pub fn count(&mut self, labels: &[f32]) -> Vec<u64> {
        let num_tasks = self.sums.len();
        let mut inside = vec![0; num_tasks];
        for labels in labels.chunks_exact(num_tasks) {
            for (task, &label) in labels.iter().enumerate() {
                inside[task] += u64::from(!label.is_nan());
                if let Some(positives) = &mut self.positives[task] {
                    *positives += u64::from(label == 1.);
                }
            }
        }
        inside
    }

    /// Takes what the shares of a step have given; `inside` counts the rows in each sample space.
    pub fn add(&mut self, labels: &[f32], shares: &[Share], inside: Vec<u64>) {
        let num_tasks = self.sums.len();
        let keep = self.labels[0].len() < TRAIN_AUC_ROWS;
        if keep {
            for (task, kept) in self.labels.iter_mut().enumerate() {
                kept.extend(labels.iter().skip(task).step_by(num_tasks));
            }
        }
        for share in shares {
            let logits = share.logits.iter().zip(&self.positives);
            let kept = logits.map(|(logits, binary)| {
                let kept = keep && binary.is_some();
                kept.then(|| logits.shallow_clone())
            });
            self.pending.push(Pending {
                losses: share.losses.iter().map(Tensor::shallow_clone).collect(),
                logits: kept.collect(),
                rows: inside.clone(),
            });
        }
        for (rows, inside) in self.rows.iter_mut().zip(inside) {
            *rows += inside;
        }
    }

    /// Reads the losses so far.
    ///
    /// # Errors
    /// `Execution` when they are infinite or NaN; `Torch` when they can't be read.
    pub fn check(&mut self, epoch: usize) -> Result<()> {
        for pending in self.pending.drain(..) {
            for (task, (loss, rows)) in pending.losses.iter().zip(pending.rows).enumerate() {
                self.sums[task] += loss.f_double_value(&[])? * rows as f64;
            }
            for (kept, logits) in self.logits.iter_mut().zip(&pending.logits) {
                if let Some(logits) = logits {
                    append(kept, logits)?;
                }
            }
        }
        let means = self.means();
        self.mean = means.iter().flatten().sum::<f64>() / means.len().max(1) as f64;
        if self.mean.is_finite() {
            return Ok(());
        }
        Err(Error::execution(format!(
            "training diverged in epoch {epoch}: the loss is {}; a lower learn_rate helps most often",
            self.mean
        )))
    }

    /// Each task's mean loss; none without rows in its sample space.
    pub fn means(&self) -> Vec<Option<f64>> {
        self.sums
            .iter()
            .zip(&self.rows)
            .map(|(sum, &rows)| (rows > 0).then(|| sum / rows as f64))
            .collect()
    }

    /// Each task over the epoch.
    pub fn scores(&self) -> Vec<TaskScore> {
        self.means()
            .into_iter()
            .enumerate()
            .map(|(task, loss)| TaskScore {
                rows: self.rows[task],
                positives: self.positives[task],
                loss,
                metrics: self.auc(task).into_iter().collect(),
            })
            .collect()
    }

    /// The AUC of a binary task over the rows that are kept.
    fn auc(&self, task: usize) -> Option<(&'static str, f64)> {
        self.positives[task]?;
        let auc = metric::named("auc")?;
        let rows = Rows::new(&self.labels[task], &self.logits[task]);
        Some((auc.name, auc.of(&rows, &Constants::default())?))
    }
}

/// Rows of the train split whose predictions are kept for its AUC.
const TRAIN_AUC_ROWS: usize = 1 << 20;
