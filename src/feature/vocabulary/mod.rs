//! Distinct values of one column, numbered in the order of their arrival.

pub(crate) mod assign;
pub mod hash;
pub(crate) mod merge;
mod persist;

use std::cmp::Ordering;

use hashbrown::HashTable;

use hash::{Content, INLINE_BYTES, content, hash_bytes, hash_key, inline_bytes, integer_key};

/// Integers below this need no hashing.
pub(crate) const DIRECT_LIMIT: u64 = 1 << 16;

/// Distinct values and their numbers.
///
/// Small integers are found through a plain table, everything else through a hash table. Sixteen
/// bytes per value hold a number or a short text; longer texts stand in one common buffer.
#[derive(Default)]
pub(crate) struct Vocabulary {
    keys: Vec<u128>,
    texts: Vec<u8>,
    table: HashTable<Slot>,
    /// Number of the integer plus one; 0 where there is none.
    direct: Vec<u32>,
    /// Integers below this stand in `direct` and nowhere else.
    direct_limit: u64,
}

/// A value's number with half of its hash, so that most misses and all moves do without the key.
#[derive(Clone, Copy)]
struct Slot {
    tag: u32,
    index: u32,
}

impl Slot {
    fn new(hash: u64, index: usize) -> Self {
        Self {
            tag: (hash >> 32) as u32,
            index: index as u32,
        }
    }

    /// The hash under which the table files this slot.
    #[inline(always)]
    fn hash(self) -> u64 {
        spread(self.tag)
    }
}

#[inline(always)]
fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A value of a vocabulary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Entry<'a> {
    Integer(i64),
    Float(f64),
    Unsigned(u64),
    Text(&'a [u8]),
}

impl Vocabulary {
    /// An empty vocabulary that files integers below `direct_limit` in a plain table.
    pub(crate) fn new(direct_limit: u64) -> Self {
        Self {
            direct_limit,
            ..Self::default()
        }
    }

    /// An empty vocabulary with room for `values`.
    pub(crate) fn with_capacity(values: usize, direct_limit: u64) -> Self {
        // Beyond the usual limit, integers are expected to need no hash table.
        let hashed = if direct_limit > DIRECT_LIMIT {
            0
        } else {
            values
        };
        Self {
            keys: Vec::with_capacity(values),
            table: HashTable::with_capacity(hashed),
            ..Self::new(direct_limit)
        }
    }

    /// How many values there are.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.capacity() * 16
            + self.texts.capacity()
            + self.direct.capacity() * 4
            + self.table.allocation_size()
    }

    /// Number of a value other than a long text.
    #[inline(always)]
    pub(crate) fn find(&self, key: u128, hash: u64) -> Option<u32> {
        let slot = Slot::new(hash, 0);
        self.table
            .find(slot.hash(), |s| {
                s.tag == slot.tag && self.keys[s.index as usize] == key
            })
            .map(|s| s.index)
    }

    /// Number of an integer.
    #[inline(always)]
    pub(crate) fn find_integer(&self, value: i64) -> Option<u32> {
        if (value as u64) < self.direct_limit {
            let number = self.direct.get(value as usize).copied().unwrap_or(0);
            return number.checked_sub(1);
        }
        let key = integer_key(value);
        self.find(key, hash_key(key))
    }

    /// Number of a text of more than [`INLINE_BYTES`] bytes.
    pub(crate) fn find_long(&self, text: &[u8], hash: u64) -> Option<u32> {
        let slot = Slot::new(hash, 0);
        self.table
            .find(slot.hash(), |s| {
                s.tag == slot.tag && long_text(&self.texts, self.keys[s.index as usize]) == text
            })
            .map(|s| s.index)
    }

    /// Adds a value, neither an integer nor a long text, that is not there.
    pub(crate) fn add(&mut self, key: u128, hash: u64) -> u32 {
        let slot = Slot::new(hash, self.keys.len());
        self.keys.push(key);
        self.table.insert_unique(slot.hash(), slot, |s| s.hash());
        slot.index
    }

    /// Adds an integer that is not there.
    pub(crate) fn add_integer(&mut self, value: i64) -> u32 {
        let key = integer_key(value);
        if value as u64 >= self.direct_limit {
            return self.add(key, hash_key(key));
        }
        let at = value as usize;
        if self.direct.len() <= at {
            let room = (at + 1).next_power_of_two().max(256);
            self.direct.resize(room.min(self.direct_limit as usize), 0);
        }
        self.keys.push(key);
        self.direct[at] = self.keys.len() as u32;
        self.direct[at] - 1
    }

    /// Adds a text of more than [`INLINE_BYTES`] bytes that is not there.
    pub(crate) fn add_long(&mut self, text: &[u8], hash: u64) -> u32 {
        let key = text.len() as u128 | (self.texts.len() as u128) << 64;
        self.texts.extend_from_slice(text);
        self.add(key, hash)
    }

    /// Finds or adds the value that `other` has at `index`.
    pub(crate) fn merge(&mut self, other: &Vocabulary, index: usize) -> u32 {
        let key = other.keys[index];
        match content(key) {
            Content::Integer(value) => match self.find_integer(value) {
                Some(index) => index,
                None => self.add_integer(value),
            },
            Content::Long(_) => {
                let text = long_text(&other.texts, key);
                let hash = hash_bytes(text);
                match self.find_long(text, hash) {
                    Some(index) => index,
                    None => self.add_long(text, hash),
                }
            }
            _ => {
                let hash = hash_key(key);
                match self.find(key, hash) {
                    Some(index) => index,
                    None => self.add(key, hash),
                }
            }
        }
    }

    /// Adds the value that `other` has at `index` and this vocabulary lacks.
    pub(crate) fn append(&mut self, other: &Vocabulary, index: usize) {
        let key = other.keys[index];
        match content(key) {
            Content::Integer(value) => self.add_integer(value),
            Content::Long(_) => {
                let text = long_text(&other.texts, key);
                self.add_long(text, hash_bytes(text))
            }
            _ => self.add(key, hash_key(key)),
        };
    }

    /// Hash of the value at `index`.
    pub(crate) fn hash(&self, index: usize) -> u64 {
        let key = self.keys[index];
        match content(key) {
            Content::Long(_) => hash_bytes(long_text(&self.texts, key)),
            _ => hash_key(key),
        }
    }

    /// Hands the value at `index` to `visit`.
    pub(crate) fn visit<T>(&self, index: usize, visit: impl FnOnce(Entry<'_>) -> T) -> T {
        let key = self.keys[index];
        match content(key) {
            Content::Integer(value) => visit(Entry::Integer(value)),
            Content::Float(value) => visit(Entry::Float(value)),
            Content::Unsigned(value) => visit(Entry::Unsigned(value)),
            Content::Inline(len) => visit(Entry::Text(&inline_bytes(key)[..len])),
            Content::Long(_) => visit(Entry::Text(long_text(&self.texts, key))),
        }
    }

    /// Order of two values: numbers by size, then texts by their bytes.
    pub(crate) fn order(&self, a: usize, b: usize) -> Ordering {
        let (x, y) = (self.keys[a], self.keys[b]);
        match (content(x), content(y)) {
            (Content::Integer(x), Content::Integer(y)) => x.cmp(&y),
            _ => self.visit(a, |a| {
                self.visit(b, |b| match (number(a), number(b)) {
                    (None, None) => text(a).cmp(text(b)),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (Some(m), Some(n)) => m.total_cmp(&n).then(x.cmp(&y)),
                })
            }),
        }
    }

    /// A number that is smaller for a smaller value, if not always different for another.
    pub(crate) fn prefix(&self, index: usize) -> u64 {
        self.visit(index, |entry| match number(entry) {
            Some(value) => {
                let bits = value.to_bits();
                if bits >> 63 == 0 {
                    bits | 1 << 63
                } else {
                    !bits
                }
            }
            None => {
                let (text, mut first) = (text(entry), [0; 8]);
                let len = text.len().min(8);
                first[..len].copy_from_slice(&text[..len]);
                u64::from_be_bytes(first)
            }
        })
    }

    /// The largest integer.
    pub(crate) fn max_integer(&self) -> Option<i64> {
        let integers = self.keys.iter().filter_map(|key| match content(*key) {
            Content::Integer(value) => Some(value),
            _ => None,
        });
        integers.max()
    }
}

fn number(entry: Entry<'_>) -> Option<f64> {
    match entry {
        Entry::Integer(value) => Some(value as f64),
        Entry::Float(value) => Some(value),
        Entry::Unsigned(value) => Some(value as f64),
        Entry::Text(_) => None,
    }
}

fn text(entry: Entry<'_>) -> &[u8] {
    match entry {
        Entry::Text(text) => text,
        _ => &[],
    }
}

/// The bytes behind a key; empty for a key that is no long text.
#[inline]
fn long_text(texts: &[u8], key: u128) -> &[u8] {
    let len = key as u32 as usize;
    let from = (key >> 64) as usize;
    if len <= INLINE_BYTES {
        return &[];
    }
    from.checked_add(len)
        .and_then(|to| texts.get(from..to))
        .unwrap_or_default()
}

/// Up to which integer a finished vocabulary of `values` is looked up without hashing: as far as
/// the plain table stays about as small as a hash table.
pub(crate) fn direct_limit(values: usize, max_integer: Option<i64>) -> u64 {
    let dense = 8 * values as u64;
    match max_integer.and_then(|m| u64::try_from(m).ok()) {
        Some(max) if max < dense => DIRECT_LIMIT.max(max + 1),
        _ => DIRECT_LIMIT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::vocabulary::hash::{Number, float_number, text_key};

    fn put_text(vocabulary: &mut Vocabulary, text: &str) -> u32 {
        let bytes = text.as_bytes();
        if bytes.len() > INLINE_BYTES {
            let hash = hash_bytes(bytes);
            return match vocabulary.find_long(bytes, hash) {
                Some(i) => i,
                None => vocabulary.add_long(bytes, hash),
            };
        }
        let key = text_key(bytes);
        match vocabulary.find(key, hash_key(key)) {
            Some(i) => i,
            None => vocabulary.add(key, hash_key(key)),
        }
    }

    #[test]
    fn numbers_texts_in_order_of_arrival() {
        let mut v = Vocabulary::new(DIRECT_LIMIT);
        let long = "a text of more than twelve bytes";
        assert_eq!(put_text(&mut v, long), 0);
        assert_eq!(put_text(&mut v, "short"), 1);
        assert_eq!(put_text(&mut v, ""), 2);
        assert_eq!(put_text(&mut v, long), 0);
        assert_eq!(put_text(&mut v, "short"), 1);
        assert!(v.visit(0, |e| e == Entry::Text(long.as_bytes())));
        assert_eq!(v.order(1, 0), Ordering::Greater);
        assert_eq!(v.order(2, 0), Ordering::Less);
    }

    #[test]
    fn merging_finds_what_is_there() {
        let mut a = Vocabulary::new(DIRECT_LIMIT);
        for value in [5, -5, 1 << 40, 65_535, 65_536] {
            a.add_integer(value);
        }
        let mut b = Vocabulary::new(DIRECT_LIMIT);
        let Number::Other(key) = float_number(2.5) else {
            panic!("2.5 is no integer")
        };
        b.add(key, hash_key(key));
        b.add_integer(65_535);
        b.add_integer(-6);
        assert_eq!(
            (0..3).map(|i| a.merge(&b, i)).collect::<Vec<_>>(),
            [5, 3, 6]
        );
        assert_eq!(
            (0..3).map(|i| a.merge(&b, i)).collect::<Vec<_>>(),
            [5, 3, 6]
        );
        assert_eq!(a.find_integer(1 << 40), Some(2));
        assert_eq!(a.find_integer(6), None);
        assert_eq!(a.order(5, 0), Ordering::Less);
        assert_eq!(a.max_integer(), Some(1 << 40));
    }

    #[test]
    fn a_dense_range_of_integers_needs_no_hash_table() {
        assert_eq!(direct_limit(1_000_000, Some(1_500_000)), 1_500_001);
        assert_eq!(direct_limit(10, Some(1_500_000)), DIRECT_LIMIT);
        assert_eq!(direct_limit(10, None), DIRECT_LIMIT);
    }
}
