//! Mean and deviation of numbers, and the numbers of a record whose they are.

use crate::feature::rows::block::join;
use crate::feature::value::scale::{Scale, signed_log};

/// Count, mean and spread of finite values, taken in one at a time.
///
/// Differences to the first value are summed up: as that is one of the values, no more than a
/// factor of their count is lost to cancellation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    shift: f64,
    count: f64,
    sum: f64,
    squares: f64,
    missing: u64,
    min: f64,
    max: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self {
            shift: 0.0,
            count: 0.0,
            sum: 0.0,
            squares: 0.0,
            missing: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }
}

impl Moments {
    /// Takes in a value; NaN is a missing one.
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        if value.is_nan() {
            self.missing += 1;
            return;
        }
        if self.count == 0.0 {
            self.shift = value;
        }
        let d = value - self.shift;
        self.count += 1.0;
        self.sum += d;
        self.squares += d * d;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn mean(&self) -> f64 {
        if self.count == 0.0 {
            return 0.0;
        }
        self.shift + self.sum / self.count
    }

    /// Sum of the squared differences to the mean.
    fn spread(&self) -> f64 {
        if self.count == 0.0 {
            return 0.0;
        }
        (self.squares - self.sum * (self.sum / self.count)).max(0.0)
    }

    /// Takes in what `other` has taken in.
    pub(crate) fn merge(&mut self, other: &Moments) {
        let missing = self.missing + other.missing;
        if self.count == 0.0 {
            *self = *other;
        } else if other.count > 0.0 {
            let d = other.mean() - self.shift;
            self.squares += other.spread() + other.count * d * d;
            self.sum += other.count * d;
            self.count += other.count;
            self.min = self.min.min(other.min);
            self.max = self.max.max(other.max);
        }
        self.missing = missing;
    }

    /// Whether a value was missing.
    pub(crate) fn has_missing(&self) -> bool {
        self.missing > 0
    }

    /// Whether all values, missing ones included, are the same.
    pub(crate) fn is_constant(&self) -> bool {
        self.count == 0.0 || (self.min == self.max && self.missing == 0)
    }

    /// Whether every value is missing.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    /// The smallest and the largest value; infinite where there is none.
    pub(crate) fn range(&self) -> (f64, f64) {
        (self.min, self.max)
    }

    /// Why what is constant is of no use.
    pub(crate) fn constant_reason(&self) -> &'static str {
        if self.is_empty() {
            "missing in every training row"
        } else {
            "constant: one value in every training row"
        }
    }

    /// Mean 0, deviation 1.
    pub(crate) fn scale(&self) -> Scale {
        let deviation = (self.spread() / self.count.max(1.0)).sqrt();
        let factor = deviation.recip();
        Scale {
            mean: self.mean(),
            factor: if self.min < self.max && factor.is_finite() {
                factor
            } else {
                0.0
            },
        }
    }
}

/// A number in a record; its words are counted from the first number, or of the whole record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell {
    /// Two words.
    Exact(usize),
    /// The logarithm of what two words hold.
    Log(usize),
    /// One word.
    Narrow(usize),
}

impl Cell {
    /// `len` numbers of one word each.
    pub(crate) fn vector(first: usize, len: usize) -> Vec<Self> {
        (first..first + len).map(Self::Narrow).collect()
    }

    /// The same with `words` words before it.
    pub(crate) fn behind(self, words: usize) -> Self {
        match self {
            Self::Exact(at) => Self::Exact(words + at),
            Self::Log(at) => Self::Log(words + at),
            Self::Narrow(at) => Self::Narrow(words + at),
        }
    }

    /// The number in a record.
    #[inline(always)]
    pub(crate) fn value(self, row: &[u32]) -> f64 {
        match self {
            Self::Exact(at) => f64::from_bits(join(row[at], row[at + 1])),
            Self::Log(at) => signed_log(f64::from_bits(join(row[at], row[at + 1]))),
            Self::Narrow(at) => f32::from_bits(row[at]).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f64]) -> Moments {
        let mut m = Moments::default();
        values.iter().for_each(|v| m.add(*v));
        m
    }

    #[test]
    fn mean_and_deviation() {
        // Python: statistics.mean([2, 4, 9]) = 5, statistics.pstdev = 2.943920288775949
        let scale = moments(&[2.0, f64::NAN, 4.0, 9.0]).scale();
        assert_eq!(scale.mean, 5.0);
        assert!((scale.factor - 1.0 / 2.943_920_288_775_949).abs() < 1e-12);
        assert_eq!(scale.apply(f64::NAN), 0.0);
    }

    #[test]
    fn far_from_zero_nothing_is_lost() {
        let base = 1.65e18;
        let scale = moments(&[base + 2048.0, base + 4096.0, base + 9216.0]).scale();
        assert!((1.0 / scale.factor - 2.943_920_288_775_949 * 1024.0).abs() < 0.01);
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i * i % 37)).collect();
        let whole = moments(&values).scale();
        let mut merged = Moments::default();
        for part in values.chunks(7) {
            merged.merge(&moments(part));
        }
        let scale = merged.scale();
        assert!((scale.mean - whole.mean).abs() < 1e-9);
        assert!((scale.factor - whole.factor).abs() < 1e-9);
        assert!(!merged.has_missing());
    }

    #[test]
    fn huge_numbers_stay_finite() {
        let scale = moments(&[1e140, -1e140, 0.0]).scale();
        assert!(scale.apply(1e140).is_finite() && scale.apply(1e140) > 1.0);
        let constant = moments(&[7.0, 7.0]).scale();
        assert_eq!(constant.apply(1e300), 0.0);
    }
}
