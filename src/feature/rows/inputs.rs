//! The inputs of rows to be predicted, as features write them: side by side until all features are there.

use super::layout::{EncodedBatch, Layout};
use super::lists::Lists;
use super::scratch::column;
use crate::error::Result;
use crate::feature::vocabulary::Vocabulary;
use crate::feature::vocabulary::assign::Fixed;

/// Inputs of some rows, as far as they have been encoded.
pub(crate) struct Inputs<'a> {
    /// Values that training has not seen, or too seldom.
    pub(crate) unseen: u64,
    layout: &'a Layout,
    /// One for each id column of the layout, then one for each list.
    vocabularies: &'a [Vocabulary],
    rows: usize,
    words: &'a mut [u32],
    stride: usize,
    lists: &'a mut [Lists<i32>],
}

impl<'a> Inputs<'a> {
    /// The inputs of the next `rows` rows of `out`, in its working space, and a buffer for whoever reads.
    pub(crate) fn new(
        layout: &'a Layout,
        vocabularies: &'a [Vocabulary],
        rows: usize,
        out: &'a mut EncodedBatch,
    ) -> (Self, &'a mut Vec<f64>) {
        let EncodedBatch { scratch, lists, .. } = out;
        let inputs = Self {
            unseen: 0,
            layout,
            vocabularies,
            rows,
            words: &mut scratch.words,
            stride: scratch.stride,
            lists,
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

    /// Lets `read` look values up in the vocabulary of a list and append one list of their ids a row;
    /// `buckets` as in [`Inputs::categories`].
    ///
    /// # Errors
    /// Those of `read`.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "only tests have a kind of column with lists")
    )]
    pub(crate) fn list(
        &mut self,
        list: usize,
        buckets: Option<u32>,
        read: impl FnOnce(&mut Fixed, &mut Lists<i32>) -> Result<()>,
    ) -> Result<()> {
        let mut fixed = Fixed {
            vocabulary: &self.vocabularies[self.layout.ids.len() + list],
            buckets,
            offset: self.layout.lists[list].offset,
            unseen: 0,
        };
        read(&mut fixed, &mut self.lists[list])?;
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
