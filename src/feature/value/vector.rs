//! The elements of lists of fixed length.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

use super::number;
use crate::error::{Error, Result};
use crate::feature::vocabulary::hash::{NULL_HASH, combine, hash_bits};

/// Replaces `out` by the elements of `array`, `len` per row, row-major: NaN where an element or
/// its row is NULL, NaN or infinite.
///
/// # Errors
/// `Plan` for anything but lists of `len` numbers.
pub(crate) fn read(array: &ArrayRef, len: usize, out: &mut Vec<f64>) -> Result<()> {
    out.clear();
    if *array.data_type() == DataType::Null {
        out.resize(array.len() * len, f64::NAN);
        return Ok(());
    }
    let list = array
        .as_fixed_size_list_opt()
        .filter(|list| list.value_length() as usize == len)
        .ok_or_else(|| {
            Error::plan(format!(
                "{} can't be read as a vector of {len} numbers",
                array.data_type()
            ))
        })?;
    let from = list.value_offset(0) as usize;
    let elements = list.values().slice(from, list.len() * len);
    number::read(&elements, out)?;
    if let Some(nulls) = list.nulls().filter(|n| n.null_count() > 0) {
        for (row, elements) in out.chunks_exact_mut(len).enumerate() {
            if nulls.is_null(row) {
                elements.fill(f64::NAN);
            }
        }
    }
    Ok(())
}

/// An element as it is kept until the vectors are standardised.
pub(crate) fn narrow(value: f64) -> f32 {
    value.clamp(-1e38, 1e38) as f32
}

/// Adds vectors to the hashes of their rows.
pub(crate) fn hash(elements: &[f64], len: usize, hashes: &mut [u64]) {
    for (hash, elements) in hashes.iter_mut().zip(elements.chunks_exact(len)) {
        for value in elements {
            let narrow = narrow(*value);
            let of_value = if narrow.is_nan() {
                NULL_HASH
            } else {
                hash_bits(narrow.to_bits().into())
            };
            *hash = combine(*hash, of_value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::FixedSizeListArray;
    use arrow::datatypes::Float32Type;

    use super::*;

    #[test]
    fn reads_slices_and_nulls() {
        let rows = [
            Some(vec![Some(1.0), Some(2.0)]),
            None,
            Some(vec![None, Some(4.0)]),
            Some(vec![Some(5.0), Some(f32::INFINITY)]),
        ];
        let list = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows, 2);
        let mut out = Vec::new();
        read(&(Arc::new(list.slice(1, 3)) as ArrayRef), 2, &mut out).unwrap();
        let seen: Vec<_> = out.iter().map(|v| v.is_finite().then_some(*v)).collect();
        assert_eq!(seen, [None, None, None, Some(4.0), Some(5.0), None]);
        assert!(read(&(Arc::new(list) as ArrayRef), 3, &mut out).is_err());
    }
}
