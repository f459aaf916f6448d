//! Losses and metrics of a network over encoded rows.

use super::loss::Loss;
use super::shard::{Shard, in_shares};
use super::threads::Workers;
use crate::error::{Error, Result};
use crate::feature::{EncodedBatch, Order, RowSet, TaskKind};
use crate::metric::mae::Mae;
use crate::metric::normalized_entropy::NormalizedEntropy;
use crate::metric::{self, Additive};

/// What the rows say of one task.
#[derive(Clone, Debug, Default)]
pub struct TaskScore {
    /// Rows in the task's sample space.
    pub rows: u64,
    /// Rows with label 1, of a binary task.
    pub positives: Option<u64>,
    /// Mean loss.
    pub loss: Option<f64>,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Mean of the users' AUCs, weighted by their rows.
    pub gauc: Option<f64>,
    /// Mean cross entropy.
    pub log_loss: Option<f64>,
    /// Expected calibration error.
    pub calibration_error: Option<f64>,
    /// Root mean squared error of the probability, or of the number.
    pub rmse: Option<f64>,
    /// Mean cross entropy over that of the share of positives.
    pub normalized_entropy: Option<f64>,
    /// Mean absolute error of the probability, or of the number.
    pub mae: Option<f64>,
    /// Share of rows whose label is the likeliest one.
    pub accuracy: Option<f64>,
    /// Mean of the F1s of the labels, each predicted where it is the likeliest one.
    pub macro_f1: Option<f64>,
}

/// Scores of every task over `rows`, in task order. `groups` is the id column of users, for gauc.
///
/// # Errors
/// `Io` when spilled rows can't be read; `Cancelled` when `go_on` says so; `Torch` when the device
/// has no memory left.
pub fn evaluate(
    workers: &Workers,
    shards: &mut [Shard],
    rows: &RowSet,
    batch_size: usize,
    tasks: &[(Loss, TaskKind)],
    groups: Option<usize>,
    go_on: &dyn Fn() -> bool,
) -> Result<Vec<TaskScore>> {
    let mut seen: Vec<_> = tasks.iter().map(|_| Seen::default()).collect();
    let mut users: Vec<i32> = Vec::new();
    let mut encoded = EncodedBatch::default();
    let mut batches = rows.batches(EVAL_BATCH.min(batch_size), Order::Stored);
    while batches.next_into(&mut encoded)? {
        if !go_on() {
            return Err(Error::cancelled());
        }
        let shares = in_shares(workers, shards, encoded.rows, |shard, rows, _| {
            shard.apply(&encoded, rows)
        })?;
        for (task, (seen, (loss, _))) in seen.iter_mut().zip(tasks).enumerate() {
            let logits = shares
                .iter()
                .flat_map(|share| share[task].chunks(loss.width()));
            let labels = encoded.labels.iter().skip(task).step_by(tasks.len());
            for (logits, label) in logits.zip(labels) {
                seen.add(loss, logits, *label);
            }
        }
        if let Some(column) = groups {
            let columns = encoded.ids.len() / encoded.rows.max(1);
            users.extend(encoded.ids.iter().skip(column).step_by(columns));
        }
    }
    let users = groups.map(|_| users.as_slice());
    let scores = seen.into_iter().zip(tasks);
    Ok(scores
        .map(|(seen, (_, kind))| seen.score(kind, users))
        .collect())
}

/// Rows of a batch in evaluation, at the most: no more than training has memory for.
const EVAL_BATCH: usize = 4096;

/// The rows of one task so far.
#[derive(Default)]
pub struct Seen {
    /// Logits, numbers, or the numbers of the likeliest classes.
    outputs: Vec<f32>,
    /// NaN outside of the sample space.
    labels: Vec<f32>,
    rows: u64,
    /// Sums of the rows' losses, with the weights of their labels and without.
    weighted: f64,
    plain: f64,
}

impl Seen {
    /// Takes in a row.
    pub fn add(&mut self, loss: &Loss, logits: &[f32], label: f32) {
        self.labels.push(label);
        self.outputs.push(match loss {
            Loss::MultiClass(_) => likeliest(logits) as f32,
            _ => logits[0],
        });
        if !label.is_nan() {
            let of_row = loss.of_row(logits, label);
            self.rows += 1;
            self.plain += of_row;
            self.weighted += loss.weight(label) * of_row;
        }
    }

    /// All metrics; `users` are the rows' groups for gauc.
    fn score(self, kind: &TaskKind, users: Option<&[i32]>) -> TaskScore {
        let mean = |sum: f64| (self.rows > 0).then(|| sum / self.rows as f64);
        let (labels, outputs) = (&self.labels, self.outputs);
        let score = TaskScore {
            rows: self.rows,
            loss: mean(self.weighted),
            ..TaskScore::default()
        };
        match kind {
            TaskKind::Binary => {
                let p: Vec<f32> = outputs.iter().map(|x| 1. / (1. + (-x).exp())).collect();
                let likelier: Vec<f32> = p.iter().map(|&p| likelier(p)).collect();
                TaskScore {
                    positives: Some(labels.iter().filter(|&&y| y == 1.).count() as u64),
                    auc: metric::auc::auc(labels, &outputs),
                    gauc: users.and_then(|users| metric::gauc::gauc(labels, &outputs, users)),
                    log_loss: mean(self.plain),
                    calibration_error: metric::calibration_error::calibration_error(labels, &p),
                    rmse: metric::rmse::rmse(labels, &p),
                    normalized_entropy: NormalizedEntropy::of(labels, &p).value(),
                    mae: Mae::of(labels, &p).value(),
                    accuracy: metric::accuracy::accuracy(labels, &likelier),
                    macro_f1: metric::macro_f1::macro_f1(labels, &likelier),
                    ..score
                }
            }
            TaskKind::MultiClass(_) => TaskScore {
                log_loss: mean(self.plain),
                accuracy: metric::accuracy::accuracy(labels, &outputs),
                macro_f1: metric::macro_f1::macro_f1(labels, &outputs),
                ..score
            },
            TaskKind::Regression(target) => {
                let restore = |values: &[f32]| -> Vec<f32> {
                    values.iter().map(|&v| target.restore(v) as f32).collect()
                };
                let (labels, outputs) = (restore(labels), restore(&outputs));
                TaskScore {
                    rmse: metric::rmse::rmse(&labels, &outputs),
                    mae: Mae::of(&labels, &outputs).value(),
                    ..score
                }
            }
        }
    }
}

/// The label that a probability speaks for; NaN for none.
fn likelier(p: f32) -> f32 {
    match p.is_nan() {
        true => p,
        false => f32::from(p >= 0.5),
    }
}

/// The position of the largest value, the first where there are several.
pub fn likeliest(values: &[f32]) -> usize {
    let better = |best: usize, i: usize| if values[i] > values[best] { i } else { best };
    (0..values.len()).fold(0, better)
}
