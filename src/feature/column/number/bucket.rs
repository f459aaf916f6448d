//! Buckets of a number: where they begin, and which one a value falls into.

use multiversion::multiversion;
use serde::{Deserialize, Serialize};

use crate::feature::fit::sketch::Sketch;
use crate::feature::rows::inputs::Inputs;
use crate::feature::rows::layout::{FIRST_ID, Layout, NULL_ID};
use crate::feature::value::scale::exact_list;

/// Where at most `most` buckets begin, the first one's included: all with about as many values, except
/// that a frequent value may fill one alone. Where there are no more values than that, each has its own.
pub(crate) fn starts(sketch: &Sketch, most: usize) -> Vec<f64> {
    let cells = sketch.cells();
    firsts(&cells, most)
        .into_iter()
        .map(|at| cells[at].0)
        .collect()
}

/// What lies between such buckets. Where the values are known, an edge stands in the middle of two: a
/// value that another type rounds stays in its bucket.
pub(crate) fn edges(sketch: &Sketch, most: usize) -> Vec<f64> {
    let cells = sketch.cells();
    let exact = sketch.distinct().is_some();
    let edge = |at: usize| {
        let (below, above) = (cells[at - 1].0, cells[at].0);
        let middle = below + (above - below) / 2.0;
        if exact && middle > below {
            middle
        } else {
            above
        }
    };
    firsts(&cells, most).into_iter().skip(1).map(edge).collect()
}

/// The first cell of every bucket.
fn firsts(cells: &[(f64, u64)], most: usize) -> Vec<usize> {
    let mut largest = 0;
    loop {
        let firsts = firsts_up_to(cells, largest);
        if firsts.len() <= most {
            return firsts;
        }
        largest += (largest / 32).max(1);
    }
}

/// Begins a bucket where the one before would come to hold more than `largest` values.
fn firsts_up_to(cells: &[(f64, u64)], largest: u64) -> Vec<usize> {
    let mut firsts = Vec::new();
    let mut held = 0;
    for (at, (_, count)) in cells.iter().enumerate() {
        if firsts.is_empty() || held + count > largest {
            firsts.push(at);
            held = 0;
        }
        held += count;
    }
    firsts
}

/// Writes for each value how many of `edges`, which rise, are no larger; none for NaN. Step by step for
/// many values at once: no branch depends on them.
#[multiversion(targets = "simd")]
fn positions(edges: &[f64], values: &[f64], out: &mut [u32]) {
    let size = (edges.len() + 1).next_power_of_two();
    let mut padded = vec![f64::INFINITY; size];
    padded[..edges.len()].copy_from_slice(edges);
    let padded = padded.as_slice();
    for (out, values) in out.chunks_mut(BLOCK).zip(values.chunks(BLOCK)) {
        out.fill(0);
        let mut step = size / 2;
        while step > 0 {
            for (at, value) in out.iter_mut().zip(values) {
                let edge = padded[(*at as usize + step - 1) & (padded.len() - 1)];
                *at += u32::from(edge <= *value) * step as u32;
            }
            step /= 2;
        }
    }
}

/// Values that are searched at once.
pub(crate) const BLOCK: usize = 256;

/// A bucketed number among the model's inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BucketPart {
    /// Position in [`Layout::ids`](crate::feature::Layout::ids).
    pub slot: usize,
    /// Where every bucket but the first begins.
    #[serde(with = "exact_list")]
    pub edges: Vec<f64>,
}

impl BucketPart {
    /// How many buckets.
    pub(crate) fn buckets(&self) -> usize {
        self.edges.len() + 1
    }

    /// Puts the ids of the values' buckets among the inputs.
    pub(crate) fn put(&self, values: &[f64], inputs: &mut Inputs) {
        let (first, ids) = inputs.ids(self.slot);
        self.ids(first, values, ids);
    }

    /// Whether its place is in this layout.
    pub(crate) fn is_in(&self, layout: &Layout) -> bool {
        let column = layout.ids.get(self.slot);
        column.is_some_and(|c| c.cardinality as usize == FIRST_ID as usize + self.buckets())
    }

    /// Writes the ids of the values' buckets, of a column whose ids begin at `first`: that of NULL for NaN.
    pub(crate) fn ids(&self, first: u32, values: &[f64], out: &mut [u32]) {
        positions(&self.edges, values, out);
        for (id, value) in out.iter_mut().zip(values) {
            let known = FIRST_ID + *id;
            *id = first + if value.is_nan() { NULL_ID } else { known };
        }
    }
}

/// A number that fills bins, among the model's inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PiecePart {
    /// Position of the first of its values among the numbers of the layout.
    pub dense: usize,
    /// Where the bins begin, and where the last one ends.
    #[serde(with = "exact_list")]
    pub bounds: Vec<f64>,
    /// Position of the flag that tells a missing value.
    pub flag: Option<usize>,
}

/// Bins that a value may lie beyond the last one, or before the first.
const BEYOND: f64 = 1e6;

impl PiecePart {
    /// How many bins.
    pub(crate) fn bins(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Puts how far values fill the bins among the inputs.
    pub(crate) fn put(&self, values: &[f64], inputs: &mut Inputs) {
        let bins = self.bins();
        let mut places = vec![0; values.len()];
        self.places(values, &mut places);
        for bin in 0..bins {
            let out = inputs.dense(self.dense + bin).iter_mut();
            for (out, place) in out.zip(&places) {
                *out = filled(f32::from_bits(*place), bin, bins).to_bits();
            }
        }
        inputs.flag(self.flag, values.iter().map(|v| v.is_nan()));
    }

    /// Whether its places are in this layout.
    pub(crate) fn is_in(&self, layout: &Layout) -> bool {
        let dense = layout.dense.len();
        self.bounds.len() > 1
            && self.dense + self.bins() <= dense
            && self.flag.is_none_or(|flag| flag < dense)
    }

    /// Writes where values stand, counted in bins from the beginning of the first, as bits; NaN stands in
    /// the middle, which is the median.
    pub(crate) fn places(&self, values: &[f64], out: &mut [u32]) {
        let bins = self.bins();
        positions(&self.bounds[1..bins], values, out);
        for (place, value) in out.iter_mut().zip(values) {
            let bin = *place as usize;
            let (from, to) = (self.bounds[bin], self.bounds[bin + 1]);
            let at = bin as f64 + (value - from) / (to - from);
            let at = if value.is_nan() {
                bins as f64 / 2.0
            } else {
                at
            };
            *place = (at.clamp(-BEYOND, BEYOND) as f32).to_bits();
        }
    }
}

/// How far a value at `place` fills bin `bin` of `bins`: 1 before it, 0 behind it. As in the authors' code
/// the first bin may be filled by less than nothing, and the last one by more than all.
#[inline(always)]
pub(crate) fn filled(place: f32, bin: usize, bins: usize) -> f32 {
    let filled = place - bin as f32;
    match (bin == 0, bin + 1 == bins) {
        (true, true) => filled,
        (true, false) => filled.min(1.0),
        (false, true) => filled.max(0.0),
        (false, false) => filled.clamp(0.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(values: &[(f64, u64)]) -> Sketch {
        let mut sketch = Sketch::default();
        for &(value, count) in values {
            (0..count).for_each(|_| sketch.add(value));
        }
        sketch
    }

    #[test]
    fn buckets_hold_about_as_many_values() {
        let even: Vec<_> = (0..100).map(|v| (f64::from(v), 3)).collect();
        let quarters = starts(&sketch(&even), 4);
        assert_eq!(quarters, [0.0, 25.0, 50.0, 75.0]);
        assert_eq!(starts(&sketch(&even), 100).len(), 100);
        assert_eq!(starts(&sketch(&even), 1), [0.0]);
        assert_eq!(starts(&sketch(&[]), 4), [0.0; 0]);
    }

    #[test]
    fn a_frequent_value_leaves_the_buckets_to_the_others() {
        // 90 % are 0: quantiles would give the other values a tenth of the buckets.
        let mut values = vec![(0.0, 900)];
        values.extend((1..=100).map(|v| (f64::from(v), 1)));
        let sketch = sketch(&values);
        let starts = starts(&sketch, 11);
        assert_eq!(starts.len(), 11);
        assert_eq!(starts[..3], [0.0, 1.0, 11.0]);
        assert_eq!(edges(&sketch, 11)[..2], [0.5, 10.5]);
    }

    #[test]
    fn neighbouring_floats_are_told_apart() {
        let above = 1f64.next_up();
        let edges = edges(&sketch(&[(1.0, 5), (above, 5), (above.next_up(), 5)]), 9);
        assert_eq!(edges, [above, above.next_up()]);
    }

    #[test]
    fn values_fall_between_the_edges() {
        for len in 0..20 {
            let edges: Vec<_> = (0..len).map(f64::from).collect();
            let values: Vec<_> = (0..2 * BLOCK).map(|v| v as f64 / 16.0 - 1.0).collect();
            let mut out = vec![9; values.len()];
            positions(&edges, &values, &mut out);
            let count = |value: &f64| edges.iter().filter(|e| *e <= value).count() as u32;
            assert_eq!(out, values.iter().map(count).collect::<Vec<_>>(), "{len}");
        }
        let part = BucketPart {
            slot: 0,
            edges: vec![1.0, 5.0],
        };
        let mut ids = [0; 6];
        part.ids(10, &[f64::NAN, -9.0, 1.0, 4.9, 5.0, 1e140], &mut ids);
        assert_eq!(ids, [11, 12, 13, 13, 14, 14]);
    }

    /// The paper's equation 1 for bins [0, 10), [10, 20), [20, 40].
    #[test]
    fn values_fill_bins() {
        let part = PiecePart {
            dense: 0,
            bounds: vec![0.0, 10.0, 20.0, 40.0],
            flag: None,
        };
        let all = |value: f64| {
            let mut place = [0];
            part.places(&[value], &mut place);
            [0, 1, 2].map(|bin| filled(f32::from_bits(place[0]), bin, 3))
        };
        assert_eq!(all(0.0), [0.0, 0.0, 0.0]);
        assert_eq!(all(5.0), [0.5, 0.0, 0.0]);
        assert_eq!(all(15.0), [1.0, 0.5, 0.0]);
        assert_eq!(all(25.0), [1.0, 1.0, 0.25]);
        assert_eq!(all(60.0), [1.0, 1.0, 2.0]);
        assert_eq!(all(-10.0), [-1.0, 0.0, 0.0]);
        assert_eq!(all(f64::NAN), [1.0, 0.5, 0.0]);
    }
}
