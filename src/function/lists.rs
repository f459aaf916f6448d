//! Lists as columns of a partial state. They are large ones: 32-bit offsets would end at 2^31 rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, LargeListArray, PrimitiveArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::common::cast::{as_large_list_array, as_primitive_array};

fn item(values: &DataType) -> FieldRef {
    Arc::new(Field::new_list_field(values.clone(), true))
}

/// The type of lists of such values.
pub(super) fn list_type(values: &DataType) -> DataType {
    DataType::LargeList(item(values))
}

/// Lists of these lengths, which lie one after the other in `values`.
pub(super) fn lists(
    values: ArrayRef,
    lengths: impl IntoIterator<Item = usize>,
) -> Result<ArrayRef> {
    let item = item(values.data_type());
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(LargeListArray::try_new(
        item, offsets, values, None,
    )?))
}

/// Lists of numbers, one for each vector; the first one's memory is used on.
pub(super) fn lists_of<T: ArrowPrimitiveType>(
    mut vectors: impl Iterator<Item = Vec<T::Native>>,
) -> Result<ArrayRef> {
    let mut values = vectors.next();
    let mut lengths: Vec<usize> = values.iter().map(Vec::len).collect();
    for vector in vectors {
        lengths.push(vector.len());
        if let Some(values) = &mut values {
            values.extend(vector);
        }
    }
    let values = PrimitiveArray::<T>::new(values.unwrap_or_default().into(), None);
    lists(Arc::new(values), lengths)
}

/// The numbers of each list of a column that [`lists_of`] made.
pub(super) fn slices<T: ArrowPrimitiveType>(
    column: &ArrayRef,
) -> Result<impl Iterator<Item = &[T::Native]>> {
    let lists = as_large_list_array(column)?;
    let values = as_primitive_array::<T>(lists.values())?.values();
    let ends = lists.offsets().windows(2);
    Ok(ends.map(|ends| &values[ends[0] as usize..ends[1] as usize]))
}
