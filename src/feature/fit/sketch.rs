//! How the values of a column are distributed, in little memory and whatever order they come in.
//!
//! Floats have keys in the order of their values. A cell is all keys that agree in their first bits: as
//! many bits as there may be for no more than [`CELLS`] cells to be in use. How many bits that is, and how
//! many values each cell has, depends on the values alone.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::feature::value::number::{float_key, key_float};
use crate::random::mix;

/// Cells in use at the most. Up to so many distinct values are counted exactly; beyond that, a cell of
/// values that span ten powers of two has a width of 0.2 % of its values.
const CELLS: usize = 4096;

/// Counts of values by cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sketch {
    counts: HashMap<u64, u64, BuildHasherDefault<Mixer>>,
    /// Bits of a key that are left out.
    dropped: u32,
    missing: u64,
    /// The largest key.
    last: u64,
}

/// Hashes one number.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.write_u64((*b).into()));
    }

    #[inline(always)]
    fn write_u64(&mut self, value: u64) {
        self.0 = mix(self.0 ^ value);
    }

    #[inline(always)]
    fn finish(&self) -> u64 {
        self.0
    }
}

impl Sketch {
    /// Takes in a value; NaN is a missing one.
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        if value.is_nan() {
            self.missing += 1;
            return;
        }
        let key = float_key(value);
        self.last = self.last.max(key);
        *self.counts.entry(key >> self.dropped).or_default() += 1;
        self.coarsen(self.dropped);
    }

    /// Takes in what `other` has taken in.
    pub(crate) fn merge(&mut self, other: &Sketch) {
        self.missing += other.missing;
        self.last = self.last.max(other.last);
        self.coarsen(other.dropped);
        for (cell, count) in &other.counts {
            let cell = cell >> (self.dropped - other.dropped);
            *self.counts.entry(cell).or_default() += count;
        }
        self.coarsen(self.dropped);
    }

    /// Leaves out at least `bits` bits, and more where there are too many cells.
    #[inline]
    fn coarsen(&mut self, bits: u32) {
        while self.dropped < bits || self.counts.len() > CELLS {
            let mut coarser = HashMap::default();
            for (cell, count) in &self.counts {
                *coarser.entry(cell >> 1).or_default() += count;
            }
            self.counts = coarser;
            self.dropped += 1;
        }
    }

    /// Whether all values, missing ones included, are the same.
    pub(crate) fn is_constant(&self) -> bool {
        self.counts.is_empty() || (self.counts.len() == 1 && self.missing == 0)
    }

    /// How many values there were, missing ones included.
    pub(crate) fn rows(&self) -> u64 {
        self.missing + self.counts.values().sum::<u64>()
    }

    /// How many values differ, missing ones left out; `None` beyond [`CELLS`].
    pub(crate) fn distinct(&self) -> Option<u64> {
        (self.dropped == 0).then_some(self.counts.len() as u64)
    }

    /// The smallest value of each cell and how many values it has, by rising value.
    pub(crate) fn cells(&self) -> Vec<(f64, u64)> {
        let mut cells: Vec<_> = self.counts.iter().map(|(c, n)| (*c, *n)).collect();
        cells.sort_unstable();
        let first = |(cell, count): (u64, u64)| (key_float(cell << self.dropped), count);
        cells.into_iter().map(first).collect()
    }

    /// The largest value.
    pub(crate) fn max(&self) -> f64 {
        key_float(self.last)
    }

    /// Memory that a sketch of so many values takes at the most.
    pub(crate) fn bytes(values: u64) -> usize {
        // A table is up to twice as large as what is in it, and has a byte more for each place.
        let cells = values.min(CELLS as u64) as usize + 1;
        2 * cells.next_power_of_two() * (size_of::<(u64, u64)>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(values: impl IntoIterator<Item = f64>) -> Sketch {
        let mut sketch = Sketch::default();
        values.into_iter().for_each(|v| sketch.add(v));
        sketch
    }

    #[test]
    fn few_values_are_counted_exactly() {
        let base = 1.65e18;
        let values = [2.5, f64::NAN, -3.0, 2.5, base + 256.0, 0.0, base];
        let sketch = sketch(values);
        let cells = [(-3.0, 1), (0.0, 1), (2.5, 2), (base, 1), (base + 256.0, 1)];
        assert_eq!(sketch.cells(), cells);
        assert_eq!((sketch.distinct(), sketch.max()), (Some(5), base + 256.0));
        assert!(!sketch.is_constant());
    }

    /// Values of both signs over many powers of two.
    fn many(n: u64) -> Vec<f64> {
        let unit = |i: u64| mix(i) as f64 / u64::MAX as f64;
        (0..n)
            .map(|i| (unit(i) * 40.0 - 20.0).exp() - 1.0)
            .collect()
    }

    #[test]
    fn order_and_parts_do_not_matter() {
        let values = many(50_000);
        let whole = sketch(values.iter().copied());
        let backwards = sketch(values.iter().rev().copied());
        let mut merged = Sketch::default();
        // Parts of one value up to many, so that some are coarser than others.
        let mut rest = values.as_slice();
        for part in [1, 10, 40_000, 2, 5000, 4987] {
            let (now, later) = rest.split_at(part);
            merged.merge(&sketch(now.iter().copied()));
            rest = later;
        }
        assert!(rest.is_empty());
        assert_eq!(whole.cells(), backwards.cells());
        assert_eq!(whole.cells(), merged.cells());
        assert_eq!((whole.distinct(), merged.max()), (None, whole.max()));
    }

    #[test]
    fn many_values_share_narrow_cells() {
        let values = many(50_000);
        let sketch = sketch(values.iter().copied());
        let cells = sketch.cells();
        assert!(cells.len() <= CELLS && cells.len() > CELLS / 4);
        assert_eq!(cells.iter().map(|c| c.1).sum::<u64>(), 50_000);
        let counted = |range: (f64, f64)| {
            let inside = values.iter().filter(|v| **v >= range.0 && **v < range.1);
            inside.count() as u64
        };
        for pair in cells.windows(2) {
            assert_eq!(counted((pair[0].0, pair[1].0)), pair[0].1);
        }
        assert!(sketch.counts.capacity() * 17 <= Sketch::bytes(50_000));
    }
}
