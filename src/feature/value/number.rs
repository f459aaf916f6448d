//! Numbers: a value becomes a float, missing ones NaN.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit,
    IntervalYearMonthType, TimeUnit, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::error::{Error, Result};
use crate::feature::vocabulary::hash::{NULL_HASH, combine, hash_bits};

const DAY_SECONDS: f64 = 86_400.0;
const MONTH_SECONDS: f64 = 30.0 * DAY_SECONDS;

/// Numbers beyond this count as this: squares and their sums stay finite.
const LARGEST: f64 = 1e140;

/// Replaces `out` by the values of `array`: NaN where a value is NULL, NaN or infinite.
///
/// Durations and intervals are seconds, a month being 30 days.
///
/// # Errors
/// `Plan` for a type that is no number.
pub(crate) fn read(array: &ArrayRef, out: &mut Vec<f64>) -> Result<()> {
    out.clear();
    read_raw(array, out)?;
    for value in out.iter_mut() {
        // `+ 0.0` makes -0.0 the same as 0.0.
        *value = if value.is_finite() {
            value.clamp(-LARGEST, LARGEST) + 0.0
        } else {
            f64::NAN
        };
    }
    Ok(())
}

fn read_raw(array: &ArrayRef, out: &mut Vec<f64>) -> Result<()> {
    use DataType as D;
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let mut values = Vec::new();
        read_raw(dictionary.values(), &mut values)?;
        let nulls = dictionary.keys().nulls();
        out.extend(
            dictionary
                .normalized_keys()
                .iter()
                .enumerate()
                .map(|(row, &at)| {
                    if nulls.is_some_and(|n| n.is_null(row)) {
                        return f64::NAN;
                    }
                    values.get(at).copied().unwrap_or(f64::NAN)
                }),
        );
        return Ok(());
    }
    match array.data_type() {
        D::Null => out.resize(array.len(), f64::NAN),
        D::Boolean => {
            let array = array.as_boolean();
            let value = |v| if v { 1.0 } else { 0.0 };
            out.extend(array.iter().map(|v| v.map_or(f64::NAN, value)));
        }
        D::Int8 => put(array.as_primitive::<Int8Type>(), out, |v| v.into()),
        D::Int16 => put(array.as_primitive::<Int16Type>(), out, |v| v.into()),
        D::Int32 => put(array.as_primitive::<Int32Type>(), out, |v| v.into()),
        D::Int64 => put(array.as_primitive::<Int64Type>(), out, |v| v as f64),
        D::UInt8 => put(array.as_primitive::<UInt8Type>(), out, |v| v.into()),
        D::UInt16 => put(array.as_primitive::<UInt16Type>(), out, |v| v.into()),
        D::UInt32 => put(array.as_primitive::<UInt32Type>(), out, |v| v.into()),
        D::UInt64 => put(array.as_primitive::<UInt64Type>(), out, |v| v as f64),
        D::Float16 => put(array.as_primitive::<Float16Type>(), out, |v| v.into()),
        D::Float32 => put(array.as_primitive::<Float32Type>(), out, |v| v.into()),
        D::Float64 => put(array.as_primitive::<Float64Type>(), out, |v| v),
        D::Decimal128(_, scale) => {
            // Dividing by a power of ten that is exact gives the nearest float, as a literal does.
            let power = 10f64.powi(scale.unsigned_abs().into());
            let up = *scale < 0;
            put(array.as_primitive::<Decimal128Type>(), out, |v| {
                if up {
                    v as f64 * power
                } else {
                    v as f64 / power
                }
            });
        }
        D::Decimal32(_, scale) | D::Decimal64(_, scale) => {
            return read_raw(&cast(array, &D::Decimal128(38, *scale))?, out);
        }
        D::Decimal256(_, _) => return read_raw(&cast(array, &D::Float64)?, out),
        D::Duration(unit) => {
            let per_second = ticks_per_second(*unit);
            let ticks = cast(array, &D::Int64)?;
            put(ticks.as_primitive::<Int64Type>(), out, |v| {
                v as f64 / per_second
            });
        }
        D::Interval(IntervalUnit::YearMonth) => {
            put(array.as_primitive::<IntervalYearMonthType>(), out, |v| {
                f64::from(v) * MONTH_SECONDS
            });
        }
        D::Interval(IntervalUnit::DayTime) => {
            put(array.as_primitive::<IntervalDayTimeType>(), out, |v| {
                f64::from(v.days) * DAY_SECONDS + f64::from(v.milliseconds) / 1e3
            });
        }
        D::Interval(IntervalUnit::MonthDayNano) => {
            put(array.as_primitive::<IntervalMonthDayNanoType>(), out, |v| {
                f64::from(v.months) * MONTH_SECONDS
                    + f64::from(v.days) * DAY_SECONDS
                    + v.nanoseconds as f64 / 1e9
            });
        }
        other => return Err(Error::plan(format!("{other} can't be read as a number"))),
    }
    Ok(())
}

fn put<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    out: &mut Vec<f64>,
    value: impl Fn(T::Native) -> f64,
) {
    match array.nulls().filter(|n| n.null_count() > 0) {
        None => out.extend(array.values().iter().map(|v| value(*v))),
        Some(nulls) => out.extend(
            array.values().iter().zip(nulls).map(
                |(v, valid)| {
                    if valid { value(*v) } else { f64::NAN }
                },
            ),
        ),
    }
}

/// Ticks of a unit in a second.
pub(crate) fn ticks_per_second(unit: TimeUnit) -> f64 {
    match unit {
        TimeUnit::Second => 1.0,
        TimeUnit::Millisecond => 1e3,
        TimeUnit::Microsecond => 1e6,
        TimeUnit::Nanosecond => 1e9,
    }
}

/// Larger floats have larger keys.
pub(crate) fn float_key(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 {
        bits | 1 << 63
    } else {
        (!bits).max(1)
    }
}

/// The float of that key.
pub(crate) fn key_float(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 {
        key & !(1 << 63)
    } else {
        !key
    })
}

/// Adds numbers to the hashes of their rows.
pub(crate) fn hash(values: &[f64], hashes: &mut [u64]) {
    for (hash, value) in hashes.iter_mut().zip(values) {
        let of_value = if value.is_nan() {
            NULL_HASH
        } else {
            hash_bits(value.to_bits())
        };
        *hash = combine(*hash, of_value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Decimal128Array, Float32Array, Float64Array, Int32Array, IntervalDayTimeArray, StringArray,
        UInt64Array,
    };
    use arrow::datatypes::IntervalDayTime;

    use super::*;

    fn numbers(array: impl Array + 'static) -> Vec<f64> {
        let mut out = vec![9.0];
        read(&(Arc::new(array) as ArrayRef), &mut out).unwrap();
        out
    }

    #[test]
    fn missing_and_infinite_become_nan() {
        let out = numbers(Float64Array::from(vec![
            Some(1.5),
            None,
            Some(f64::NAN),
            Some(f64::INFINITY),
            Some(-0.0),
            Some(-1e300),
        ]));
        assert_eq!(out[0], 1.5);
        assert!(out[1..4].iter().all(|v| v.is_nan()));
        assert!(out[4].is_sign_positive());
        assert_eq!(out[5], -LARGEST);
    }

    #[test]
    fn every_kind_of_number_by_value() {
        assert_eq!(numbers(Int32Array::from(vec![Some(-3), None]))[0], -3.0);
        assert_eq!(
            numbers(UInt64Array::from(vec![u64::MAX]))[0],
            u64::MAX as f64
        );
        assert_eq!(numbers(Float32Array::from(vec![0.5]))[0], 0.5);
        let decimals = Decimal128Array::from(vec![235])
            .with_precision_and_scale(10, 2)
            .unwrap();
        assert_eq!(numbers(decimals)[0], 2.35);
        let interval = IntervalDayTimeArray::from(vec![IntervalDayTime::new(1, 500)]);
        assert_eq!(numbers(interval)[0], 86_400.5);
        let text = Arc::new(StringArray::from(vec!["1"])) as ArrayRef;
        assert!(read(&text, &mut Vec::new()).is_err());
    }
}
