//! The pixels of images, as lists of numbers or as PNG bytes.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::class::Class;
use super::{number, vector};
use crate::error::{Error, Result};
use crate::image::png;

/// Whether rows of this type are lists of numbers, of any length.
pub(crate) fn is_number_list(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => Class::of(item.data_type()) == Class::Number,
        _ => false,
    }
}

/// Replaces `out` by the pixels of `array`, row-major: NaN where a pixel or its row is NULL.
///
/// # Errors
/// `Execution` for an image of another size; `Plan` for a type that holds no images.
pub(crate) fn read(array: &ArrayRef, size: [usize; 2], out: &mut Vec<f64>) -> Result<()> {
    let [height, width] = size;
    let len = height * width;
    match array.data_type() {
        DataType::Null | DataType::FixedSizeList(_, _) => vector::read(array, len, out),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => {
            out.clear();
            let images = cast(array, &DataType::LargeBinary)?;
            let mut pixels = Vec::with_capacity(len);
            for image in images.as_binary::<i64>() {
                pixels.clear();
                match image {
                    Some(image) => png::decode(image, width, height, &mut pixels)?,
                    None => {
                        out.resize(out.len() + len, f64::NAN);
                        continue;
                    }
                }
                out.extend(pixels.iter().map(|&pixel| f64::from(pixel)));
            }
            Ok(())
        }
        data_type if is_number_list(data_type) => read_lists(array, size, out),
        other => Err(Error::plan(format!(
            "{other} can't be read as images of {height} x {width} pixels"
        ))),
    }
}

fn read_lists(array: &ArrayRef, [height, width]: [usize; 2], out: &mut Vec<f64>) -> Result<()> {
    out.clear();
    let len = height * width;
    let array = match array.data_type() {
        DataType::List(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            cast(array, &DataType::LargeList(item.clone()))?
        }
        _ => array.clone(),
    };
    let lists = array.as_list::<i64>();
    let mut pixels = Vec::new();
    for row in 0..lists.len() {
        if lists.is_null(row) {
            out.resize(out.len() + len, f64::NAN);
            continue;
        }
        let image = lists.value(row);
        if image.len() != len {
            return Err(Error::execution(format!(
                "an image has {} pixels where image_size = [{height}, {width}] asks for {len}",
                image.len()
            )));
        }
        number::read(&image, &mut pixels)?;
        out.extend_from_slice(&pixels);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BinaryArray, FixedSizeListArray, LargeListArray, ListArray};
    use arrow::datatypes::{Float32Type, Int64Type, UInt8Type};

    use super::*;

    #[test]
    fn lists_and_png_are_the_same_images() {
        let rows = [Some([0, 10, 20, 255, 7, 8]), None];
        let lists = || {
            let rows = rows.iter();
            rows.map(|row| row.map(|row| row.map(|v| Some(v as f32))))
        };
        let bytes = png::encode(&[0, 10, 20, 255, 7, 8], 3, 2).unwrap();
        let arrays: [ArrayRef; 4] = [
            Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(lists(), 6)),
            Arc::new(ListArray::from_iter_primitive::<UInt8Type, _, _>(
                rows.map(|row| row.map(|row| row.map(Some))),
            )),
            Arc::new(LargeListArray::from_iter_primitive::<Int64Type, _, _>(
                rows.map(|row| row.map(|row| row.map(|v| Some(v.into())))),
            )),
            Arc::new(BinaryArray::from_opt_vec(vec![Some(&bytes), None])),
        ];
        for array in arrays {
            let mut out = vec![1.];
            read(&array, [2, 3], &mut out).unwrap();
            assert_eq!(
                out[..6],
                [0., 10., 20., 255., 7., 8.],
                "{}",
                array.data_type()
            );
            assert!(out.len() == 12 && out[6..].iter().all(|v| v.is_nan()));
            if array.data_type() != &DataType::Null {
                assert!(read(&array, [2, 4], &mut out).is_err());
            }
        }
    }
}
