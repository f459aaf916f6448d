//! The key of a category, and hashes that depend on nothing but the value.
//!
//! A key has 128 bits. Texts of up to twelve bytes stand in it whole, laid out as an inline Arrow
//! view: length, then bytes, padded with zeros. Numbers carry a tag where a text has its length.
//! Longer texts keep their bytes in the vocabulary that holds them.

/// Texts of at most so many bytes fit into a key.
pub(crate) const INLINE_BYTES: usize = 12;

const TAG_INTEGER: u32 = 0xFFFF_FFF0;
const TAG_FLOAT: u32 = 0xFFFF_FFF1;
const TAG_UNSIGNED: u32 = 0xFFFF_FFF2;

const K0: u64 = 0xa076_1d64_78bd_642f;
const K1: u64 = 0xe703_7ed1_a0b4_28db;
const K2: u64 = 0x8ebc_6af0_9c88_c6e3;

/// What a NULL adds to the hash of its row.
pub(crate) const NULL_HASH: u64 = 0x589b_65db_5eb3_7a1d;

/// The product of both, its halves folded into one.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Appends a value's hash to the hash of its row.
#[inline(always)]
pub(crate) fn combine(row: u64, value: u64) -> u64 {
    row.wrapping_mul(K2 | 1).wrapping_add(value)
}

/// Hash of a key that holds its whole value.
#[inline(always)]
pub(crate) fn hash_key(key: u128) -> u64 {
    fold(key as u64 ^ K0, (key >> 64) as u64 ^ K1)
}

/// Hash of a text longer than [`INLINE_BYTES`].
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let len = bytes.len();
    let mut state = K2 ^ len as u64;
    let mut rest = bytes;
    while rest.len() > 16 {
        state = fold(word(rest) ^ K0 ^ state, word(&rest[8..]) ^ K1);
        rest = &rest[16..];
    }
    // The last sixteen bytes may overlap those already taken in; the length tells them apart.
    let tail = &bytes[len.saturating_sub(16)..];
    fold(word(tail) ^ K1 ^ state, word(&tail[tail.len() - 8..]) ^ K0)
}

/// Hash of the bits of a number that is no category.
#[inline(always)]
pub(crate) fn hash_bits(bits: u64) -> u64 {
    fold(bits ^ K1, K0)
}

#[inline(always)]
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(word)
}

#[inline(always)]
fn half(bytes: &[u8]) -> u64 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[..4]);
    u64::from(u32::from_le_bytes(word))
}

/// Key of a text of at most [`INLINE_BYTES`] bytes.
#[inline(always)]
pub(crate) fn text_key(bytes: &[u8]) -> u128 {
    let len = bytes.len();
    // Reads that overlap see the same bytes, so they can be joined with `|`.
    let text = match len {
        0 => 0,
        1..=3 => {
            let (a, b, c) = (bytes[0], bytes[len / 2], bytes[len - 1]);
            u128::from(a) | u128::from(b) << (len / 2 * 8) | u128::from(c) << ((len - 1) * 8)
        }
        4..=7 => u128::from(half(bytes)) | u128::from(half(&bytes[len - 4..])) << ((len - 4) * 8),
        _ => u128::from(word(bytes)) | u128::from(word(&bytes[len - 8..])) << ((len - 8) * 8),
    };
    len as u128 | text << 32
}

/// Key of an inline Arrow view; bytes beyond the text are ignored.
#[inline(always)]
pub(crate) fn view_key(view: u128) -> u128 {
    let len = view as u32;
    view & (u128::MAX >> (96 - 8 * len))
}

/// Key of an integer.
#[inline(always)]
pub(crate) fn integer_key(value: i64) -> u128 {
    u128::from(TAG_INTEGER) | u128::from(value as u64) << 64
}

/// A number by value, whatever type it came in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Null,
    Integer(i64),
    /// No i64: the key tells which number it is.
    Other(u128),
}

/// A float by value: 2.0 is the integer 2, -0.0 is 0, NaN is NULL.
#[inline(always)]
pub(crate) fn float_number(value: f64) -> Number {
    // 2^63 itself is no i64; the cast of everything below is exact for whole numbers.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) {
        let whole = value as i64;
        if whole as f64 == value {
            return Number::Integer(whole);
        }
    } else if value.is_nan() {
        return Number::Null;
    }
    Number::Other(u128::from(TAG_FLOAT) | u128::from(value.to_bits()) << 64)
}

/// An unsigned integer by value.
#[inline(always)]
pub(crate) fn unsigned_number(value: u64) -> Number {
    match i64::try_from(value) {
        Ok(value) => Number::Integer(value),
        Err(_) if value as f64 as u128 == u128::from(value) => float_number(value as f64),
        Err(_) => Number::Other(u128::from(TAG_UNSIGNED) | u128::from(value) << 64),
    }
}

/// A whole number of 128 bits by value; beyond 64 bits it is rounded to a float.
#[inline(always)]
pub(crate) fn wide_number(value: i128) -> Number {
    if let Ok(value) = i64::try_from(value) {
        return Number::Integer(value);
    }
    u64::try_from(value).map_or_else(|_| float_number(value as f64), unsigned_number)
}

/// What a key says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Content {
    Integer(i64),
    Float(f64),
    Unsigned(u64),
    /// A short text: its length; the bytes come from [`inline_bytes`].
    Inline(usize),
    /// A long text: its length; the upper half of the key says where its bytes stand.
    Long(usize),
}

#[inline]
pub(crate) fn content(key: u128) -> Content {
    let upper = (key >> 64) as u64;
    match key as u32 {
        TAG_INTEGER => Content::Integer(upper as i64),
        TAG_FLOAT => Content::Float(f64::from_bits(upper)),
        TAG_UNSIGNED => Content::Unsigned(upper),
        len if len as usize <= INLINE_BYTES => Content::Inline(len as usize),
        len => Content::Long(len as usize),
    }
}

/// The bytes of an inline text, zeros behind them.
pub(crate) fn inline_bytes(key: u128) -> [u8; INLINE_BYTES] {
    let mut bytes = [0; INLINE_BYTES];
    bytes.copy_from_slice(&key.to_le_bytes()[4..]);
    bytes
}

/// The hash of a text of any length.
pub fn text_hash(text: &[u8]) -> u64 {
    match text.len() > INLINE_BYTES {
        true => hash_bytes(text),
        false => hash_key(text_key(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_have_the_key_of_their_inline_view() {
        let bytes = b"abcdefghijkl";
        for len in 0..=INLINE_BYTES {
            let mut view = [0; 16];
            view[..4].copy_from_slice(&(len as u32).to_le_bytes());
            view[4..4 + len].copy_from_slice(&bytes[..len]);
            let view = u128::from_le_bytes(view);
            assert_eq!(text_key(&bytes[..len]), view);
            assert_eq!(view_key(view), view);
            assert_eq!(&inline_bytes(view)[..len], &bytes[..len]);
            if len < INLINE_BYTES {
                assert_eq!(view_key(view | 1 << 127), view);
            }
        }
    }

    #[test]
    fn numbers_are_equal_by_value() {
        assert_eq!(float_number(2.0), Number::Integer(2));
        assert_eq!(float_number(-0.0), Number::Integer(0));
        assert_eq!(float_number(f64::NAN), Number::Null);
        assert_eq!(float_number(i64::MIN as f64), Number::Integer(i64::MIN));
        assert_eq!(unsigned_number(7), Number::Integer(7));
        assert_eq!(
            unsigned_number(1 << 63),
            float_number(9_223_372_036_854_775_808.0)
        );
        assert_ne!(unsigned_number((1 << 63) + 1), unsigned_number(1 << 63));
        assert_eq!(wide_number(i128::from(u64::MAX)), unsigned_number(u64::MAX));
        assert_ne!(float_number(f64::INFINITY), float_number(f64::NEG_INFINITY));
        assert_ne!(float_number(2.5), float_number(2.25));
    }

    #[test]
    fn long_texts_differ_in_any_byte() {
        let base: Vec<u8> = (0..100).collect();
        for len in 13..100 {
            let hash = hash_bytes(&base[..len]);
            assert_ne!(hash, hash_bytes(&base[..len + 1]));
            for at in 0..len {
                let mut other = base[..len].to_vec();
                other[at] ^= 1;
                assert_ne!(hash, hash_bytes(&other), "length {len}, byte {at}");
            }
        }
    }
}
