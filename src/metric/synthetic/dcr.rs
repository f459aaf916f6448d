//! Distance to the closest record: the mean over the columns of, for numbers, the difference in units of the real range,
//! 1 at the most, and for categories 0 where they are equal and else 1 (J. C. Gower, "A general coefficient of similarity
//! and some of its properties", Biometrics 27, 1971). NULL is as far as can be from a value and equal to NULL.

use super::{Column, rows};

/// Distances to real rows.
pub struct Distance {
    /// Range of each column of numbers.
    ranges: Vec<f64>,
}

impl Distance {
    /// Distances in units of the ranges of `real`.
    pub fn new(real: &[Column]) -> Self {
        let range = |column: &Column| {
            let Column::Numbers(values) = column else {
                return 0.;
            };
            let values = || values.iter().copied().filter(|v| !v.is_nan());
            match (values().reduce(f64::min), values().reduce(f64::max)) {
                (Some(low), Some(high)) => high - low,
                _ => 0.,
            }
        };
        Self {
            ranges: real.iter().map(range).collect(),
        }
    }

    /// The distance of every row of `table` to the closest row of `real`; none when `real` has no rows.
    pub fn closest(&self, table: &[Column], real: &[Column]) -> Vec<f64> {
        if rows(real) == 0 {
            return Vec::new();
        }
        let mut sums = vec![0.; rows(real)];
        let closest = |row| {
            sums.fill(0.);
            for ((column, real), range) in table.iter().zip(real).zip(&self.ranges) {
                add(column, row, real, *range, &mut sums);
            }
            let least = sums.iter().copied().fold(f64::INFINITY, f64::min);
            least / table.len() as f64
        };
        (0..rows(table)).map(closest).collect()
    }
}

/// Adds the distances between one value and all real ones of its column.
fn add(column: &Column, row: usize, real: &Column, range: f64, sums: &mut [f64]) {
    match (column, real) {
        (Column::Categories(values), Column::Categories(real)) => {
            let value = values[row];
            for (sum, real) in sums.iter_mut().zip(real) {
                *sum += f64::from(u8::from(value != *real));
            }
        }
        (Column::Numbers(values), Column::Numbers(real)) => {
            let value = values[row];
            for (sum, real) in sums.iter_mut().zip(real) {
                *sum += number(value, *real, range);
            }
        }
        _ => sums.iter_mut().for_each(|sum| *sum += 1.),
    }
}

fn number(a: f64, b: f64, range: f64) -> f64 {
    if a == b || (a.is_nan() && b.is_nan()) {
        return 0.;
    }
    // NaN, a NULL against a value, is no number below 1.
    let distance = (a - b).abs() / range;
    if distance < 1. { distance } else { 1. }
}

/// The median; `None` of nothing.
pub fn median(distances: &[f64]) -> Option<f64> {
    let mut sorted = distances.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some((lower + upper) / 2.)
}

/// The share of rows that are closer to the rows a generator has seen than to as many that it has not; of rows as close
/// to both one half counts. 0.5 where nothing was learnt by heart.
pub fn closer_to_train(train: &[f64], holdout: &[f64]) -> Option<f64> {
    let pairs = train.iter().zip(holdout);
    let score = |(train, holdout): (&f64, &f64)| match train.total_cmp(holdout) {
        std::cmp::Ordering::Less => 1.,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Greater => 0.,
    };
    super::mean(pairs.map(score).map(Some))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Range 10: [abs(2 - 0) / 10 + 0, abs(2 - 10) / 10 + 1, 1 + 0] / 2 of the first row, and so on.
    #[test]
    fn distances_are_those_of_gower() {
        let real = [
            Column::Numbers(vec![0., 10., f64::NAN]),
            Column::Categories(vec![1, 2, 1]),
        ];
        let table = [
            Column::Numbers(vec![2., 10., f64::NAN, 99.]),
            Column::Categories(vec![1, 2, 0, 2]),
        ];
        let distances = Distance::new(&real).closest(&table, &real);
        assert_eq!(distances, [0.1, 0., 0.5, 0.5]);
        assert_eq!(median(&distances), Some(0.3));
        assert_eq!(median(&[2., 9., 1.]), Some(2.));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_constant_is_equal_or_not() {
        let real = [Column::Numbers(vec![5., 5.])];
        let distances = Distance::new(&real).closest(&[Column::Numbers(vec![5., 5.1])], &real);
        assert_eq!(distances, [0., 1.]);
        assert!(
            Distance::new(&real)
                .closest(&real, &[Column::Numbers(vec![])])
                .is_empty()
        );
    }

    #[test]
    fn ties_count_one_half() {
        assert_eq!(
            closer_to_train(&[0., 0.2, 0.5, 0.1], &[0., 0.3, 0.4, 0.1]),
            Some(0.5)
        );
        assert_eq!(closer_to_train(&[0.], &[1.]), Some(1.));
        assert_eq!(closer_to_train(&[], &[]), None);
    }
}
