//! How close generated rows come to real ones: shapes of columns, trends of pairs, the joint table of labels, copies
//! and distances.
//!
//! Where SDMetrics 0.32.0 (DataCebo, the open-source library) has the metric, its definition is taken: KSComplement,
//! TVComplement, CorrelationSimilarity, ContingencySimilarity with ten bins that the real rows decide, and the
//! distance of its DCR metrics. Like there a mean runs over the scores that are defined.
//!
//! A table is a slice of columns of the same length. Letters: N rows, C columns.

pub mod closeness;
pub mod column_shapes;
pub mod dcr;
pub mod exact_copies;
pub mod label_tv;
pub mod pair_trends;

mod bins;
mod counts;

pub use bins::Bins;

/// The values of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Numbers or times, `[N]`; NaN where a value is NULL.
    Numbers(Vec<f64>),
    /// Categories, `[N]`: a value has the same number in all tables that are compared; NULL is [`NULL`].
    Categories(Vec<u32>),
}

/// The number of NULL among categories.
pub const NULL: u32 = 0;

impl Column {
    /// N.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Categories(values) => values.len(),
        }
    }

    /// The rows from `from` on, `rows` at the most.
    pub fn slice(&self, from: usize, rows: usize) -> Self {
        let from = from.min(self.len());
        let to = self.len().min(from.saturating_add(rows));
        match self {
            Self::Numbers(values) => Self::Numbers(values[from..to].to_vec()),
            Self::Categories(values) => Self::Categories(values[from..to].to_vec()),
        }
    }
}

/// Rows of a table.
pub fn rows(table: &[Column]) -> usize {
    table.first().map_or(0, Column::len)
}

/// Mean of the scores that are defined.
pub fn mean(scores: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let (mut sum, mut count) = (0., 0);
    for score in scores.into_iter().flatten() {
        sum += score;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_leaves_out_what_is_undefined() {
        assert_eq!(mean([Some(1.), None, Some(0.)]), Some(0.5));
        assert_eq!(mean([None, None]), None);
    }
}
