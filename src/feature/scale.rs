//! Mean and deviation of numbers, and how raw numbers become model inputs.

use serde::{Deserialize, Serialize};

use super::record::join;

/// Standardised numbers beyond this count as this.
const CLAMP: f64 = 1e6;

/// Count, mean and spread of finite values, taken in one at a time.
///
/// Differences to the first value are summed up: as that is one of the values, no more than a
/// factor of their count is lost to cancellation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
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
    pub(super) fn add(&mut self, value: f64) {
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
    pub(super) fn merge(&mut self, other: &Moments) {
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
    pub(super) fn has_missing(&self) -> bool {
        self.missing > 0
    }

    /// Whether all values, missing ones included, are the same.
    pub(super) fn is_constant(&self) -> bool {
        self.count == 0.0 || (self.min == self.max && self.missing == 0)
    }

    /// Whether every value is missing.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    /// The smallest and the largest value; infinite where there is none.
    pub(super) fn range(&self) -> (f64, f64) {
        (self.min, self.max)
    }

    /// Mean 0, deviation 1.
    pub(super) fn scale(&self) -> Scale {
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

/// `(x - mean) * factor`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// What becomes 0.
    #[serde(with = "exact")]
    pub mean: f64,
    /// One over the standard deviation; negative for an age, which is counted backwards.
    #[serde(with = "exact")]
    pub factor: f64,
}

impl Scale {
    /// Leaves values as they are.
    pub const NONE: Self = Self {
        mean: 0.,
        factor: 1.,
    };

    /// The number that `value` stands for.
    pub fn restore(self, value: f32) -> f64 {
        match self.factor {
            0. => self.mean,
            factor => f64::from(value) / factor + self.mean,
        }
    }

    /// A value as the model sees it; NaN becomes 0, the mean.
    #[inline(always)]
    pub(super) fn apply(self, value: f64) -> f32 {
        if value.is_nan() {
            return 0.0;
        }
        ((value - self.mean) * self.factor).clamp(-CLAMP, CLAMP) as f32
    }
}

/// Floats as text: JSON readers may change the last bit of a number.
pub(super) mod exact {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// A number among the model's inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NumberPart {
    /// Position among the numbers of the layout.
    pub dense: usize,
    /// How it is standardised.
    pub scale: Scale,
    /// Position of the flag that tells a missing value.
    pub flag: Option<usize>,
}

/// A vector among the model's inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VectorPart {
    /// Position of the first element among the numbers of the layout.
    pub dense: usize,
    /// How each element is standardised.
    pub scales: Vec<Scale>,
    /// Position of the flag that tells a missing element.
    pub flag: Option<usize>,
}

/// Turns records whose ids are final into rows as models read them: ids, numbers, labels.
#[derive(Clone, Debug, Default)]
pub(super) struct Finisher {
    /// Id columns.
    pub(super) ids: usize,
    /// First word of the labels before, and how many.
    pub(super) labels: usize,
    pub(super) tasks: usize,
    /// Numbers afterwards.
    pub(super) dense: usize,
    pub(super) numbers: Vec<(usize, NumberPart)>,
    pub(super) vectors: Vec<(usize, VectorPart)>,
    /// Numbers to be predicted: the task, and how its labels are standardised.
    pub(super) targets: Vec<(usize, Scale)>,
}

impl Finisher {
    /// Words of a row before.
    pub(super) fn staged_words(&self) -> usize {
        self.labels + self.tasks
    }

    /// Words of a row afterwards.
    pub(super) fn words(&self) -> usize {
        self.ids + self.dense + self.tasks
    }

    /// Writes one row.
    fn row(&self, staged: &[u32], out: &mut [u32]) {
        out[..self.ids].copy_from_slice(&staged[..self.ids]);
        let dense = &mut out[self.ids..self.ids + self.dense];
        for (word, part) in &self.numbers {
            let value = f64::from_bits(join(staged[*word], staged[*word + 1]));
            dense[part.dense] = part.scale.apply(value).to_bits();
            if let Some(flag) = part.flag {
                dense[flag] = f32::from(u8::from(value.is_nan())).to_bits();
            }
        }
        for (word, part) in &self.vectors {
            let mut missing = false;
            for (i, scale) in part.scales.iter().enumerate() {
                let value = f32::from_bits(staged[word + i]);
                missing |= value.is_nan();
                dense[part.dense + i] = scale.apply(value.into()).to_bits();
            }
            if let Some(flag) = part.flag {
                dense[flag] = f32::from(u8::from(missing)).to_bits();
            }
        }
        let labels = &mut out[self.ids + self.dense..];
        labels.copy_from_slice(&staged[self.labels..]);
        for (task, scale) in &self.targets {
            let value = f32::from_bits(labels[*task]);
            if !value.is_nan() {
                labels[*task] = scale.apply(value.into()).to_bits();
            }
        }
    }

    /// Turns rows, in their place; returns how many words are left of meaning.
    pub(super) fn in_place(&self, rows: &mut [u32]) -> usize {
        let (before, after) = (self.staged_words(), self.words());
        let count = rows.len() / before.max(1);
        let unchanged =
            self.numbers.is_empty() && self.vectors.is_empty() && self.targets.is_empty();
        if unchanged && before == after {
            return count * after;
        }
        let mut row = vec![0; after];
        for i in 0..count {
            self.row(&rows[i * before..(i + 1) * before], &mut row);
            rows[i * after..(i + 1) * after].copy_from_slice(&row);
        }
        count * after
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

    #[test]
    fn floats_survive_json() {
        let scale = Scale {
            mean: 0.1 + 0.2,
            factor: 1.0 / 3.0,
        };
        let text = serde_json::to_string(&scale).unwrap();
        assert_eq!(serde_json::from_str::<Scale>(&text).unwrap(), scale);
    }
}
