//! What columns become among the inputs of a model.

use serde::{Deserialize, Serialize};

use crate::feature::rows::inputs::Inputs;
use crate::feature::rows::layout::Layout;
use crate::feature::value::scale::{Scale, signed_log};
use crate::feature::value::vector::narrow;

/// An id column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdPart {
    /// Position in [`Layout::ids`].
    pub slot: usize,
    /// Ids that hashes are divided among, for a hashed column.
    pub buckets: Option<u32>,
}

impl IdPart {
    /// Whether its place is in this layout.
    pub(crate) fn is_in(&self, layout: &Layout) -> bool {
        self.slot < layout.ids.len()
    }

    /// Its place, where ids are found without the values.
    pub(crate) fn unlisted(&self) -> Option<usize> {
        self.buckets.map(|_| self.slot)
    }
}

/// A list of ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListPart {
    /// Position in [`Layout::lists`].
    pub list: usize,
    /// Ids that hashes are divided among, for a hashed list.
    pub buckets: Option<u32>,
}

/// What is standardised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Float {
    /// The value.
    Plain,
    /// The value, larger ones becoming smaller.
    Backwards,
    /// `sign(x) * ln(1 + |x|)`.
    Log,
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
    pub(crate) fn apply(&self, value: f64) -> f32 {
        match self.log {
            true => self.scale.apply(signed_log(value)),
            false => self.scale.apply(value),
        }
    }

    /// Puts values among the inputs.
    pub(crate) fn put(&self, values: &[f64], inputs: &mut Inputs) {
        let scale = self.scale;
        let pairs = inputs.dense(self.dense).iter_mut().zip(values);
        match self.log {
            true => pairs.for_each(|(out, v)| *out = scale.apply(signed_log(*v)).to_bits()),
            false => pairs.for_each(|(out, v)| *out = scale.apply(*v).to_bits()),
        }
        inputs.flag(self.flag, values.iter().map(|v| v.is_nan()));
    }

    /// Whether its places are in this layout.
    pub(crate) fn is_in(&self, layout: &Layout) -> bool {
        let dense = layout.dense.len();
        self.dense < dense && self.flag.is_none_or(|flag| flag < dense)
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

impl VectorPart {
    /// Puts vectors, one behind the other, among the inputs.
    pub(crate) fn put(&self, elements: &[f64], inputs: &mut Inputs) {
        let len = self.scales.len();
        for (i, scale) in self.scales.iter().enumerate() {
            let out = inputs.dense(self.dense + i).iter_mut();
            for (out, value) in out.zip(elements.iter().skip(i).step_by(len)) {
                *out = scale.apply(narrow(*value).into()).to_bits();
            }
        }
        let vectors = elements.chunks_exact(len.max(1));
        inputs.flag(self.flag, vectors.map(|v| v.iter().any(|v| v.is_nan())));
    }

    /// Whether its places are in this layout.
    pub(crate) fn is_in(&self, layout: &Layout) -> bool {
        let dense = layout.dense.len();
        self.dense + self.scales.len() <= dense && self.flag.is_none_or(|flag| flag < dense)
    }
}
