//! Records of training rows as columns write them: 32-bit words, side by side until all columns are there.

use super::lists::Lists;
use super::scratch::{Scratch, column};
use crate::feature::value::vector;
use crate::feature::vocabulary::Vocabulary;
use crate::feature::vocabulary::assign::{Growing, RowHashes};

/// The words of a record that columns have asked for: first a word for each id, then those of numbers; and
/// the lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    /// Position in the query of the column that asks.
    pub(crate) column: usize,
    /// The id slots.
    pub(crate) ids: Vec<IdSlot>,
    /// Words of numbers.
    pub(crate) numbers: usize,
    /// The lists of ids.
    pub(crate) lists: Vec<IdSlot>,
}

/// An id slot, or a list of ids: what has a vocabulary.
#[derive(Clone, Debug)]
pub(crate) struct IdSlot {
    pub(crate) name: String,
    /// Position of its column in the query.
    pub(crate) column: usize,
}

impl Words {
    /// An id, of a vocabulary of its own; returns its slot.
    pub(crate) fn id(&mut self, name: String) -> usize {
        let column = self.column;
        self.ids.push(IdSlot { name, column });
        self.ids.len() - 1
    }

    /// A number that stays exact until mean and deviation are known, in two words; returns the first one,
    /// counted from the first number.
    pub(crate) fn exact(&mut self) -> usize {
        self.take(2)
    }

    /// `len` numbers of one word, and a word to spare, which a finished row may need for a flag; returns
    /// the first one, counted from the first number.
    pub(crate) fn narrow(&mut self, len: usize) -> usize {
        self.take(len + 1)
    }

    /// A list of ids, of a vocabulary of its own; returns its number.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "only tests have a kind of column with lists")
    )]
    pub(crate) fn list(&mut self, name: String) -> usize {
        let column = self.column;
        self.lists.push(IdSlot { name, column });
        self.lists.len() - 1
    }

    fn take(&mut self, words: usize) -> usize {
        let first = self.numbers;
        self.numbers += words;
        first
    }
}

/// Records of some rows, as far as they have been read.
pub(crate) struct Block<'a> {
    /// Hash of every row.
    pub(crate) hashes: &'a mut [u64],
    words: &'a mut [u32],
    stride: usize,
    /// Word of the first number.
    first: usize,
    /// Of the ids, then of the lists.
    vocabularies: &'a mut [Vocabulary],
    buckets: Option<u32>,
    lists: &'a mut [Lists<u32>],
}

impl<'a> Block<'a> {
    /// The records in `scratch`, whose ids are those of `vocabularies`; beyond `buckets` values, new ones
    /// share as many ids by hash. The second result is a buffer for whoever reads.
    pub(crate) fn new(
        scratch: &'a mut Scratch,
        vocabularies: &'a mut [Vocabulary],
        buckets: Option<u32>,
    ) -> (Self, &'a mut Vec<f64>) {
        let block = Self {
            hashes: &mut scratch.hashes,
            words: &mut scratch.words,
            stride: scratch.stride,
            first: vocabularies.len() - scratch.lists.len(),
            vocabularies,
            buckets,
            lists: &mut scratch.lists,
        };
        (block, &mut scratch.numbers)
    }

    /// What gives the values of an id slot their ids, what takes in their hashes, and the ids.
    pub(crate) fn ids(&mut self, slot: usize) -> (Growing<'_>, RowHashes<'_>, &mut [u32]) {
        let rows = self.hashes.len();
        let growing = Growing {
            vocabulary: &mut self.vocabularies[slot],
            buckets: self.buckets,
        };
        let ids = column(self.words, self.stride, slot, rows);
        (growing, RowHashes(self.hashes), ids)
    }

    /// What gives the values of a list their ids, the hashes of the rows, and the lists of the rows, to which
    /// one a row is to be appended.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "only tests have a kind of column with lists")
    )]
    pub(crate) fn list(&mut self, list: usize) -> (Growing<'_>, RowHashes<'_>, &mut Lists<u32>) {
        let growing = Growing {
            vocabulary: &mut self.vocabularies[self.first + list],
            buckets: self.buckets,
        };
        (growing, RowHashes(self.hashes), &mut self.lists[list])
    }

    /// Writes numbers that stay exact.
    pub(crate) fn exact(&mut self, word: usize, values: &[f64]) {
        let bits = values.iter().map(|v| v.to_bits());
        split_words(bits, self.words, self.stride, self.first + word);
    }

    /// Writes `len` numbers a row, which stand row by row.
    pub(crate) fn narrow(&mut self, word: usize, len: usize, elements: &[f64]) {
        let rows = self.hashes.len();
        for i in 0..len {
            let of_rows = elements.iter().skip(i).step_by(len);
            let out = column(self.words, self.stride, self.first + word + i, rows);
            for (out, value) in out.iter_mut().zip(of_rows) {
                *out = vector::narrow(*value).to_bits();
            }
        }
    }
}

/// Two words as one.
#[inline(always)]
pub(crate) fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// Writes 64-bit values to two columns of words.
pub(crate) fn split_words(
    values: impl Iterator<Item = u64>,
    words: &mut [u32],
    stride: usize,
    at: usize,
) {
    let (low, high) = words[at * stride..(at + 2) * stride].split_at_mut(stride);
    for ((value, low), high) in values.zip(low).zip(high) {
        *low = value as u32;
        *high = (value >> 32) as u32;
    }
}
