//! Trends of pairs of columns: CorrelationSimilarity of two numbers, 1 less half the difference of Pearson's
//! correlations over the rows that have both; ContingencySimilarity of every other pair, 1 less the total variation of
//! the joint shares, numbers in [`Bins`], NULL a value of its own.
//!
//! A pair counts as associated when its [`strength`] is at least [`ASSOCIATED`]. Chance alone gives no strength: from
//! Cramér's V its bias is taken (W. Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", Journal of the Korean
//! Statistical Society 42, 2013), and from a correlation's square what independent columns are expected to have.

use std::collections::BTreeMap;

use super::counts::Counts;
use super::{Bins, Column};

/// The least strength of associated columns: a small effect in the scale of J. Cohen, "Statistical Power Analysis for
/// the Behavioral Sciences", 1988.
pub const ASSOCIATED: f64 = 0.1;

/// A column as pairs read it.
#[derive(Clone, Debug)]
pub struct Coded<'a> {
    numbers: Option<&'a [f64]>,
    codes: Vec<u32>,
}

/// The columns of a table, numbers in the bins of the real rows.
pub fn coded<'a>(real: &[Column], table: &'a [Column]) -> Vec<Coded<'a>> {
    let column = |(real, column): (&Column, &'a Column)| match (real, column) {
        (Column::Numbers(real), Column::Numbers(values)) => Coded {
            numbers: Some(values),
            codes: Bins::of(real).codes(values),
        },
        (_, Column::Numbers(values)) => Coded {
            numbers: None,
            codes: Bins::of(values).codes(values),
        },
        (_, Column::Categories(values)) => Coded {
            numbers: None,
            codes: values.clone(),
        },
    };
    real.iter().zip(table).map(column).collect()
}

/// What a pair of columns is like.
#[derive(Clone, Debug, PartialEq)]
pub enum Trend {
    /// Pearson's correlation, undefined for constants, and the rows it comes from.
    Correlation(Option<f64>, u64),
    /// How often each pair of values occurs.
    Contingency(Counts<(u32, u32)>),
}

impl Trend {
    /// The trend of two columns.
    pub fn of(a: &Coded, b: &Coded) -> Self {
        match (a.numbers, b.numbers) {
            (Some(a), Some(b)) => {
                let both = a.iter().zip(b).filter(|(a, b)| !a.is_nan() && !b.is_nan());
                let both: Vec<_> = both.map(|(a, b)| (*a, *b)).collect();
                Self::Correlation(correlation(&both), both.len() as u64)
            }
            _ => {
                let pairs = a.codes.iter().copied().zip(b.codes.iter().copied());
                Self::Contingency(Counts::of(pairs))
            }
        }
    }

    /// How alike two trends of the same columns are, 0 to 1; `None` where one is undefined.
    pub fn similarity(&self, other: &Self) -> Option<f64> {
        match (self, other) {
            (Self::Correlation(a, _), Self::Correlation(b, _)) => {
                Some(1. - ((*a)? - (*b)?).abs() / 2.)
            }
            (Self::Contingency(a), Self::Contingency(b)) => Some(1. - a.total_variation(b)?),
            _ => None,
        }
    }

    /// How strongly the columns are associated, 0 to 1; `None` where one is constant.
    pub fn strength(&self) -> Option<f64> {
        match self {
            Self::Correlation(r, rows) => {
                let chance = 1. / (*rows as f64 - 1.);
                Some(((*r)?.powi(2) - chance).max(0.).sqrt())
            }
            Self::Contingency(counts) => cramers_v(counts),
        }
    }
}

/// What a pair of columns has to say of other rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair<const N: usize> {
    /// Positions of the columns.
    pub columns: [usize; 2],
    /// Whether they are associated in the real rows.
    pub is_associated: bool,
    /// How alike the trends of the real and of each of the other rows are.
    pub similarities: [Option<f64>; N],
}

/// All pairs of columns of the real rows, each beside those of `N` others.
///
/// # Errors
/// Those of `go_on`, which is called before every pair.
pub fn pairs<const N: usize, E>(
    real: &[Column],
    others: [&[Column]; N],
    go_on: &dyn Fn() -> Result<(), E>,
) -> Result<Vec<Pair<N>>, E> {
    let others = others.map(|table| coded(real, table));
    let real = coded(real, real);
    let mut pairs = Vec::new();
    for i in 0..real.len() {
        for j in i + 1..real.len() {
            go_on()?;
            let trend = Trend::of(&real[i], &real[j]);
            let of = |table: &Vec<Coded>| trend.similarity(&Trend::of(&table[i], &table[j]));
            pairs.push(Pair {
                columns: [i, j],
                is_associated: trend.strength() >= Some(ASSOCIATED),
                similarities: others.each_ref().map(of),
            });
        }
    }
    Ok(pairs)
}

/// Pearson's correlation; `None` where one side is constant.
fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let (x, y) = pairs.first()?;
    if pairs.iter().all(|p| p.0 == *x) || pairs.iter().all(|p| p.1 == *y) {
        return None;
    }
    let n = pairs.len() as f64;
    let mean_x = pairs.iter().map(|p| p.0).sum::<f64>() / n;
    let mean_y = pairs.iter().map(|p| p.1).sum::<f64>() / n;
    let (mut xx, mut yy, mut xy) = (0., 0., 0.);
    for (x, y) in pairs {
        let (x, y) = (x - mean_x, y - mean_y);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    // The roots apart: the product of two small sums could be 0.
    let r: f64 = xy / xx.sqrt() / yy.sqrt();
    r.is_finite().then(|| r.clamp(-1., 1.))
}

/// Cramér's V without its bias.
fn cramers_v(counts: &Counts<(u32, u32)>) -> Option<f64> {
    let (mut rows, mut columns) = (BTreeMap::new(), BTreeMap::new());
    for (&(a, b), share) in counts.shares() {
        *rows.entry(a).or_insert(0.) += share;
        *columns.entry(b).or_insert(0.) += share;
    }
    if rows.len() < 2 || columns.len() < 2 {
        return None;
    }
    let expected = |(a, b)| rows[a] * columns[b];
    let cells = counts.shares();
    let phi: f64 = cells.map(|((a, b), p)| p * p / expected((a, b))).sum();
    let (r, k) = (rows.len() as f64 - 1., columns.len() as f64 - 1.);
    let others = counts.total() as f64 - 1.;
    let phi = (phi - 1. - r * k / others).max(0.);
    let most = (r - r * r / others).min(k - k * k / others);
    Some(match most > 0. {
        true => (phi / most).sqrt().min(1.),
        false => 0.,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(a: Column, b: Column) -> Trend {
        let table = [a, b];
        let coded = coded(&table, &table);
        Trend::of(&coded[0], &coded[1])
    }

    fn numbers(values: &[f64]) -> Column {
        Column::Numbers(values.to_vec())
    }

    fn categories(values: &[u32]) -> Column {
        Column::Categories(values.to_vec())
    }

    /// from scipy.stats import pearsonr
    /// r = pearsonr([1, 2, 3, 4], [2, 1, 4, 3])[0]; s = pearsonr([1, 2, 3, 4], [1, 2, 3, 5])[0]
    /// r, 1 - abs(r - s) / 2
    #[test]
    fn numbers_are_compared_by_correlation() {
        let real = trend(
            numbers(&[1., 2., 3., 4., f64::NAN]),
            numbers(&[2., 1., 4., 3., 7.]),
        );
        let other = trend(numbers(&[1., 2., 3., 4.]), numbers(&[1., 2., 3., 5.]));
        assert_eq!(real, Trend::Correlation(Some(0.6), 4));
        let score = real.similarity(&other).unwrap();
        assert!((score - 0.808_646).abs() < 1e-6, "{score}");
        assert_eq!(real.similarity(&real), Some(1.));
        // sqrt(0.36 - 1 / 3)
        assert!((real.strength().unwrap() - 0.163_299).abs() < 1e-6);
        let constant = trend(numbers(&[0.1, 0.1, 0.1]), numbers(&[1., 2., 4.]));
        assert_eq!(constant.similarity(&real), None);
        assert_eq!(constant.strength(), None);
    }

    /// a, b = [1, 1, 2, 2, 2], [1, 1, 1, 2, 2] real, a', b' = [1, 2, 2, 3], [1, 1, 2, 2] synthetic;
    /// p = pd.crosstab(a, b, normalize=True).stack(); q likewise; 1 - p.sub(q, fill_value=0).abs().sum() / 2
    #[test]
    fn categories_are_compared_by_joint_shares() {
        let real = trend(categories(&[1, 1, 2, 2, 2]), categories(&[1, 1, 1, 2, 2]));
        let other = trend(categories(&[1, 2, 2, 3]), categories(&[1, 1, 2, 2]));
        let score = real.similarity(&other).unwrap();
        assert!((score - 0.7).abs() < 1e-12, "{score}");
    }

    /// e = np.histogram_bin_edges([0, 1, 9, 10], 10); e[0], e[-1] = -np.inf, np.inf
    /// then as above with np.digitize(numbers, e)
    #[test]
    fn numbers_stand_in_bins_beside_categories() {
        let real = [numbers(&[0., 1., 9., 10.]), categories(&[1, 1, 2, 2])];
        let other = [
            numbers(&[-3., 1.5, 9.2, f64::NAN]),
            categories(&[1, 1, 2, 2]),
        ];
        let (a, b) = (coded(&real, &real), coded(&real, &other));
        let score = Trend::of(&a[0], &a[1]).similarity(&Trend::of(&b[0], &b[1]));
        assert_eq!(score, Some(0.75));
    }

    /// def v(t):
    ///     n, (r, k) = t.sum(), t.shape
    ///     phi = max(0, chi2_contingency(t, correction=False)[0] / n - (r - 1) * (k - 1) / (n - 1))
    ///     return np.sqrt(phi / min(r - (r - 1)**2 / (n - 1) - 1, k - (k - 1)**2 / (n - 1) - 1))
    /// v(np.array([[30, 10, 5], [5, 20, 30]])), v(np.array([[11, 9], [9, 11]]))
    #[test]
    fn strength_is_what_chance_does_not_give() {
        let table = |cells: &[&[usize]]| {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for (i, row) in cells.iter().enumerate() {
                for (j, &count) in row.iter().enumerate() {
                    a.extend(vec![i as u32 + 1; count]);
                    b.extend(vec![j as u32 + 1; count]);
                }
            }
            trend(categories(&a), categories(&b)).strength()
        };
        let v = table(&[&[30, 10, 5], &[5, 20, 30]]).unwrap();
        assert!((v - 0.606_492).abs() < 1e-6, "{v}");
        assert_eq!(table(&[&[11, 9], &[9, 11]]), Some(0.));
        assert_eq!(table(&[&[3, 3]]), None);
        assert_eq!(table(&[&[1, 0], &[0, 1]]), Some(0.));
    }
}
