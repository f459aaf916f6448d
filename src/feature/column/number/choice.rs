//! Which encoding a number gets, from what the statement asks for and how its values are distributed.

use super::bucket::{edges, starts};
use super::encoding::NumericEncoding;
use crate::feature::column::part::Float;
use crate::feature::fit::sketch::Sketch;

/// Buckets of a number at the most. More of them than 128 gained nothing on Census-Income, fewer lost.
const BUCKETS: usize = 128;
/// Fewer, where a bucket would have fewer rows than this.
const BUCKET_ROWS: u64 = 32;
/// So many there may be in any case.
const LEAST_BUCKETS: usize = 16;
/// Bins of a piecewise linear encoding at the most.
const BINS: usize = 16;
/// Up to so many distinct values a number says all by itself.
const FEW: u64 = 2;

/// What a number becomes. One that is the same in all training rows becomes nothing, whatever stands here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Choice {
    /// A standardised number.
    pub(crate) float: Option<Float>,
    /// An id; what lies between the buckets.
    pub(crate) buckets: Option<Vec<f64>>,
    /// A number a bin; where the bins begin, and where the last one ends.
    pub(crate) bins: Option<Vec<f64>>,
    /// Why, when it was not asked for.
    pub(crate) why: Option<String>,
    /// Distinct values in training rows, where they are known.
    pub(crate) distinct: Option<u64>,
}

impl NumericEncoding {
    /// Whether the choice depends on how the values are distributed.
    pub(crate) fn reads_values(self) -> bool {
        !matches!(self, Self::Standardize | Self::Log)
    }
}

impl Choice {
    /// The choice for a number whose values are distributed so; `values` is empty where it does not depend
    /// on them.
    pub(crate) fn new(asked: NumericEncoding, values: &Sketch) -> Self {
        let float = |float| Self {
            float: Some(float),
            ..Self::default()
        };
        match asked {
            NumericEncoding::Standardize => float(Float::Plain),
            NumericEncoding::Log => float(Float::Log),
            NumericEncoding::Quantile => float(Float::Plain).with_buckets(values),
            NumericEncoding::Piecewise => float(Float::Plain).with_bins(values),
            NumericEncoding::Auto => Self::automatic(values),
        }
    }

    /// Buckets beside the number itself, unless it has so few values that the number says all.
    fn automatic(values: &Sketch) -> Self {
        let float = Self {
            float: Some(Float::Plain),
            distinct: values.distinct(),
            ..Self::default()
        };
        let (choice, why) = match values.distinct() {
            Some(distinct) if distinct <= FEW => (float, format!("{distinct} values")),
            Some(distinct) => (
                float.with_buckets(values),
                format!("buckets for {distinct} values"),
            ),
            None => (float.with_buckets(values), "buckets for many values".into()),
        };
        Self {
            why: Some(why),
            ..choice
        }
    }

    /// An id beside the number.
    fn with_buckets(mut self, values: &Sketch) -> Self {
        self.distinct = values.distinct();
        if !values.is_constant() {
            let room = (values.rows() / BUCKET_ROWS) as usize;
            self.buckets = Some(edges(values, room.clamp(LEAST_BUCKETS, BUCKETS)));
        }
        self
    }

    /// A number a bin instead of the one; that stays where all values that are there are the same.
    fn with_bins(mut self, values: &Sketch) -> Self {
        self.distinct = values.distinct();
        let mut bounds = starts(values, BINS);
        // The last bin ends at the largest value, where more than that is in it.
        if bounds.last().is_some_and(|last| *last < values.max()) {
            bounds.push(values.max());
        }
        if bounds.len() > 1 {
            self.bins = Some(bounds);
            self.float = None;
        }
        self
    }
}
