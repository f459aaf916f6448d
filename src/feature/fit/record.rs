//! Where the values of a row stand while the encoder is being fitted.
//!
//! A record is a row of 32-bit words: ids, numbers, labels, the hash of the row (two words) and, when a
//! column decides the split, its key (two words).

use crate::feature::column::Slots;
use crate::feature::column::spec::EncoderSpec;
use crate::feature::rows::block::{IdSlot, Words, join};

/// Positions in a record.
pub(crate) struct Record {
    /// The features, in the query's order.
    pub(crate) features: Vec<FeatureSlots>,
    /// Names of the id slots; slot `i` is word `i`.
    pub(crate) ids: Vec<IdSlot>,
    /// First word of the labels.
    pub(crate) labels: usize,
    /// First word of the hash.
    pub(crate) hash: usize,
    /// First word of the split key.
    pub(crate) key: Option<usize>,
    /// Words in a record.
    pub(crate) words: usize,
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
        let labels = words.ids.len() + words.numbers;
        let hash = labels + spec.tasks.len();
        let key = keyed.then_some(hash + 2);
        Self {
            features,
            ids: words.ids,
            labels,
            hash,
            key,
            words: hash + if keyed { 4 } else { 2 },
        }
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
