//! `image_png(pixels, width, height)`: the pixels of a gray image as the bytes of a PNG file.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, UInt8Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::scalar_doc_sections::DOC_SECTION_OTHER;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::image::png::encode;

const NAME: &str = "image_png";

pub(super) fn function() -> ScalarUDF {
    let names = ["pixels", "width", "height"].map(String::from).to_vec();
    let signature = Signature::user_defined(Volatility::Immutable);
    ScalarUDF::from(ImagePng {
        // Without names where they are refused: the function is then called by position only.
        signature: signature
            .clone()
            .with_parameter_names(names)
            .unwrap_or(signature),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ImagePng {
    signature: Signature,
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DOC_SECTION_OTHER,
        "A gray image as the bytes of a PNG file, BINARY; NULL when an argument is.",
        "image_png(pixels, width, height)",
    )
    .with_sql_example("SELECT image_png([0, 64, 128, 255], 2, 2)")
    .with_argument(
        "pixels",
        "The image row by row: a list of width * height numbers from 0, black, to 255, white.",
    )
    .with_argument("width", "Pixels of a row.")
    .with_argument("height", "Rows.")
    .build()
});

impl ScalarUDFImpl for ImagePng {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let [pixels, width, height] = given else {
            return plan_err!(
                "{NAME} takes 3 arguments (pixels, width, height), got {}",
                given.len()
            );
        };
        let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
        let pixels = match pixels {
            DataType::Null => list(DataType::UInt8),
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _) => match item.data_type() {
                DataType::UInt8 | DataType::Null => list(DataType::UInt8),
                item if item.is_numeric() => list(DataType::Float64),
                _ => return plan_err!("{NAME}: pixels must be a list of numbers, got {pixels}"),
            },
            _ => return plan_err!("{NAME}: pixels must be a list of numbers, got {pixels}"),
        };
        for (name, side) in [("width", width), ("height", height)] {
            if !side.is_integer() && !side.is_null() {
                return plan_err!("{NAME}: {name} must be an integer, got {side}");
            }
        }
        Ok(vec![pixels, DataType::Int64, DataType::Int64])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let images = arrays[0].as_list::<i32>();
        let [widths, heights] = [1, 2].map(|i| arrays[i].as_primitive::<Int64Type>());
        let mut out = BinaryBuilder::new();
        let mut bytes = Vec::new();
        for row in 0..images.len() {
            if images.is_null(row) || widths.is_null(row) || heights.is_null(row) {
                out.append_null();
                continue;
            }
            read_pixels(&images.value(row), &mut bytes)?;
            let [width, height] = [widths, heights].map(|s| s.value(row).try_into().unwrap_or(0));
            out.append_value(encode(&bytes, width, height)?);
        }
        let out: ArrayRef = Arc::new(out.finish());
        // One row for constants, which stands for all.
        Ok(match out.len() == rows {
            true => ColumnarValue::Array(out),
            false => {
                ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&out, 0)?)
            }
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// Replaces `bytes` by the pixels of an image, floats rounded.
fn read_pixels(pixels: &ArrayRef, bytes: &mut Vec<u8>) -> Result<()> {
    bytes.clear();
    if pixels.null_count() > 0 {
        return exec_err!("{NAME}: a pixel is NULL");
    }
    if let Some(pixels) = pixels.as_primitive_opt::<UInt8Type>() {
        bytes.extend_from_slice(pixels.values());
        return Ok(());
    }
    for &value in pixels.as_primitive::<Float64Type>().values() {
        if !(0.0..=255.0).contains(&value) {
            return exec_err!("{NAME}: a pixel is {value}; it has to be 0 to 255");
        }
        bytes.push(value.round() as u8);
    }
    Ok(())
}
