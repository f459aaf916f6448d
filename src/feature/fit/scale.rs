//! Mean and deviation of numbers, and how raw numbers become model inputs.

use serde::{Deserialize, Serialize};

use super::record::join;
use crate::feature::column::number::bucket::{BLOCK, BucketPart, PiecePart, filled};

/// Standardised numbers beyond this count as this.
const CLAMP: f64 = 1e6;

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
    pub(crate) fn apply(self, value: f64) -> f32 {
        if value.is_nan() {
            return 0.0;
        }
        ((value - self.mean) * self.factor).clamp(-CLAMP, CLAMP) as f32
    }
}

/// Floats as text: JSON readers may change the last bit of a number.
pub(crate) mod exact {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Lists of floats as text.
pub(crate) mod exact_list {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(f64::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let numbers = texts.iter().map(|t| t.parse().map_err(D::Error::custom));
        numbers.collect()
    }
}

/// `sign(x) * ln(1 + |x|)`: as far apart as the orders of magnitude, on both sides of 0.
#[inline(always)]
pub(crate) fn signed_log(value: f64) -> f64 {
    value.abs().ln_1p().copysign(value)
}

/// A number among the model's inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NumberPart {
    /// Position among the numbers of the layout.
    pub dense: usize,
    /// Whether the logarithm is standardised, `sign(x) * ln(1 + |x|)`.
    pub log: bool,
    /// How it is standardised.
    pub scale: Scale,
    /// Position of the flag that tells a missing value.
    pub flag: Option<usize>,
}

impl NumberPart {
    /// A value as the model sees it.
    #[inline(always)]
    fn apply(&self, value: f64) -> f32 {
        match self.log {
            true => self.scale.apply(signed_log(value)),
            false => self.scale.apply(value),
        }
    }

    /// Values as the model sees them, as bits.
    pub(crate) fn apply_all(&self, values: &[f64], out: &mut [u32]) {
        let scale = self.scale;
        let pairs = out.iter_mut().zip(values);
        match self.log {
            true => pairs.for_each(|(out, v)| *out = scale.apply(signed_log(*v)).to_bits()),
            false => pairs.for_each(|(out, v)| *out = scale.apply(*v).to_bits()),
        }
    }
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
pub(crate) struct Finisher {
    /// Id columns.
    pub(crate) ids: usize,
    /// First word of the labels before, and how many.
    pub(crate) labels: usize,
    pub(crate) tasks: usize,
    /// Numbers afterwards; the last ones are the places in `pieces`.
    pub(crate) dense: usize,
    pub(crate) numbers: Vec<(usize, NumberPart)>,
    pub(crate) vectors: Vec<(usize, VectorPart)>,
    /// Numbers to be predicted: the task, and how its labels are standardised.
    pub(crate) targets: Vec<(usize, Scale)>,
    /// Buckets, with the first id of their column.
    pub(crate) buckets: Vec<(usize, u32, BucketPart)>,
    /// Numbers that fill bins: a row keeps the place of each, from which its values follow.
    pub(crate) pieces: Vec<(usize, PiecePart)>,
}

impl Finisher {
    /// Words of a row before.
    pub(crate) fn staged_words(&self) -> usize {
        self.labels + self.tasks
    }

    /// Words of a row afterwards.
    pub(crate) fn words(&self) -> usize {
        self.ids + self.dense + self.tasks
    }

    /// Finds the ids of buckets and the places in bins of up to [`BLOCK`] rows, so many for each part.
    fn search(&self, staged: &[u32], found: &mut Vec<u32>) {
        found.resize((self.buckets.len() + self.pieces.len()) * BLOCK, 0);
        let read = |word: usize| {
            let rows = staged.chunks_exact(self.staged_words());
            let values = rows.map(|row| f64::from_bits(join(row[word], row[word + 1])));
            values.collect::<Vec<_>>()
        };
        let (ids, places) = found.split_at_mut(self.buckets.len() * BLOCK);
        for (ids, (word, first, part)) in ids.chunks_exact_mut(BLOCK).zip(&self.buckets) {
            part.ids(*first, &read(*word), ids);
        }
        for (places, (word, part)) in places.chunks_exact_mut(BLOCK).zip(&self.pieces) {
            part.places(&read(*word), places);
        }
    }

    /// Writes one row; `found` has what was searched for it, [`BLOCK`] apart.
    fn row(&self, staged: &[u32], found: &[u32], out: &mut [u32]) {
        let mut found = found.iter().step_by(BLOCK).copied();
        let value = |word: usize| f64::from_bits(join(staged[word], staged[word + 1]));
        let missing = |value: f64| f32::from(u8::from(value.is_nan())).to_bits();
        let categories = self.ids - self.buckets.len();
        out[..categories].copy_from_slice(&staged[..categories]);
        for (id, found) in out[categories..self.ids].iter_mut().zip(&mut found) {
            *id = found;
        }
        let dense = &mut out[self.ids..self.ids + self.dense];
        for (word, part) in &self.numbers {
            let value = value(*word);
            dense[part.dense] = part.apply(value).to_bits();
            if let Some(flag) = part.flag {
                dense[flag] = missing(value);
            }
        }
        let plain = self.dense - self.pieces.len();
        for (place, found) in dense[plain..].iter_mut().zip(found) {
            *place = found;
        }
        for (word, part) in &self.pieces {
            if let Some(flag) = part.flag {
                dense[flag] = missing(value(*word));
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

    /// Appends the numbers of a finished row, as models read them.
    #[inline]
    pub(crate) fn numbers_of(&self, row: &[u32], out: &mut Vec<f32>) {
        let dense = &row[self.ids..self.ids + self.dense];
        let (plain, places) = dense.split_at(self.dense - self.pieces.len());
        out.extend(plain.iter().map(|w| f32::from_bits(*w)));
        for (place, (_, part)) in places.iter().zip(&self.pieces) {
            let (place, bins) = (f32::from_bits(*place), part.bins());
            out.extend((0..bins).map(|bin| filled(place, bin, bins)));
        }
    }

    /// Turns rows, in their place; returns how many words are left of meaning.
    pub(crate) fn in_place(&self, rows: &mut [u32]) -> usize {
        let (before, after) = (self.staged_words(), self.words());
        let count = rows.len() / before.max(1);
        if self.dense == 0 && self.buckets.is_empty() && self.targets.is_empty() && before == after
        {
            return count * after;
        }
        let (mut row, mut found) = (vec![0; after], Vec::new());
        for i in 0..count {
            let staged = &rows[i * before..];
            if i % BLOCK == 0 {
                self.search(&staged[..BLOCK.min(count - i) * before], &mut found);
            }
            let found = found.get(i % BLOCK..).unwrap_or_default();
            self.row(&staged[..before], found, &mut row);
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
