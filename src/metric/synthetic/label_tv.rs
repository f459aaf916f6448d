//! Total variation of the joint table of all labels: half of the summed differences between the shares of every tuple
//! of labels. NULL is a value of its own.

use super::counts::Counts;
use super::{Bins, Column};

/// The distance between the labels of the real and of the other rows, 0 to 1, one column a label; numbers stand in
/// [`Bins`] of the real ones. `None` without labels or rows.
pub fn label_tv(real: &[&Column], other: &[&Column]) -> Option<f64> {
    if real.is_empty() || real.len() != other.len() {
        return None;
    }
    let tuples = |columns: &[&Column]| {
        let codes: Vec<Vec<u32>> = real.iter().zip(columns).map(codes).collect();
        let tuple = |row: usize| codes.iter().map(|c| c[row]).collect::<Vec<_>>();
        Counts::of((0..columns[0].len()).map(tuple))
    };
    tuples(real).total_variation(&tuples(other))
}

fn codes((real, column): (&&Column, &&Column)) -> Vec<u32> {
    match (real, column) {
        (_, Column::Categories(values)) => values.clone(),
        (Column::Numbers(real), Column::Numbers(values)) => Bins::of(real).codes(values),
        (_, Column::Numbers(values)) => Bins::of(values).codes(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_count_not_columns() {
        let column = |values: &[u32]| Column::Categories(values.to_vec());
        // The same columns, but click and buy never meet: (0, 0), (0, 1), (1, 0), (1, 1) have 1/2, 0, 0, 1/2 and 0,
        // 1/2, 1/2, 0 of the rows.
        let (click, buy, other) = (
            column(&[1, 1, 2, 2]),
            column(&[1, 1, 2, 2]),
            column(&[2, 2, 1, 1]),
        );
        assert_eq!(label_tv(&[&click, &buy], &[&click, &other]), Some(1.));
        assert_eq!(label_tv(&[&click, &buy], &[&other, &other]), Some(0.));
        assert_eq!(label_tv(&[], &[]), None);
        let empty = column(&[]);
        assert_eq!(label_tv(&[&click], &[&empty]), None);
    }
}
