//! Losses and metrics of a network over encoded rows.

use super::loss::Loss;
use super::shard::{Shard, in_shares};
use super::threads::Workers;
use crate::error::{Error, Result};
use crate::feature::{EncodedBatch, Order, RowSet, TaskKind};
use crate::metric::{self, Column, Constants, Metric, Parameter, Rows};

/// What the rows say of one task.
#[derive(Clone, Debug, Default)]
pub struct TaskScore {
    /// Rows in the task's sample space.
    pub rows: u64,
    /// Rows with label 1, of a binary task.
    pub positives: Option<u64>,
    /// Mean loss.
    pub loss: Option<f64>,
    /// The metrics of EVALUATE's columns, in their order; those that are not defined are not there.
    pub metrics: Vec<(&'static str, f64)>,
}

impl TaskScore {
    /// The metric of that name; none where it is not defined.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let found = self.metrics.iter().find(|(metric, _)| *metric == name);
        found.map(|(_, value)| *value)
    }
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
        let predicted = Predicted::new(kind, self.labels, self.outputs);
        let metrics = metric::columns().filter_map(|metric| {
            let value = match metric.column {
                Column::CrossEntropy if predicted.has_classes() => mean(self.plain),
                _ => predicted.value(metric, users),
            };
            Some((metric.name, value?))
        });
        TaskScore {
            rows: self.rows,
            positives: predicted.positives(),
            loss: mean(self.weighted),
            metrics: metrics.collect(),
        }
    }
}

/// Labels and predictions of one task as metrics take them.
struct Predicted {
    labels: Vec<f32>,
    /// Whether labels are 0 and 1.
    is_binary: bool,
    /// In the order of probabilities, of binary tasks: logits do not tie where probabilities become 1.
    ranked: Vec<f32>,
    /// Probabilities or numbers; empty for other tasks.
    numbers: Vec<f32>,
    /// The likeliest labels; empty where there are none.
    classes: Vec<f32>,
}

impl Predicted {
    /// The rows of a task of that kind; `outputs` are those of [`Seen`].
    fn new(kind: &TaskKind, labels: Vec<f32>, outputs: Vec<f32>) -> Self {
        let (ranked, numbers, classes, labels) = match kind {
            TaskKind::Binary => {
                let p: Vec<f32> = outputs.iter().map(|x| 1. / (1. + (-x).exp())).collect();
                let likelier = p.iter().map(|&p| likelier(p)).collect();
                (outputs, p, likelier, labels)
            }
            TaskKind::MultiClass(_) => (Vec::new(), Vec::new(), outputs, labels),
            TaskKind::Regression(target) => {
                let restore = |values: &[f32]| -> Vec<f32> {
                    values.iter().map(|&v| target.restore(v) as f32).collect()
                };
                (Vec::new(), restore(&outputs), Vec::new(), restore(&labels))
            }
        };
        Self {
            labels,
            is_binary: matches!(kind, TaskKind::Binary),
            ranked,
            numbers,
            classes,
        }
    }

    fn has_classes(&self) -> bool {
        !self.classes.is_empty()
    }

    /// Rows with label 1, of a binary task.
    fn positives(&self) -> Option<u64> {
        let positives = self.labels.iter().filter(|&&y| y == 1.);
        self.is_binary.then(|| positives.count() as u64)
    }

    /// The metric; none where the task has no such labels or predictions.
    fn value(&self, metric: &Metric, users: Option<&[i32]>) -> Option<f64> {
        let has = |parameter| metric.place(parameter).is_some();
        let scores = if has(Parameter::Score) {
            &self.ranked
        } else if has(Parameter::PredictedClass) {
            &self.classes
        } else {
            &self.numbers
        };
        if scores.is_empty() || (has(Parameter::BinaryLabel) && !self.is_binary) {
            return None;
        }
        let rows = Rows {
            groups: users,
            ..Rows::new(&self.labels, scores)
        };
        metric.of(&rows, &Constants::default())
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
