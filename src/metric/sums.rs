//! What metrics share that depend on the rows only through a fixed number of sums, so that the state of all rows is the
//! sum of the states of their parts.

use super::Score;

/// A metric that is a function of sums.
#[derive(Clone, Copy, Debug)]
pub struct Sums {
    /// How many sums there are.
    pub width: usize,
    /// Adds rows to the sums.
    pub add: fn(&mut [f64], &[Row]),
    /// The metric of the rows added so far; `None` where it is undefined.
    pub value: fn(&[f64]) -> Option<f64>,
}

/// One row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// A number; 0 or 1 where the label is binary.
    pub label: f64,
    /// What was predicted.
    pub score: f64,
    /// Distance from 1 to the next larger number of the score's own type.
    pub epsilon: f64,
    /// What the row weighs, a number from 0.
    pub weight: f64,
}

impl Row {
    /// A row with a score of that type.
    pub fn new<S: Score>(label: f64, score: S, weight: f64) -> Self {
        Self {
            label,
            score: score.widen(),
            epsilon: S::EPSILON,
            weight,
        }
    }
}

/// Adds rows to the sums `[weights, sum]`: their weights, and as often as these say what `of` makes of them.
pub fn add(sums: &mut [f64], rows: &[Row], of: impl Fn(&Row) -> f64) {
    let (mut weights, mut sum) = (sums[0], sums[1]);
    for row in rows {
        weights += row.weight;
        sum += row.weight * of(row);
    }
    sums[0] = weights;
    sums[1] = sum;
}

/// `sum / weights` of the sums `[weights, sum]`: the mean of what was added with the rows' weights; `None` where the rows
/// weigh nothing.
pub fn mean(sums: &[f64]) -> Option<f64> {
    (sums[0] > 0.0).then(|| sums[1] / sums[0])
}
