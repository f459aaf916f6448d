//! Categories: a value becomes an id.

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, GenericByteArray,
    GenericByteViewArray, PrimitiveArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    ByteArrayType, ByteViewType, DataType, Date32Type, Date64Type, Decimal128Type, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};

use super::number;
use crate::error::{Error, Result};
use crate::feature::vocabulary::assign::{Assign, Hashes};
use crate::feature::vocabulary::hash::{
    INLINE_BYTES, NULL_HASH, Number, float_number, hash_bytes, hash_key, integer_key, text_key,
    unsigned_number, view_key, wide_number,
};

/// One value, as it is looked up.
#[derive(Clone, Copy)]
enum Value<'a> {
    Number(Number),
    Text(&'a [u8]),
    /// A text of at most [`INLINE_BYTES`].
    Key(u128),
}

/// Writes the id of every value of `array` to `ids`.
///
/// # Errors
/// `Plan` for a type that can't be a category.
pub(crate) fn read(
    array: &ArrayRef,
    assign: &mut impl Assign,
    hashes: &mut impl Hashes,
    ids: &mut [u32],
) -> Result<()> {
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let keys = dictionary.normalized_keys();
        let nulls = dictionary.keys().nulls();
        return values(
            dictionary.values(),
            Rows::new(&keys, nulls),
            assign,
            hashes,
            ids,
        );
    }
    values(array, Flat, assign, hashes, ids)
}

/// Walks over the rows of a column whose values are given by position.
trait Walk {
    fn walk<'a>(
        self,
        nulls: Option<&NullBuffer>,
        value: impl Fn(usize) -> Value<'a>,
        values: usize,
        assign: &mut impl Assign,
        hashes: &mut impl Hashes,
        ids: &mut [u32],
    );
}

/// The value of a row stands at its own position.
struct Flat;

impl Walk for Flat {
    #[inline(always)]
    fn walk<'a>(
        self,
        nulls: Option<&NullBuffer>,
        value: impl Fn(usize) -> Value<'a>,
        _values: usize,
        assign: &mut impl Assign,
        hashes: &mut impl Hashes,
        ids: &mut [u32],
    ) {
        match nulls.filter(|n| n.null_count() > 0) {
            None => {
                for (row, id) in ids.iter_mut().enumerate() {
                    let (assigned, hash) = place(value(row), assign);
                    hashes.add(row, hash);
                    *id = assigned;
                }
            }
            Some(nulls) => {
                for (row, id) in ids.iter_mut().enumerate() {
                    let (assigned, hash) = if nulls.is_null(row) {
                        (assign.null(), NULL_HASH)
                    } else {
                        place(value(row), assign)
                    };
                    hashes.add(row, hash);
                    *id = assigned;
                }
            }
        }
    }
}

/// Rows of a dictionary column: each distinct value is looked up once, when it first occurs.
struct Rows<'a> {
    keys: &'a [usize],
    nulls: Option<&'a NullBuffer>,
}

impl<'a> Rows<'a> {
    fn new(keys: &'a [usize], nulls: Option<&'a NullBuffer>) -> Self {
        Self { keys, nulls }
    }
}

impl Walk for Rows<'_> {
    fn walk<'a>(
        self,
        nulls: Option<&NullBuffer>,
        value: impl Fn(usize) -> Value<'a>,
        values: usize,
        assign: &mut impl Assign,
        hashes: &mut impl Hashes,
        ids: &mut [u32],
    ) {
        let is_null = |row: usize, at: usize| {
            self.nulls.is_some_and(|n| n.is_null(row)) || nulls.is_some_and(|n| n.is_null(at))
        };
        // Remembering does not pay when the dictionary is much larger than the batch.
        let mut known = vec![None; if values > 4 * ids.len() { 0 } else { values }];
        for (row, id) in ids.iter_mut().enumerate() {
            let at = self.keys[row];
            let (assigned, hash) = if is_null(row, at) {
                (assign.null(), NULL_HASH)
            } else if let Some(Some(found)) = known.get(at) {
                *found
            } else {
                let found = place(value(at), assign);
                if let Some(slot) = known.get_mut(at) {
                    *slot = Some(found);
                }
                found
            };
            hashes.add(row, hash);
            *id = assigned;
        }
    }
}

/// Id and hash of a value.
#[inline(always)]
fn place(value: Value<'_>, assign: &mut impl Assign) -> (u32, u64) {
    let key = match value {
        Value::Number(Number::Integer(value)) => {
            return (assign.integer(value), hash_key(integer_key(value)));
        }
        Value::Number(Number::Null) => return (assign.null(), NULL_HASH),
        Value::Text(text) if text.len() > INLINE_BYTES => {
            let hash = hash_bytes(text);
            return (assign.long(text, hash), hash);
        }
        Value::Text(text) => text_key(text),
        Value::Number(Number::Other(key)) | Value::Key(key) => key,
    };
    let hash = hash_key(key);
    (assign.key(key, hash), hash)
}

fn values<W: Walk, A: Assign, H: Hashes>(
    array: &ArrayRef,
    walk: W,
    assign: &mut A,
    hashes: &mut H,
    ids: &mut [u32],
) -> Result<()> {
    use DataType as D;
    let to = Target {
        walk,
        assign,
        hashes,
        ids,
    };
    match array.data_type() {
        D::Null => to.nulls(array.len()),
        D::Utf8 => to.bytes(array.as_string::<i32>()),
        D::LargeUtf8 => to.bytes(array.as_string::<i64>()),
        D::Utf8View => to.views(array.as_string_view()),
        D::Boolean => to.booleans(array.as_boolean()),
        D::Int8 => to.numbers(array.as_primitive::<Int8Type>(), |v| {
            Number::Integer(v.into())
        }),
        D::Int16 => to.numbers(array.as_primitive::<Int16Type>(), |v| {
            Number::Integer(v.into())
        }),
        D::Int32 => to.numbers(array.as_primitive::<Int32Type>(), |v| {
            Number::Integer(v.into())
        }),
        D::Int64 => to.numbers(array.as_primitive::<Int64Type>(), Number::Integer),
        D::UInt8 => to.numbers(array.as_primitive::<UInt8Type>(), |v| {
            Number::Integer(v.into())
        }),
        D::UInt16 => to.numbers(array.as_primitive::<UInt16Type>(), |v| {
            Number::Integer(v.into())
        }),
        D::UInt32 => to.numbers(array.as_primitive::<UInt32Type>(), |v| {
            Number::Integer(v.into())
        }),
        D::UInt64 => to.numbers(array.as_primitive::<UInt64Type>(), unsigned_number),
        D::Float16 => to.numbers(array.as_primitive::<Float16Type>(), |v| {
            float_number(v.into())
        }),
        D::Float32 => to.numbers(array.as_primitive::<Float32Type>(), |v| {
            float_number(v.into())
        }),
        D::Float64 => to.numbers(array.as_primitive::<Float64Type>(), float_number),
        D::Date32 => to.numbers(array.as_primitive::<Date32Type>(), |v| {
            Number::Integer(v.into())
        }),
        D::Date64 => to.numbers(array.as_primitive::<Date64Type>(), |v| {
            Number::Integer(v.div_euclid(86_400_000))
        }),
        D::Decimal128(_, scale) => {
            let scale = *scale;
            to.numbers(array.as_primitive::<Decimal128Type>(), |v| {
                decimal(v, scale)
            });
        }
        D::Decimal32(_, scale) | D::Decimal64(_, scale) => {
            let wide = cast(array, &D::Decimal128(38, *scale))?;
            return values(&wide, to.walk, to.assign, to.hashes, to.ids);
        }
        D::Decimal256(_, _) => {
            let rounded = cast(array, &D::Float64)?;
            return values(&rounded, to.walk, to.assign, to.hashes, to.ids);
        }
        D::Timestamp(unit, _) => {
            let unit = nanoseconds(*unit);
            let ticks = cast(array, &D::Int64)?;
            to.numbers(ticks.as_primitive::<Int64Type>(), |v| {
                wide_number(i128::from(v) * unit)
            });
        }
        D::Time32(_) | D::Time64(_) => {
            let ticks = cast(&cast(array, &D::Time64(TimeUnit::Nanosecond))?, &D::Int64)?;
            to.numbers(ticks.as_primitive::<Int64Type>(), Number::Integer);
        }
        D::Duration(_) | D::Interval(_) => {
            let mut seconds = Vec::new();
            number::read(array, &mut seconds)?;
            to.walk.walk(
                array.nulls(),
                |i| Value::Number(float_number(seconds[i])),
                array.len(),
                to.assign,
                to.hashes,
                to.ids,
            );
        }
        other => {
            return Err(Error::plan(format!("{other} can't be read as a category")));
        }
    }
    Ok(())
}

/// Where ids go, and how.
struct Target<'a, W, A, H> {
    walk: W,
    assign: &'a mut A,
    hashes: &'a mut H,
    ids: &'a mut [u32],
}

impl<W: Walk, A: Assign, H: Hashes> Target<'_, W, A, H> {
    fn nulls(self, len: usize) {
        let nulls = NullBuffer::new_null(len);
        let value = |_| Value::Number(Number::Null);
        self.walk
            .walk(Some(&nulls), value, len, self.assign, self.hashes, self.ids);
    }

    fn numbers<T: ArrowPrimitiveType>(
        self,
        array: &PrimitiveArray<T>,
        number: impl Fn(T::Native) -> Number,
    ) {
        let all = array.values();
        let value = |i: usize| Value::Number(number(all[i]));
        self.walk.walk(
            array.nulls(),
            value,
            all.len(),
            self.assign,
            self.hashes,
            self.ids,
        );
    }

    fn booleans(self, array: &BooleanArray) {
        let all = array.values();
        let value = |i| Value::Number(Number::Integer(all.value(i).into()));
        self.walk.walk(
            array.nulls(),
            value,
            all.len(),
            self.assign,
            self.hashes,
            self.ids,
        );
    }

    fn bytes<T: ByteArrayType<Native = str>>(self, array: &GenericByteArray<T>) {
        let value = |i| Value::Text(array.value(i).as_bytes());
        self.walk.walk(
            array.nulls(),
            value,
            array.len(),
            self.assign,
            self.hashes,
            self.ids,
        );
    }

    fn views<T: ByteViewType<Native = str>>(self, array: &GenericByteViewArray<T>) {
        let views = array.views();
        let value = |i: usize| {
            let view = views[i];
            if view as u32 as usize > INLINE_BYTES {
                return Value::Text(array.value(i).as_bytes());
            }
            Value::Key(view_key(view))
        };
        self.walk.walk(
            array.nulls(),
            value,
            views.len(),
            self.assign,
            self.hashes,
            self.ids,
        );
    }
}

/// A decimal by value; one with a fraction is the nearest float.
fn decimal(value: i128, scale: i8) -> Number {
    let Some(power) = 10i128.checked_pow(scale.unsigned_abs().into()) else {
        return float_number(value as f64 / 10f64.powi(scale.into()));
    };
    if scale <= 0 {
        return match value.checked_mul(power) {
            Some(value) => wide_number(value),
            None => float_number(value as f64 * power as f64),
        };
    }
    if value % power == 0 {
        return wide_number(value / power);
    }
    float_number(value as f64 / power as f64)
}

fn nanoseconds(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}
