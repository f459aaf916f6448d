//! Shapes of columns: KSComplement of numbers and times, 1 less the largest distance between the two empirical
//! distribution functions; TVComplement of categories, 1 less the total variation. NULLs are left out.

use super::counts::Counts;
use super::{Column, NULL};

/// How alike the values of a column are distributed, 0 to 1; `None` where one side has no value.
pub fn column_shape(real: &Column, other: &Column) -> Option<f64> {
    match (real, other) {
        (Column::Numbers(real), Column::Numbers(other)) => ks_complement(real, other),
        (Column::Categories(real), Column::Categories(other)) => tv_complement(real, other),
        _ => None,
    }
}

fn ks_complement(real: &[f64], other: &[f64]) -> Option<f64> {
    let (real, other) = (sorted(real), sorted(other));
    if real.is_empty() || other.is_empty() {
        return None;
    }
    let (mut i, mut j, mut distance) = (0, 0, 0f64);
    while i < real.len() && j < other.len() {
        let value = real[i].min(other[j]);
        i += real[i..].iter().take_while(|v| **v == value).count();
        j += other[j..].iter().take_while(|v| **v == value).count();
        let (f, g) = (i as f64 / real.len() as f64, j as f64 / other.len() as f64);
        distance = distance.max((f - g).abs());
    }
    Some(1. - distance)
}

/// The values in order, to 14 decimals where a float has them, so that sums that differ in their last bit are equal.
fn sorted(values: &[f64]) -> Vec<f64> {
    let round = |v: f64| match v.abs() < 90. {
        true => (v * 1e14).round_ties_even() / 1e14,
        false => v,
    };
    let values = values.iter().filter(|v| !v.is_nan());
    let mut values: Vec<f64> = values.map(|v| round(*v)).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn tv_complement(real: &[u32], other: &[u32]) -> Option<f64> {
    let counts = |values: &[u32]| Counts::of(values.iter().copied().filter(|v| *v != NULL));
    let distance = counts(real).total_variation(&counts(other));
    distance.map(|distance| 1. - distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// from scipy.stats import ks_2samp
    /// 1 - ks_2samp([1, 2, 2, 3, 7], [2, 3, 3, 9]).statistic
    #[test]
    fn numbers_are_compared_by_their_distribution_functions() {
        let score = |a: &[f64], b: &[f64]| {
            column_shape(&Column::Numbers(a.to_vec()), &Column::Numbers(b.to_vec()))
        };
        let ks = score(&[3., 1., 2., f64::NAN, 2., 7.], &[3., 2., 9., 3.]);
        assert!((ks.unwrap() - 0.65).abs() < 1e-12, "{ks:?}");
        assert_eq!(score(&[1., 2.], &[1., 2., 1., 2.]), Some(1.));
        assert_eq!(score(&[1., 2.], &[5.]), Some(0.));
        assert_eq!(score(&[0.2 - 0.1], &[0.3 - 0.2]), Some(1.));
        assert_eq!(score(&[0.], &[-0.]), Some(1.));
        assert_eq!(score(&[f64::NAN], &[1.]), None);
        assert_eq!(score(&[], &[1.]), None);
    }

    /// p = pd.Series([1, 1, 2, 3]).value_counts(normalize=True)
    /// q = pd.Series([1, 4]).value_counts(normalize=True)
    /// 1 - p.sub(q, fill_value=0).abs().sum() / 2
    #[test]
    fn categories_are_compared_by_their_shares() {
        let score = |a: &[u32], b: &[u32]| {
            column_shape(
                &Column::Categories(a.to_vec()),
                &Column::Categories(b.to_vec()),
            )
        };
        assert_eq!(score(&[1, NULL, 1, 2, 3], &[4, 1, NULL]), Some(0.5));
        assert_eq!(score(&[5, 5], &[5]), Some(1.));
        assert_eq!(score(&[NULL], &[1]), None);
    }
}
