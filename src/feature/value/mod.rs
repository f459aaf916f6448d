//! What a value is, whatever type carries it: classes of types, categories, numbers, times, vectors, images
//! and labels.

pub(crate) mod category;
pub mod class;
pub(crate) mod images;
pub mod label;
pub(crate) mod number;
pub mod scale;
pub(crate) mod time;
pub(crate) mod vector;

use arrow::array::ArrayRef;

use self::class::Class;
use self::time::Times;
use crate::error::Result;

/// Numbers as they are, durations in seconds, dates and timestamps in days since 1970, times of day in
/// hours; NaN where a value is NULL, NaN or infinite.
///
/// # Errors
/// `Plan` for a type that is neither number nor time.
pub fn numbers(array: &ArrayRef) -> Result<Vec<f64>> {
    if let Class::Date | Class::Time = Class::of(array.data_type()) {
        let mut times = Times::default();
        times.read(array)?;
        return Ok(times.value);
    }
    let mut numbers = Vec::new();
    number::read(array, &mut numbers)?;
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Date32Array, Decimal128Array, TimestampSecondArray};

    use super::*;

    #[test]
    fn times_are_days_and_numbers_are_themselves() {
        let read = |array: ArrayRef| numbers(&array).unwrap();
        let days = read(Arc::new(Date32Array::from(vec![Some(3), None])));
        assert_eq!((days[0], days[1].is_nan()), (3., true));
        assert_eq!(
            read(Arc::new(TimestampSecondArray::from(vec![43_200]))),
            [0.5]
        );
        assert_eq!(
            read(Arc::new(BooleanArray::from(vec![true, false]))),
            [1., 0.]
        );
        let cents = Decimal128Array::from(vec![125]).with_precision_and_scale(9, 2);
        assert_eq!(read(Arc::new(cents.unwrap())), [1.25]);
        assert!(
            numbers(&(Arc::new(arrow::array::StringArray::from(vec!["a"])) as ArrayRef)).is_err()
        );
    }
}
