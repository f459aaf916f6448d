//! Where the values of a row stand while the encoder is being fitted.
//!
//! A record is a row of 32-bit words: ids, numbers, labels, the hash of the row (two words), when a column
//! decides the split, its key (two words), and the length of each list of ids. Behind these words, of which
//! all records have as many, stand the values of the lists.

use crate::feature::column::Slots;
use crate::feature::column::spec::EncoderSpec;
use crate::feature::rows::block::{IdSlot, Words, join};

/// Positions in a record.
pub(crate) struct Record {
    /// The features, in the query's order.
    pub(crate) features: Vec<FeatureSlots>,
    /// What has a vocabulary: the id slots, then the lists.
    pub(crate) slots: Vec<IdSlot>,
    /// Id slots; slot `i` is word `i`.
    pub(crate) ids: usize,
    /// First word of the labels.
    pub(crate) labels: usize,
    /// First word of the hash.
    pub(crate) hash: usize,
    /// First word of the split key.
    pub(crate) key: Option<usize>,
    /// Words in a record without the values of its lists; the last ones are the lengths of the lists.
    pub(crate) words: usize,
    /// Lists.
    pub(crate) lists: usize,
}

/// One feature's share of a record.
pub(crate) struct FeatureSlots {
    /// Position of its column in the query.
    pub(crate) column: usize,
    pub(crate) slots: Box<dyn Slots>,
}

impl Record {
    /// The record of rows of `spec`; `keyed` when a column decides the split.
    pub(crate) fn new(spec: &EncoderSpec, keyed: bool) -> Self {
        let mut words = Words::default();
        let mut features = Vec::new();
        for (at, column) in spec.columns.iter().enumerate() {
            if let Some(input) = &column.kind {
                words.column = at;
                let slots = input.slots(column, &mut words);
                features.push(FeatureSlots { column: at, slots });
            }
        }
        let (ids, lists) = (words.ids.len(), words.lists.len());
        let labels = ids + words.numbers;
        let hash = labels + spec.tasks.len();
        let key = keyed.then_some(hash + 2);
        Self {
            features,
            slots: words.ids.into_iter().chain(words.lists).collect(),
            ids,
            labels,
            hash,
            key,
            words: hash + if keyed { 4 } else { 2 } + lists,
            lists,
        }
    }

    /// The records that stand one behind the other in `words`.
    pub(crate) fn all<'a>(&self, words: &'a [u32]) -> Records<'a> {
        Records {
            rest: words,
            words: self.words,
            lists: self.lists,
        }
    }

    /// The lists of a row.
    pub(crate) fn lists<'a>(&self, row: &'a [u32]) -> impl Iterator<Item = &'a [u32]> + use<'a> {
        let (words, mut rest) = row.split_at(self.words);
        let lengths = &words[self.words - self.lists..];
        lengths.iter().map(move |len| {
            let (list, behind) = rest.split_at(*len as usize);
            rest = behind;
            list
        })
    }

    /// The hash of a row.
    #[inline(always)]
    pub(crate) fn hash_of(&self, row: &[u32]) -> u64 {
        join(row[self.hash], row[self.hash + 1])
    }

    /// The split key of a row; 0 when there is none.
    #[inline(always)]
    pub(crate) fn key_of(&self, row: &[u32]) -> u64 {
        self.key.map_or(0, |at| join(row[at], row[at + 1]))
    }
}

/// Records, one behind the other.
pub(crate) struct Records<'a> {
    rest: &'a [u32],
    words: usize,
    lists: usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u32];

    #[inline]
    fn next(&mut self) -> Option<&'a [u32]> {
        if self.rest.len() < self.words {
            return None;
        }
        let lengths = &self.rest[self.words - self.lists..self.words];
        let values: usize = lengths.iter().map(|len| *len as usize).sum();
        let (row, rest) = self.rest.split_at(self.words + values);
        self.rest = rest;
        Some(row)
    }
}
