//! Losses and metrics of a network over encoded rows.

use tch::{Kind, Tensor};

use super::shard::{Shard, in_shares};
use super::threads::Workers;
use crate::error::{Error, Result};
use crate::feature::{EncodedBatch, Order, RowSet};
use crate::metric::mae::Mae;
use crate::metric::normalized_entropy::NormalizedEntropy;
use crate::metric::{self, Additive};

/// What the rows say of one task.
#[derive(Clone, Debug, Default)]
pub struct TaskScore {
    /// Rows in the task's sample space.
    pub rows: u64,
    /// Rows with label 1.
    pub positives: u64,
    /// Mean cross entropy.
    pub loss: Option<f64>,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Mean of the users' AUCs, weighted by their rows.
    pub gauc: Option<f64>,
    /// Expected calibration error.
    pub calibration_error: Option<f64>,
    /// Root mean squared error of the probability.
    pub rmse: Option<f64>,
    /// Mean cross entropy over that of the share of positives.
    pub normalized_entropy: Option<f64>,
    /// Mean absolute error of the probability.
    pub mae: Option<f64>,
    /// Share of rows whose label is the likelier one.
    pub accuracy: Option<f64>,
    /// Mean of the F1s of both labels, each predicted where it is the likelier one.
    pub macro_f1: Option<f64>,
}

/// The loss of one binary task summed over its sample space: a scalar, 0 when no row is in it. `logits`
/// is `[B, 1]`, `labels` `[B]` with NaN outside of the sample space.
pub fn task_loss(logits: &Tensor, labels: &Tensor) -> Tensor {
    let inside = labels.isnan().logical_not();
    let weight = inside.to_kind(Kind::Float);
    let labels = labels.nan_to_num(0., None, None);
    let logits = logits.squeeze_dim(1).to_kind(Kind::Float);
    logits.binary_cross_entropy_with_logits(
        &labels,
        Some(&weight),
        None::<&Tensor>,
        tch::Reduction::Sum,
    )
}

/// Scores of every task over `rows`, in task order. `groups` is the id column of users, for gauc.
///
/// # Errors
/// `Io` when spilled rows can't be read; `Cancelled` when `go_on` says so; `Torch` when the device
/// has no memory left.
#[allow(clippy::too_many_arguments)]
pub fn evaluate(
    workers: &Workers,
    shards: &mut [Shard],
    rows: &RowSet,
    batch_size: usize,
    num_tasks: usize,
    groups: Option<usize>,
    go_on: &dyn Fn() -> bool,
) -> Result<Vec<TaskScore>> {
    let total = rows.rows() as usize;
    let mut scores = vec![Vec::with_capacity(total); num_tasks];
    let mut labels = vec![Vec::with_capacity(total); num_tasks];
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
        for share in shares {
            for (scores, logits) in scores.iter_mut().zip(share) {
                scores.extend(logits);
            }
        }
        for (task, labels) in labels.iter_mut().enumerate() {
            labels.extend(encoded.labels.iter().skip(task).step_by(num_tasks));
        }
        if let Some(column) = groups {
            let columns = encoded.ids.len() / encoded.rows.max(1);
            users.extend(encoded.ids.iter().skip(column).step_by(columns));
        }
    }
    Ok(scores
        .into_iter()
        .zip(&labels)
        .map(|(logits, labels)| task_score(logits, labels, groups.map(|_| users.as_slice())))
        .collect())
}

/// Rows of a batch in evaluation, at the most: no more than training has memory for.
const EVAL_BATCH: usize = 4096;

/// All metrics of one task from its logits and labels (NaN outside of the sample space).
fn task_score(logits: Vec<f32>, labels: &[f32], users: Option<&[i32]>) -> TaskScore {
    let rows = labels.iter().filter(|y| !y.is_nan()).count();
    let loss: f64 = logits
        .iter()
        .zip(labels)
        .filter(|(_, y)| !y.is_nan())
        .map(|(&x, &y)| {
            let (x, y) = (f64::from(x), f64::from(y));
            x.max(0.) - x * y + (-x.abs()).exp().ln_1p()
        })
        .sum();
    let probabilities: Vec<f32> = logits.iter().map(|x| 1. / (1. + (-x).exp())).collect();
    let likelier: Vec<f32> = probabilities.iter().map(|&p| likelier(p)).collect();
    TaskScore {
        rows: rows as u64,
        positives: labels.iter().filter(|&&y| y == 1.).count() as u64,
        loss: (rows > 0).then(|| loss / rows as f64),
        auc: metric::auc::auc(labels, &logits),
        gauc: users.and_then(|users| metric::gauc::gauc(labels, &logits, users)),
        calibration_error: metric::calibration_error::calibration_error(labels, &probabilities),
        rmse: metric::rmse::rmse(labels, &probabilities),
        normalized_entropy: NormalizedEntropy::of(labels, &probabilities).value(),
        mae: Mae::of(labels, &probabilities).value(),
        accuracy: metric::accuracy::accuracy(labels, &likelier),
        macro_f1: metric::macro_f1::macro_f1(labels, &likelier),
    }
}

/// The label that a probability speaks for; NaN for none.
fn likelier(p: f32) -> f32 {
    match p.is_nan() {
        true => p,
        false => f32::from(p >= 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_outside_of_the_sample_space_add_nothing() {
        let logits = Tensor::from_slice(&[0.3f32, -1., 2.]).view([3, 1]);
        let all = task_loss(&logits, &Tensor::from_slice(&[1f32, 0., f32::NAN]));
        let two = task_loss(&logits.narrow(0, 0, 2), &Tensor::from_slice(&[1f32, 0.]));
        assert!((all.double_value(&[]) - two.double_value(&[])).abs() < 1e-7);
        // -(ln sigmoid(0.3) + ln(1 - sigmoid(-1)))
        assert!((two.double_value(&[]) - 0.867_616_9).abs() < 1e-5);
        let none = task_loss(&logits, &Tensor::from_slice(&[f32::NAN; 3]));
        assert_eq!(none.double_value(&[]), 0.);
    }
}
