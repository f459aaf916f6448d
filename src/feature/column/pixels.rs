//! Images: a column of pixels, as lists of numbers or as PNG bytes, becomes floats from -1 to 1.
//!
//! All pixels are scaled alike, so that a shade is the same number wherever it stands in the image.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::spec::{ColumnOptions, ColumnSpec, Kind};
use super::vector;
use crate::error::{Error, Result};
use crate::feature::fit::scale::{Moments, Scale};
use crate::feature::value::class::Class;
use crate::feature::value::number;
use crate::image::png;

/// What a column is in a query over images when no option names it.
///
/// # Errors
/// `Plan` when it holds no images, or their size is not known.
pub(crate) fn infer(
    name: &str,
    data_type: &DataType,
    options: &ColumnOptions,
) -> Result<(Kind, String)> {
    let class = Class::of(data_type);
    let (len, reason) = match class {
        Class::Vector(len) => (Some(len), "list of pixels"),
        Class::List if is_number_list(data_type) => (None, "list of pixels"),
        Class::Bytes => (None, "PNG bytes"),
        _ => {
            return Err(Error::plan(format!(
                "column \"{name}\" is of type {data_type}: a model of images reads one column of lists of \
                 numbers or of PNG bytes; leave others out with exclude_cols = ['{name}']"
            )));
        }
    };
    let given: Result<[usize; 2], _> = options.image_size[..].try_into();
    let size = match (given, len) {
        (Ok([height, width]), Some(len)) if height * width != len => {
            return Err(Error::plan(format!(
                "column \"{name}\" has {len} pixels a row, but image_size = [{height}, {width}] asks for {}",
                height * width
            )));
        }
        (Ok(size), _) => size,
        (Err(_), Some(len)) if len.isqrt().pow(2) == len => [len.isqrt(); 2],
        (Err(_), Some(len)) => {
            return Err(Error::plan(format!(
                "column \"{name}\" has {len} pixels a row, which make no square: say image_size = [height, width]"
            )));
        }
        (Err(_), None) => {
            return Err(Error::plan(format!(
                "column \"{name}\" is of type {data_type}, which does not tell the size of an image: say \
                 image_size = [height, width]"
            )));
        }
    };
    Ok((Kind::Pixels(size), reason.into()))
}

fn is_number_list(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => Class::of(item.data_type()) == Class::Number,
        _ => false,
    }
}

/// Holds that exactly one feature is left, the images.
///
/// # Errors
/// `Plan` when there are others.
pub(crate) fn check(columns: &[ColumnSpec]) -> Result<()> {
    let features = columns.iter().filter(|column| column.is_input());
    let names: Vec<_> = features.map(|column| column.name.as_str()).collect();
    let images = columns.iter().any(|c| matches!(c.kind, Kind::Pixels(_)));
    if names.len() == 1 && images {
        return Ok(());
    }
    Err(Error::plan(format!(
        "a model of images reads one column, the pixels, but the query has {}; leave the others out with \
         exclude_cols",
        match names[..] {
            [] => "none".into(),
            _ => names.join(", "),
        }
    )))
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

/// The scale of all pixels, from what has been seen of each.
///
/// # Errors
/// `Execution` when a pixel is missing, all are the same, or they are neither from 0 to 1 nor from 0
/// to 255.
pub(crate) fn scale(name: &str, moments: &[&Moments]) -> Result<Scale> {
    if moments.iter().any(|m| m.has_missing()) {
        return Err(Error::execution(format!(
            "column \"{name}\" has images that are NULL or lack pixels; leave them out with WHERE"
        )));
    }
    let ranges = moments.iter().map(|m| m.range());
    let (least, most) = ranges.fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), range| (least.min(range.0), most.max(range.1)),
    );
    if least < 0. || most > 255. {
        return Err(Error::execution(format!(
            "column \"{name}\" has pixels from {least} to {most}; they have to lie between 0 and 255, or 0 and 1"
        )));
    }
    if least >= most {
        return Err(Error::execution(format!(
            "column \"{name}\" has the same pixel, {least}, everywhere"
        )));
    }
    let half = if most <= 1. { 0.5 } else { 127.5 };
    Ok(Scale {
        mean: half,
        factor: 1. / half,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BinaryArray, FixedSizeListArray, LargeListArray, ListArray};
    use arrow::datatypes::{Field, Float32Type, Int64Type, UInt8Type};

    use super::*;

    fn decide(data_type: DataType, image_size: &[usize]) -> Result<Kind> {
        let options = ColumnOptions {
            image_size: image_size.to_vec(),
            ..ColumnOptions::default()
        };
        infer("x", &data_type, &options).map(|(kind, _)| kind)
    }

    fn list(len: i32) -> DataType {
        let item = Arc::new(Field::new("item", DataType::UInt8, true));
        match len {
            0 => DataType::List(item),
            _ => DataType::FixedSizeList(item, len),
        }
    }

    #[test]
    fn the_size_is_that_of_the_type_or_the_option() {
        assert_eq!(decide(list(784), &[]).unwrap(), Kind::Pixels([28, 28]));
        assert_eq!(decide(list(12), &[3, 4]).unwrap(), Kind::Pixels([3, 4]));
        assert_eq!(decide(list(0), &[3, 4]).unwrap(), Kind::Pixels([3, 4]));
        let binary = DataType::BinaryView;
        assert_eq!(decide(binary, &[3, 4]).unwrap(), Kind::Pixels([3, 4]));
        for (data_type, size, text) in [
            (list(12), &[][..], "make no square"),
            (
                list(12),
                &[4, 4],
                "12 pixels a row, but image_size = [4, 4] asks for 16",
            ),
            (list(0), &[], "does not tell the size"),
            (DataType::Utf8, &[2, 2], "exclude_cols = ['x']"),
        ] {
            let error = decide(data_type, size).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

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

    #[test]
    fn all_pixels_have_one_scale() {
        let moments = |values: &[f64]| {
            let mut moments = Moments::default();
            values.iter().for_each(|v| moments.add(*v));
            moments
        };
        let of = |parts: [&[f64]; 2]| {
            let [a, b] = parts.map(moments);
            scale("x", &[&a, &b])
        };
        let bytes = of([&[0., 0.], &[3., 200.]]).unwrap();
        assert_eq!((bytes.apply(0.), bytes.apply(255.)), (-1., 1.));
        let shares = of([&[0., 0.], &[0.3, 1.]]).unwrap();
        assert_eq!((shares.apply(0.), shares.apply(1.)), (-1., 1.));
        for wrong in [[-1., 3.], [0., 256.], [0., f64::NAN], [0., 0.]] {
            assert!(of([&[0.], &wrong]).is_err(), "{wrong:?}");
        }
    }
}
