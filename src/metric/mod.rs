//! The arithmetic of metrics, pure Rust over numbers, and the list [`ALL`]: the same for training and for SQL.
//!
//! A metric is a file with a `METRIC` and a line in the list. What SELECT can call, the columns of EVALUATE, the scores
//! that are kept with a model, SHOW FUNCTIONS and a test of all of them walk it.
//!
//! Letters: N rows, G groups, P positives and Q negatives of one group.
//!
//! Rules that all of them share:
//! - a label is 1 (positive) or 0, a grade, or the number of a class; a NaN label means that the row is outside the task's
//!   sample space, and it is left out;
//! - a row counts as often as its weight says, a number from 0; a group of rows weighs the sum of its rows' weights;
//! - no rows, rows that weigh nothing, or rows of one class where both are needed, give `None`;
//! - a NaN score says that the model is broken, and makes the metric NaN instead of hiding it;
//! - labels and scores are as long as each other; rows beyond the shorter one do not count.

mod accuracy;
mod auc;
mod calibration_error;
mod gauc;
mod gauc_left_out;
mod hit_rate_at;
mod log_loss;
mod macro_f1;
mod mae;
mod map_at;
mod mrr_at;
mod ndcg_at;
mod normalized_entropy;
mod pr_auc;
mod precision_at;
mod recall_at;
mod rmse;

pub mod roc_curve;
pub mod synthetic;

mod classes;
mod gain;
mod grouped;
mod parameter;
mod ranking;
mod rows;
mod score;
mod sums;

#[cfg(test)]
mod tests;

pub use classes::{ClassCount, OfClasses};
pub use gain::Gain;
pub use grouped::{GroupedScores, Groups, Join, MAX_GROUPS};
pub use parameter::Parameter;
pub use ranking::{Ranking, of_classes};
pub use rows::Rows;
pub use score::{Factor, Score, Scored, is_positive};
pub use sums::{Row, Sums};

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name: that of the SQL function, and of the column of EVALUATE.
    pub name: &'static str,
    /// The arguments of the SQL function in their order, those that may be left out at the end.
    pub parameters: &'static [Parameter],
    /// How it is computed.
    pub kind: Kind,
    /// Whether EVALUATE has a column of it.
    pub column: Column,
    /// What it says, in a full sentence or more.
    pub description: &'static str,
    /// A statement that calls it and runs as it stands.
    pub example: &'static str,
}

/// How a metric is computed from rows.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// From sums over labels and scores.
    Sums(Sums),
    /// From the order of the rows by score.
    Ranking(fn(&mut dyn Ranking) -> Option<f64>),
    /// From the order of the rows of each group.
    Groups(Groups),
    /// From how often classes meet.
    Classes(OfClasses),
}

/// Whether and how EVALUATE has a column of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// It has none.
    None,
    /// For tasks that have every argument that the metric needs.
    Value,
    /// As [`Column::Value`], and the mean cross entropy of multi-class tasks: training knows both from its loss.
    CrossEntropy,
}

/// What is the same for all rows of a call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Constants {
    /// How many rows of a group count; 0 where the metric has no such argument.
    pub k: usize,
    /// What a grade gains.
    pub gain: Gain,
}

/// Every metric: those with a column of EVALUATE in the order of its columns, and the others.
pub static ALL: &[&Metric] = &[
    &auc::METRIC,
    &gauc::METRIC,
    &log_loss::METRIC,
    &calibration_error::METRIC,
    &rmse::METRIC,
    &normalized_entropy::METRIC,
    &mae::METRIC,
    &accuracy::METRIC,
    &macro_f1::METRIC,
    &pr_auc::METRIC,
    &gauc_left_out::METRIC,
    &hit_rate_at::METRIC,
    &map_at::METRIC,
    &mrr_at::METRIC,
    &ndcg_at::METRIC,
    &precision_at::METRIC,
    &recall_at::METRIC,
];

/// The metrics of which EVALUATE has a column, in the order of its columns.
pub fn columns() -> impl Iterator<Item = &'static Metric> {
    let all = ALL.iter().copied();
    all.filter(|metric| metric.column != Column::None)
}

/// The metric of that name.
pub fn named(name: &str) -> Option<&'static Metric> {
    ALL.iter().copied().find(|metric| metric.name == name)
}

impl Metric {
    /// How many arguments a call must have.
    pub fn num_required(&self) -> usize {
        let mut parameters = self.parameters.iter();
        let first = parameters.position(|p| p.is_optional());
        first.unwrap_or(self.parameters.len())
    }

    /// The place of that argument.
    pub fn place(&self, parameter: Parameter) -> Option<usize> {
        self.parameters.iter().position(|&p| p == parameter)
    }

    /// Whether labels are grades.
    pub fn is_graded(&self) -> bool {
        self.place(Parameter::Grade).is_some()
    }
}
