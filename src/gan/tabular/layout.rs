//! Where the slots of units stand in the vectors that networks see.

use tch::{Kind, Tensor};

use crate::error::Result;
use crate::feature::table::{Codec, UnitKind};

/// Slots of all units side by side; the labels' tuple, where there is one, stands first.
#[derive(Clone, Debug)]
pub struct Layout {
    offsets: Vec<i64>,
    spans: Vec<Vec<bool>>,
    counts: Vec<Vec<u64>>,
    /// Of each label the class in every tuple, and how many classes there are.
    labels: Vec<(Vec<i64>, i64)>,
    width: i64,
}

impl Layout {
    /// The layout of rows coded by `codec`.
    pub fn new(codec: &Codec) -> Self {
        let mut width = 0;
        let mut offsets = Vec::new();
        for unit in &codec.units {
            offsets.push(width);
            width += unit.counts.len() as i64;
        }
        let labels = match codec.units.first().map(|unit| &unit.kind) {
            Some(UnitKind::Labels { columns, tuples }) => (0..columns.len())
                .map(|label| {
                    let classes: Vec<_> = tuples.iter().map(|t| i64::from(t[label])).collect();
                    let most = classes.iter().max().map_or(0, |most| most + 1);
                    (classes, most)
                })
                .collect(),
            _ => Vec::new(),
        };
        Self {
            spans: (0..codec.units.len())
                .map(|unit| codec.spans(unit))
                .collect(),
            counts: codec.units.iter().map(|unit| unit.counts.clone()).collect(),
            offsets,
            labels,
            width,
        }
    }

    /// U.
    pub fn units(&self) -> usize {
        self.offsets.len()
    }

    /// W.
    pub fn width(&self) -> i64 {
        self.width
    }

    /// Where the slots of a unit begin.
    pub fn offset(&self, unit: usize) -> i64 {
        self.offsets[unit]
    }

    /// The slots of a unit.
    pub fn slots(&self, unit: usize) -> i64 {
        self.counts[unit].len() as i64
    }

    /// S.
    pub fn most_slots(&self) -> i64 {
        (0..self.units())
            .map(|unit| self.slots(unit))
            .max()
            .unwrap_or(1)
    }

    /// Training rows of each slot of a unit.
    pub fn counts(&self, unit: usize) -> &[u64] {
        &self.counts[unit]
    }

    /// Whether each slot of a unit is a span.
    pub fn spans(&self, unit: usize) -> &[bool] {
        &self.spans[unit]
    }

    /// The units that have spans.
    pub fn spanned(&self) -> Vec<usize> {
        let has = |unit: &usize| self.spans[*unit].contains(&true);
        (0..self.units()).filter(has).collect()
    }

    /// T; 0 without labels.
    pub fn tuples(&self) -> i64 {
        match self.labels.is_empty() {
            true => 0,
            false => self.slots(0),
        }
    }

    /// Of each label the class in every tuple, and how many classes there are.
    pub fn labels(&self) -> &[(Vec<i64>, i64)] {
        &self.labels
    }

    /// The units that the generator draws: all but the tuple.
    pub fn drawn(&self) -> std::ops::Range<usize> {
        usize::from(!self.labels.is_empty())..self.units()
    }

    /// `ids`, positions among the slots of all units, `[B, n]`, as ones in `[B, W]`, or as what `values`
    /// has for each.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn one_hot(&self, ids: &Tensor, values: Option<&Tensor>) -> Result<Tensor> {
        let rows = ids.size()[0];
        let zeros = Tensor::f_zeros([rows, self.width], (Kind::Float, ids.device()))?;
        Ok(match values {
            None => zeros.f_scatter_value(1, ids, 1.)?,
            Some(values) => zeros.f_scatter(1, ids, values)?,
        })
    }
}
