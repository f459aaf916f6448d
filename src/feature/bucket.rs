//! Buckets of a number: where they begin, and which one a value falls into.

use serde::{Deserialize, Serialize};

use super::layout::{FIRST_ID, NULL_ID};
use super::scale::exact_list;
use super::sketch::Sketch;

/// Where at most `most` buckets begin, the first one's included: all with about as many values, except
/// that a frequent value may fill one alone. Where there are no more values than that, each has its own.
pub(super) fn starts(sketch: &Sketch, most: usize) -> Vec<f64> {
    let cells = sketch.cells();
    firsts(&cells, most)
        .into_iter()
        .map(|at| cells[at].0)
        .collect()
}

/// What lies between such buckets. Where the values are known, an edge stands in the middle of two: a
/// value that another type rounds stays in its bucket.
pub(super) fn edges(sketch: &Sketch, most: usize) -> Vec<f64> {
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

/// How many of `edges`, which rise, are no larger than `value`. No branch depends on the value.
#[inline(always)]
fn position(edges: &[f64], value: f64) -> usize {
    let (mut from, mut len) = (0, edges.len());
    while len > 1 {
        let half = len / 2;
        from += usize::from(edges[from + half - 1] <= value) * half;
        len -= half;
    }
    from + usize::from(len == 1 && edges[from] <= value)
}

/// A bucketed number among the model's inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BucketPart {
    /// Position in [`Layout::ids`](super::Layout::ids).
    pub slot: usize,
    /// Where every bucket but the first begins.
    #[serde(with = "exact_list")]
    pub edges: Vec<f64>,
}

impl BucketPart {
    /// How many buckets.
    pub(super) fn buckets(&self) -> usize {
        self.edges.len() + 1
    }

    /// The id of a value's bucket in the column's own numbering; that of NULL for NaN.
    #[inline(always)]
    pub(super) fn id(&self, value: f64) -> u32 {
        if value.is_nan() {
            return NULL_ID;
        }
        FIRST_ID + position(&self.edges, value) as u32
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
    pub(super) fn bins(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Where a value stands, counted in bins from the beginning of the first; NaN stands in the middle,
    /// which is the median.
    #[inline(always)]
    pub(super) fn place(&self, value: f64) -> f32 {
        let bins = self.bins();
        if value.is_nan() {
            return bins as f32 / 2.0;
        }
        let bin = position(&self.bounds[1..bins], value);
        let (from, to) = (self.bounds[bin], self.bounds[bin + 1]);
        let place = bin as f64 + (value - from) / (to - from);
        place.clamp(-BEYOND, BEYOND) as f32
    }
}

/// How far a value at `place` fills bin `bin` of `bins`: 1 before it, 0 behind it. As in the authors' code
/// the first bin may be filled by less than nothing, and the last one by more than all.
#[inline(always)]
pub(super) fn filled(place: f32, bin: usize, bins: usize) -> f32 {
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
            for value in [-1.0, -0.5, 0.0, 0.5, 3.0, 18.5, 40.0] {
                let expected = edges.iter().filter(|e| **e <= value).count();
                assert_eq!(position(&edges, value), expected, "{len} {value}");
            }
        }
        let part = BucketPart {
            slot: 0,
            edges: vec![1.0, 5.0],
        };
        let ids = [f64::NAN, -9.0, 1.0, 4.9, 5.0, 1e140].map(|v| part.id(v));
        assert_eq!(ids, [NULL_ID, 2, 3, 3, 4, 4]);
    }

    /// The paper's equation 1 for bins [0, 10), [10, 20), [20, 40].
    #[test]
    fn values_fill_bins() {
        let part = PiecePart {
            dense: 0,
            bounds: vec![0.0, 10.0, 20.0, 40.0],
            flag: None,
        };
        let all = |value: f64| [0, 1, 2].map(|bin| filled(part.place(value), bin, 3));
        assert_eq!(all(0.0), [0.0, 0.0, 0.0]);
        assert_eq!(all(5.0), [0.5, 0.0, 0.0]);
        assert_eq!(all(15.0), [1.0, 0.5, 0.0]);
        assert_eq!(all(25.0), [1.0, 1.0, 0.25]);
        assert_eq!(all(60.0), [1.0, 1.0, 2.0]);
        assert_eq!(all(-10.0), [-1.0, 0.0, 0.0]);
        assert_eq!(all(f64::NAN), [1.0, 0.5, 0.0]);
    }
}
