//! Images: a column of pixels, as lists of numbers or as PNG bytes, becomes floats from -1 to 1.
//!
//! All pixels are scaled alike, so that a shade is the same number wherever it stands in the image.

use std::sync::Arc;

use arrow::array::ArrayRef;
use serde_json::Value;

use super::part::VectorPart;
use super::spec::ColumnSpec;
use super::{Column, Feature, Kind, Placed, Plan, Seen, Slots, Source};
use crate::error::{Error, Result};
use crate::feature::fit::moments::{Cell, Moments};
use crate::feature::fit::sketch::Sketch;
use crate::feature::rows::block::{Block, Words};
use crate::feature::rows::draft::Draft;
use crate::feature::rows::inputs::Inputs;
use crate::feature::rows::layout::Layout;
use crate::feature::value::class::Class;
use crate::feature::value::scale::Scale;
use crate::feature::value::{images, vector};

pub(super) static KIND: Kind = Kind {
    name: "pixels",
    by_option: None,
    infer: |source| match source.options.reads_images {
        true => size_and_reason(source)
            .map(|(size, reason)| Some((Arc::new(Pixels { size }) as _, reason.into()))),
        false => Ok(None),
    },
    restore: |settings| {
        let size = serde_json::from_value(settings.clone()).ok()?;
        Some(Arc::new(Pixels { size }))
    },
};

/// The size of the images in a column of a query over images, and what holds them.
///
/// # Errors
/// `Plan` when it holds no images, or their size is not known.
fn size_and_reason(source: &Source) -> Result<([usize; 2], &'static str)> {
    let (name, data_type) = (source.name, source.data_type);
    let class = Class::of(data_type);
    let (len, reason) = match class {
        Class::Vector(len) => (Some(len), "list of pixels"),
        Class::List if images::is_number_list(data_type) => (None, "list of pixels"),
        Class::Bytes => (None, "PNG bytes"),
        _ => {
            return Err(Error::plan(format!(
                "column \"{name}\" is of type {data_type}: a model of images reads one column of lists of \
                 numbers or of PNG bytes; leave others out with exclude_cols = ['{name}']"
            )));
        }
    };
    let given: Result<[usize; 2], _> = source.options.image_size[..].try_into();
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
    Ok((size, reason))
}

/// Holds that exactly one feature is left, the images.
///
/// # Errors
/// `Plan` when there are others.
pub(super) fn check(columns: &[ColumnSpec]) -> Result<()> {
    let features = columns.iter().filter(|column| column.is_input());
    let names: Vec<_> = features.map(|column| column.name.as_str()).collect();
    let images = columns.iter().any(|c| c.image_size().is_some());
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

#[derive(Debug)]
struct Pixels {
    /// Height and width.
    size: [usize; 2],
}

impl Column for Pixels {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn settings(&self) -> Value {
        self.size.to_vec().into()
    }

    fn accepts(&self, _trained: Class, given: Class) -> bool {
        match given {
            Class::Vector(len) => len == self.size.iter().product::<usize>(),
            given => matches!(given, Class::List | Class::Bytes | Class::Null),
        }
    }

    fn image_size(&self) -> Option<[usize; 2]> {
        Some(self.size)
    }

    fn slots(&self, _column: &ColumnSpec, words: &mut Words) -> Box<dyn Slots> {
        Box::new(PixelSlots {
            first: words.narrow(self.size.iter().product()),
            size: self.size,
        })
    }

    fn feature(&self, saved: Value) -> serde_json::Result<Box<dyn Feature>> {
        Ok(Box::new(PixelPart {
            part: serde_json::from_value(saved)?,
            size: self.size,
        }))
    }
}

#[derive(Clone, Copy)]
struct PixelSlots {
    first: usize,
    size: [usize; 2],
}

impl PixelSlots {
    fn len(&self) -> usize {
        self.size.iter().product()
    }
}

impl Slots for PixelSlots {
    fn read(&self, array: &ArrayRef, block: &mut Block, pixels: &mut Vec<f64>) -> Result<()> {
        images::read(array, self.size, pixels)?;
        vector::hash(pixels, self.len(), block.hashes);
        block.narrow(self.first, self.len(), pixels);
        Ok(())
    }

    fn plan(&self, _values: &Sketch) -> Box<dyn Plan> {
        Box::new(*self)
    }
}

impl Plan for PixelSlots {
    fn cells(&self) -> Vec<Cell> {
        Cell::vector(self.first, self.len())
    }

    fn place(&self, seen: &Seen, draft: &mut Draft) -> Result<Placed> {
        let name = &seen.column.name;
        let scale = scale(name, seen.moments)?;
        let part = draft.elements(name, self.first, vec![scale; self.len()], false);
        Ok(Placed {
            feature: Ok(Box::new(PixelPart {
                part,
                size: self.size,
            })),
            distinct: None,
            chosen: None,
        })
    }
}

/// The scale of all pixels, from what has been seen of each.
///
/// # Errors
/// `Execution` when a pixel is missing, all are the same, or they are neither from 0 to 1 nor from 0
/// to 255.
fn scale(name: &str, moments: &[&Moments]) -> Result<Scale> {
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

/// Images among the inputs.
#[derive(Debug)]
struct PixelPart {
    part: VectorPart,
    size: [usize; 2],
}

impl Feature for PixelPart {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn save(&self) -> serde_json::Result<Value> {
        serde_json::to_value(&self.part)
    }

    fn encode(&self, array: &ArrayRef, inputs: &mut Inputs, pixels: &mut Vec<f64>) -> Result<()> {
        images::read(array, self.size, pixels)?;
        self.part.put(pixels, inputs);
        Ok(())
    }

    fn fits(&self, layout: &Layout) -> bool {
        let pixels: usize = self.size.iter().product();
        self.part.is_in(layout) && self.part.scales.len() == pixels
    }

    fn pixel_scale(&self) -> Option<Scale> {
        self.part.scales.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field};

    use super::*;
    use crate::feature::ColumnOptions;

    fn decide(data_type: DataType, image_size: &[usize]) -> Result<[usize; 2]> {
        let options = ColumnOptions {
            image_size: image_size.to_vec(),
            ..ColumnOptions::default()
        };
        let source = Source {
            name: "x",
            data_type: &data_type,
            options: &options,
        };
        size_and_reason(&source).map(|(size, _)| size)
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
        assert_eq!(decide(list(784), &[]).unwrap(), [28, 28]);
        assert_eq!(decide(list(12), &[3, 4]).unwrap(), [3, 4]);
        assert_eq!(decide(list(0), &[3, 4]).unwrap(), [3, 4]);
        let binary = DataType::BinaryView;
        assert_eq!(decide(binary, &[3, 4]).unwrap(), [3, 4]);
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
