//! Copies: rows that are equal to a real one in every column, NULLs being equal.

use std::collections::HashSet;

use super::{Column, rows};

/// The share of the rows of `other` that `real` has too; `None` when one side has no rows.
pub fn exact_copies(real: &[Column], other: &[Column]) -> Option<f64> {
    let count = rows(other);
    if rows(real) == 0 || count == 0 || real.len() != other.len() {
        return None;
    }
    let known: HashSet<Vec<u64>> = (0..rows(real)).map(|row| key(real, row)).collect();
    let copies = (0..count).filter(|row| known.contains(&key(other, *row)));
    Some(copies.count() as f64 / count as f64)
}

/// A row as bits that are equal where its values are.
fn key(table: &[Column], row: usize) -> Vec<u64> {
    let bits = |column: &Column| match column {
        Column::Categories(values) => u64::from(values[row]),
        Column::Numbers(values) if values[row].is_nan() => f64::NAN.to_bits(),
        Column::Numbers(values) => (values[row] + 0.).to_bits(),
    };
    table.iter().map(bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_agrees_in_every_column() {
        let table = |numbers: &[f64], categories: &[u32]| {
            [
                Column::Numbers(numbers.to_vec()),
                Column::Categories(categories.to_vec()),
            ]
        };
        let real = table(&[0., 1., f64::NAN], &[5, 6, 0]);
        let other = table(&[-0., 1., f64::NAN, 1.], &[5, 5, 0, 6]);
        assert_eq!(exact_copies(&real, &other), Some(0.75));
        assert_eq!(exact_copies(&real, &real), Some(1.));
        assert_eq!(exact_copies(&table(&[], &[]), &other), None);
        assert_eq!(exact_copies(&real, &table(&[], &[])), None);
    }
}
