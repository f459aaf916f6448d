//! Labels: yes, no or NULL becomes 1, 0 or NaN.

use arrow::array::{Array, ArrayRef};

use super::number;
use super::spec::check_label_type;
use crate::error::{Error, Result};

/// Replaces `out` by the values of a label column: 1, 0, and NaN for NULL.
///
/// # Errors
/// `Plan` for a type that can't be a label, `Execution` for an integer other than 0 and 1.
pub(super) fn read(name: &str, array: &ArrayRef, out: &mut Vec<f64>) -> Result<()> {
    if *array.data_type() != arrow::datatypes::DataType::Null {
        check_label_type(name, array.data_type())?;
    }
    number::read(array, out)?;
    match out.iter().find(|v| !v.is_nan() && **v != 0.0 && **v != 1.0) {
        Some(value) => Err(Error::execution(format!(
            "label \"{name}\" holds {value}: only 0, 1 and NULL can be trained so far"
        ))),
        None => Ok(()),
    }
}

/// How often each value of a label occurs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LabelCount {
    pub(super) labelled: u64,
    pub(super) positives: u64,
}

impl LabelCount {
    pub(super) fn add(&mut self, label: f32) {
        self.labelled += u64::from(!label.is_nan());
        self.positives += u64::from(label == 1.0);
    }

    pub(super) fn merge(&mut self, other: &LabelCount) {
        self.labelled += other.labelled;
        self.positives += other.positives;
    }
}

/// Checks that something can be learned from a label.
///
/// `part` says which rows were counted, for example ` in the training part`.
///
/// # Errors
/// `Execution` when it is NULL in every row, or always the same.
pub(super) fn check(name: &str, count: &LabelCount, part: &str) -> Result<()> {
    if count.labelled == 0 {
        return Err(Error::execution(format!(
            "label \"{name}\" is NULL in every row{part}"
        )));
    }
    if count.positives == 0 || count.positives == count.labelled {
        let value = u8::from(count.positives > 0);
        return Err(Error::execution(format!(
            "label \"{name}\" is constant{part}: every row has {value}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float32Array, Int64Array, StringArray};

    use super::*;

    #[test]
    fn reads_booleans_and_zero_one() {
        let array = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])) as ArrayRef;
        let mut labels = Vec::new();
        read("x", &array, &mut labels).unwrap();
        assert_eq!((labels[0], labels[1].is_nan(), labels[2]), (1.0, true, 0.0));
    }

    #[test]
    fn names_the_label_and_what_is_wrong() {
        let message = |array: ArrayRef| read("x", &array, &mut Vec::new()).unwrap_err().to_string();
        assert_eq!(
            message(Arc::new(Int64Array::from(vec![0, 7]))),
            "label \"x\" holds 7: only 0, 1 and NULL can be trained so far"
        );
        assert_eq!(
            message(Arc::new(Float32Array::from(vec![1.0]))),
            "label \"x\" is of type Float32: only BOOLEAN and 0/1 integer labels can be trained so far"
        );
        assert!(message(Arc::new(StringArray::from(vec!["a"]))).contains("of type Utf8"));
    }
}
