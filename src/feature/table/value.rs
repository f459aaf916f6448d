//! Values of columns as texts and numbers, and back into the columns' own types.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, StringArray, UInt64Array,
    new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, UInt64Type};

use crate::error::{Error, Result};
use crate::feature::value::class::value_type;

/// A value that doesn't fit is an error.
const EXACT: CastOptions = CastOptions {
    safe: false,
    format_options: arrow::util::display::FormatOptions::new(),
};

pub(super) fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    Ok(cast_with_options(array, to, &EXACT)?)
}

/// The whole number that stands behind a time.
fn behind(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Date32 | DataType::Time32(_) => Some(DataType::Int32),
        DataType::Date64
        | DataType::Time64(_)
        | DataType::Timestamp(_, _)
        | DataType::Duration(_) => Some(DataType::Int64),
        _ => None,
    }
}

/// Whether values of the type are numbers on an axis: times are, in their unit.
pub(super) fn is_number(data_type: &DataType) -> bool {
    let data_type = value_type(data_type);
    behind(data_type).is_some()
        || data_type.is_integer()
        || data_type.is_floating()
        || matches!(
            data_type,
            DataType::Decimal32(_, _) | DataType::Decimal64(_, _) | DataType::Decimal128(_, _)
        )
}

/// Values as texts, from which [`from_texts`] makes the same values.
///
/// # Errors
/// `Arrow` when a value has no such text.
pub(super) fn to_texts(array: &ArrayRef) -> Result<StringArray> {
    let plain = cast(array, value_type(array.data_type()))?;
    let plain = match behind(plain.data_type()) {
        Some(number) => cast(&plain, &number)?,
        None => plain,
    };
    Ok(cast(&plain, &DataType::Utf8)?.as_string::<i32>().clone())
}

/// Values of type `to` from texts of [`to_texts`].
///
/// # Errors
/// `Arrow` when one is no such value.
pub(super) fn from_texts(texts: StringArray, to: &DataType) -> Result<ArrayRef> {
    if *value_type(to) == DataType::Null {
        return Ok(new_null_array(to, texts.len()));
    }
    let texts: ArrayRef = Arc::new(texts);
    let number = behind(value_type(to)).map(|number| cast(&texts, &number));
    cast(&number.transpose()?.unwrap_or(texts), to)
}

/// Numbers as they are stored: exact where they are whole.
pub(super) enum Numbers {
    /// Integers, times in their unit, decimals in their last digit.
    Whole(Vec<Option<i128>>),
    /// Floats.
    Real(Vec<Option<f64>>),
}

/// The numbers of a column of a type that [`is_number`] knows.
///
/// # Errors
/// `Arrow`, which a user can't cause.
pub(super) fn to_numbers(array: &ArrayRef) -> Result<Numbers> {
    let plain = cast(array, value_type(array.data_type()))?;
    let whole = |values: &mut dyn Iterator<Item = Option<i128>>| Numbers::Whole(values.collect());
    Ok(match plain.data_type() {
        t if t.is_floating() => {
            let values = cast(&plain, &DataType::Float64)?;
            Numbers::Real(values.as_primitive::<Float64Type>().iter().collect())
        }
        DataType::UInt64 => {
            let values = plain.as_primitive::<UInt64Type>().iter();
            whole(&mut values.map(|v| v.map(i128::from)))
        }
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale) => {
            let values = cast(&plain, &DataType::Decimal128(38, *scale))?;
            whole(&mut values.as_primitive::<Decimal128Type>().iter())
        }
        other => {
            let number = match behind(other) {
                Some(number) => cast(&plain, &number)?,
                None => plain.clone(),
            };
            let values = cast(&number, &DataType::Int64)?;
            let values = values.as_primitive::<Int64Type>().iter();
            whole(&mut values.map(|v| v.map(i128::from)))
        }
    })
}

/// A column of type `to` from its numbers.
///
/// # Errors
/// `Arrow` when one does not fit the type.
pub(super) fn from_numbers(numbers: Numbers, to: &DataType) -> Result<ArrayRef> {
    let plain = value_type(to);
    let values: ArrayRef = match (numbers, plain) {
        (Numbers::Real(values), _) => Arc::new(Float64Array::from(values)),
        (Numbers::Whole(values), DataType::UInt64) => {
            let value = |v: i128| u64::try_from(v).map_err(|_| out_of_range(v, plain));
            let values = values.into_iter().map(|v| v.map(value).transpose());
            Arc::new(values.collect::<Result<UInt64Array>>()?)
        }
        (
            Numbers::Whole(values),
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale),
        ) => {
            let values = Decimal128Array::from(values);
            Arc::new(values.with_precision_and_scale(38, *scale)?)
        }
        (Numbers::Whole(values), _) => {
            let value = |v: i128| i64::try_from(v).map_err(|_| out_of_range(v, plain));
            let values = values.into_iter().map(|v| v.map(value).transpose());
            let values: ArrayRef = Arc::new(values.collect::<Result<Int64Array>>()?);
            match behind(plain) {
                Some(number) => cast(&values, &number)?,
                None => values,
            }
        }
    };
    cast(&values, to)
}

fn out_of_range(value: i128, data_type: &DataType) -> Error {
    Error::execution(format!("{value} is no value of type {data_type}"))
}
