//! The arithmetic of metrics: pure Rust over slices, the same for training and for SQL.
//!
//! Letters: N rows, G groups, P positives and Q negatives of one group.
//!
//! Rules that all of them share:
//! - a label is 1 (positive) or 0, or the number of a class; a NaN label means that the row is outside the task's
//!   sample space, and it is left out;
//! - no rows, or rows of one class where both are needed, give `None`;
//! - a NaN score says that the model is broken, and makes the metric NaN instead of hiding it;
//! - `labels` and `scores` are as long as each other; rows beyond the shorter one do not count.

pub mod accuracy;
pub mod auc;
pub mod calibration_error;
pub mod gauc;
pub mod gauc_left_out;
pub mod hit_rate_at;
pub mod log_loss;
pub mod macro_f1;
pub mod mae;
pub mod mrr_at;
pub mod ndcg_at;
pub mod normalized_entropy;
pub mod recall_at;
pub mod rmse;
pub mod roc_curve;
pub mod synthetic;

mod classes;
mod grouped;
mod ranking;

pub use classes::{ClassCount, ClassMetric};
pub use grouped::{GroupMetric, GroupedScores, MAX_GROUPS, group_mean};

use std::cmp::Ordering;
use std::fmt::Debug;

/// A score: `f32`, as models give it, or `f64`.
pub trait Score: Copy + Debug + Default + Send + Sync + 'static {
    /// Distance from 1 to the next larger number of this type.
    const EPSILON: f64;

    /// The same number as `f64`.
    fn widen(self) -> f64;

    /// The same number with one zero instead of two, so that -0 and 0 tie in [`Score::order`].
    fn one_zero(self) -> Self;

    /// Ascending order of numbers without -0; NaN stands at either end.
    fn order(&self, other: &Self) -> Ordering;
}

impl Score for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;

    fn widen(self) -> f64 {
        f64::from(self)
    }

    fn one_zero(self) -> Self {
        self + 0.0
    }

    fn order(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }
}

impl Score for f64 {
    const EPSILON: f64 = f64::EPSILON;

    fn widen(self) -> f64 {
        self
    }

    fn one_zero(self) -> Self {
        self + 0.0
    }

    fn order(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }
}

/// A metric that depends on the rows only through a fixed number of sums, so that the state of all rows is the sum of
/// the states of their parts.
pub trait Additive: Clone + Debug + Default + Send + Sync + 'static {
    /// The sums; every state of one metric has the same number of them.
    fn sums(&self) -> &[f64];

    /// The sums, to be added to.
    fn sums_mut(&mut self) -> &mut [f64];

    /// Adds one row.
    fn add<S: Score>(&mut self, label: f64, score: S);

    /// The metric of the rows added so far; `None` where it is undefined.
    fn value(&self) -> Option<f64>;

    /// The state of all rows whose label is a number.
    fn of<S: Score>(labels: &[f32], scores: &[S]) -> Self {
        let mut state = Self::default();
        for (&label, &score) in labels.iter().zip(scores) {
            if !label.is_nan() {
                state.add(f64::from(label), score);
            }
        }
        state
    }
}

/// Whether a label that is a number stands for the positive class.
pub fn is_positive(label: f64) -> bool {
    label > 0.5
}
