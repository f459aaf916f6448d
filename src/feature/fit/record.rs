//! Where the values of a row stand while the encoder is being fitted.
//!
//! A record is a row of 32-bit words: ids, numbers (two words each, so that they stay exact until
//! mean and deviation are known), vectors (a word per element and one to spare), labels, the hash of
//! the row (two words) and, when a column decides the split, its key (two words).

use crate::feature::column::spec::{EncoderSpec, Kind};
use crate::feature::value::class::Class;

/// Positions in a record.
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
pub(crate) struct FeatureSlots {
    /// Position of its column in the query.
    pub(crate) column: usize,
    pub(crate) slots: Slots,
}

/// Which words a feature has, by kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slots {
    Category {
        id: usize,
    },
    Number {
        word: usize,
    },
    Time {
        hour: usize,
        weekday: Option<usize>,
        word: usize,
    },
    Vector {
        word: usize,
        len: usize,
    },
}

/// An id slot.
#[derive(Clone, Debug)]
pub(crate) struct IdSlot {
    pub(crate) name: String,
    /// Position of its column in the query.
    pub(crate) column: usize,
}

impl Record {
    /// The record of rows of `spec`; `keyed` when a column decides the split.
    pub(crate) fn new(spec: &EncoderSpec, keyed: bool) -> Self {
        let mut ids = Vec::new();
        let mut id = |column: usize, part: &str| {
            let name = format!("{}{part}", spec.columns[column].name);
            ids.push(IdSlot { name, column });
            ids.len() - 1
        };
        let mut features = Vec::new();
        for (column, c) in spec.columns.iter().enumerate() {
            // Words are counted from the first number until the number of ids is known.
            let slots = match c.kind {
                Kind::Category => Slots::Category { id: id(column, "") },
                Kind::Number => Slots::Number { word: 0 },
                Kind::Time => Slots::Time {
                    hour: id(column, " (hour)"),
                    weekday: (c.class != Class::Time).then(|| id(column, " (weekday)")),
                    word: 0,
                },
                Kind::Vector(len) => Slots::Vector { word: 0, len },
                Kind::Pixels([height, width]) => Slots::Vector {
                    word: 0,
                    len: height * width,
                },
                Kind::Label | Kind::Split | Kind::Ignored => continue,
            };
            features.push(FeatureSlots { column, slots });
        }
        let mut next = ids.len();
        for feature in &mut features {
            match &mut feature.slots {
                Slots::Category { .. } => {}
                Slots::Number { word } | Slots::Time { word, .. } => {
                    *word = next;
                    next += 2;
                }
                Slots::Vector { word, len } => {
                    *word = next;
                    next += *len + 1;
                }
            }
        }
        let labels = next;
        let hash = labels + spec.tasks.len();
        let key = keyed.then_some(hash + 2);
        Self {
            features,
            ids,
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
