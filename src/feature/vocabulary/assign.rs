//! How a value gets its id: by growing a vocabulary in training, from a fixed one in prediction.

use super::Vocabulary;
use super::hash::{combine, hash_key, integer_key};
use crate::feature::rows::layout::{FIRST_ID, NULL_ID, UNKNOWN_ID};

/// Gives values their ids.
pub(crate) trait Assign {
    fn null(&mut self) -> u32;
    fn integer(&mut self, value: i64) -> u32;
    /// A number that is no integer, or a text of at most [`INLINE_BYTES`].
    fn key(&mut self, key: u128, hash: u64) -> u32;
    fn long(&mut self, text: &[u8], hash: u64) -> u32;
}

/// Takes in the hashes of the values of a column.
pub(crate) trait Hashes {
    fn add(&mut self, row: usize, hash: u64);
}

/// Hashes nobody asks for.
pub(crate) struct NoHashes;

impl Hashes for NoHashes {
    #[inline(always)]
    fn add(&mut self, _row: usize, _hash: u64) {}
}

/// Hashes that become part of the hashes of their rows.
pub(crate) struct RowHashes<'a>(pub(crate) &'a mut [u64]);

impl Hashes for RowHashes<'_> {
    #[inline(always)]
    fn add(&mut self, row: usize, hash: u64) {
        self.0[row] = combine(self.0[row], hash);
    }
}

/// Training: a value that is not there is added.
pub(crate) struct Growing<'a> {
    pub(crate) vocabulary: &'a mut Vocabulary,
    /// Beyond so many values, new ones share so many ids by hash.
    pub(crate) buckets: Option<u32>,
}

impl Growing<'_> {
    #[inline(always)]
    fn id(
        &mut self,
        found: Option<u32>,
        hash: impl FnOnce() -> u64,
        add: impl FnOnce(&mut Vocabulary) -> u32,
    ) -> u32 {
        if let Some(index) = found {
            return FIRST_ID + index;
        }
        if let Some(buckets) = self.buckets
            && self.vocabulary.len() > buckets as usize
        {
            return FIRST_ID + buckets + 1 + bucket(hash(), buckets);
        }
        FIRST_ID + add(self.vocabulary)
    }
}

impl Assign for Growing<'_> {
    #[inline(always)]
    fn null(&mut self) -> u32 {
        NULL_ID
    }

    #[inline(always)]
    fn integer(&mut self, value: i64) -> u32 {
        let found = self.vocabulary.find_integer(value);
        self.id(
            found,
            || hash_key(integer_key(value)),
            |v| v.add_integer(value),
        )
    }

    #[inline(always)]
    fn key(&mut self, key: u128, hash: u64) -> u32 {
        let found = self.vocabulary.find(key, hash);
        self.id(found, || hash, |v| v.add(key, hash))
    }

    fn long(&mut self, text: &[u8], hash: u64) -> u32 {
        let found = self.vocabulary.find_long(text, hash);
        self.id(found, || hash, |v| v.add_long(text, hash))
    }
}

/// Which of `buckets` a hash falls into.
pub(crate) fn bucket(hash: u64, buckets: u32) -> u32 {
    ((u128::from(hash) * u128::from(buckets)) >> 64) as u32
}

/// Prediction: a value that is not there is unknown, and counted.
pub(crate) struct Fixed<'a> {
    pub(crate) vocabulary: &'a Vocabulary,
    /// The column is hashed into so many ids; then nothing is unknown.
    pub(crate) buckets: Option<u32>,
    pub(crate) offset: u32,
    pub(crate) unseen: u64,
}

impl Fixed<'_> {
    #[inline(always)]
    fn id(&mut self, found: Option<u32>) -> u32 {
        match found {
            Some(index) => self.offset + FIRST_ID + index,
            None => {
                self.unseen += 1;
                self.offset + UNKNOWN_ID
            }
        }
    }
}

impl Assign for Fixed<'_> {
    #[inline(always)]
    fn null(&mut self) -> u32 {
        self.offset + NULL_ID
    }

    #[inline(always)]
    fn integer(&mut self, value: i64) -> u32 {
        match self.buckets {
            Some(n) => self.offset + FIRST_ID + bucket(hash_key(integer_key(value)), n),
            None => self.id(self.vocabulary.find_integer(value)),
        }
    }

    #[inline(always)]
    fn key(&mut self, key: u128, hash: u64) -> u32 {
        match self.buckets {
            Some(n) => self.offset + FIRST_ID + bucket(hash, n),
            None => self.id(self.vocabulary.find(key, hash)),
        }
    }

    fn long(&mut self, text: &[u8], hash: u64) -> u32 {
        match self.buckets {
            Some(n) => self.offset + FIRST_ID + bucket(hash, n),
            None => self.id(self.vocabulary.find_long(text, hash)),
        }
    }
}
