//! The inputs of rows to be predicted, as features write them: side by side until all features are there.

use super::layout::Layout;
use super::scratch::{Scratch, column};
use crate::error::Result;
use crate::feature::vocabulary::Vocabulary;
use crate::feature::vocabulary::assign::Fixed;

/// Inputs of some rows, as far as they have been encoded.
pub(crate) struct Inputs<'a> {
    /// Values that training has not seen, or too seldom.
    pub(crate) unseen: u64,
    layout: &'a Layout,
    /// One for each id column of the layout.
    vocabularies: &'a [Vocabulary],
    rows: usize,
    words: &'a mut [u32],
    stride: usize,
}

impl<'a> Inputs<'a> {
    /// The inputs of `rows` rows in `scratch`, and a buffer for whoever reads.
    pub(crate) fn new(
        layout: &'a Layout,
        vocabularies: &'a [Vocabulary],
        rows: usize,
        scratch: &'a mut Scratch,
    ) -> (Self, &'a mut Vec<f64>) {
        let inputs = Self {
            unseen: 0,
            layout,
            vocabularies,
            rows,
            words: &mut scratch.words,
            stride: scratch.stride,
        };
        (inputs, &mut scratch.numbers)
    }

    /// Lets `read` look values up in the vocabulary of an id column and write their ids; `buckets` are the
    /// ids that hashes are divided among, for a hashed column.
    ///
    /// # Errors
    /// Those of `read`.
    pub(crate) fn categories(
        &mut self,
        slot: usize,
        buckets: Option<u32>,
        read: impl FnOnce(&mut Fixed, &mut [u32]) -> Result<()>,
    ) -> Result<()> {
        let mut fixed = Fixed {
            vocabulary: &self.vocabularies[slot],
            buckets,
            offset: self.layout.ids[slot].offset,
            unseen: 0,
        };
        read(&mut fixed, self.ids(slot).1)?;
        self.unseen += fixed.unseen;
        Ok(())
    }

    /// The first id of an id column, and the ids of the rows.
    pub(crate) fn ids(&mut self, slot: usize) -> (u32, &mut [u32]) {
        let first = self.layout.ids[slot].offset;
        (first, column(self.words, self.stride, slot, self.rows))
    }

    /// The bits of a number of the layout.
    pub(crate) fn dense(&mut self, at: usize) -> &mut [u32] {
        let first = self.layout.ids.len();
        column(self.words, self.stride, first + at, self.rows)
    }

    /// Tells which values are missing.
    pub(crate) fn flag(&mut self, at: Option<usize>, missing: impl Iterator<Item = bool>) {
        if let Some(at) = at {
            for (out, missing) in self.dense(at).iter_mut().zip(missing) {
                *out = f32::from(u8::from(missing)).to_bits();
            }
        }
    }
}
