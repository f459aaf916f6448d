//! IDX files, as MNIST and Fashion-MNIST come in: a header and unsigned bytes, often gzipped.
//! Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.
//!
//! The header is two zero bytes, the type of a value (8: unsigned byte), the number of dimensions, and
//! each dimension as a big-endian u32.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, FixedSizeListArray, Int32Array, RecordBatch, UInt8Array};
use arrow::datatypes::{DataType, Field, Schema};
use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result};

/// Type of a value: unsigned byte.
const UNSIGNED_BYTE: u8 = 8;

/// How gzipped files begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The images of one IDX file, and the labels of another if there is one: columns `pixels`, H * W
/// numbers from 0 to 255 a row, and `label`.
///
/// # Errors
/// `Io` when a file can't be read; `Execution` when it is no IDX file of bytes, is cut short, has the
/// wrong dimensions, or there are not as many labels as images.
pub fn read(images: &Path, labels: Option<&Path>) -> Result<RecordBatch> {
    let file = Idx::read(images)?;
    let [count, height, width] = file.dimensions("images: count, height and width")?;
    let len = i32::try_from(height * width)
        .ok()
        .filter(|len| *len > 0)
        .ok_or_else(|| file.wrong(&format!("has images of {height} x {width} pixels")))?;
    let item = Arc::new(Field::new("item", DataType::UInt8, false));
    let pixels = UInt8Array::from(file.bytes);
    let pixels = FixedSizeListArray::try_new(item, len, Arc::new(pixels), None)?;
    let mut fields = vec![Field::new("pixels", pixels.data_type().clone(), false)];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(pixels)];
    if let Some(path) = labels {
        let file = Idx::read(path)?;
        let [labels] = file.dimensions("labels: their count")?;
        if labels != count {
            return Err(file.wrong(&format!(
                "has {labels} labels for the {count} images of {}",
                images.display()
            )));
        }
        let labels = Int32Array::from_iter_values(file.bytes.iter().map(|b| i32::from(*b)));
        fields.push(Field::new("label", DataType::Int32, false));
        columns.push(Arc::new(labels));
    }
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}

/// A file's content.
struct Idx {
    name: String,
    dimensions: Vec<usize>,
    bytes: Vec<u8>,
}

impl Idx {
    fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let fail = |e| Error::io(format!("can't read {name}"), e);
        let mut file = BufReader::new(File::open(path).map_err(fail)?);
        let zipped = file.fill_buf().map_err(fail)?.starts_with(&GZIP);
        let mut bytes = Vec::new();
        match zipped {
            true => MultiGzDecoder::new(file).read_to_end(&mut bytes),
            false => file.read_to_end(&mut bytes),
        }
        .map_err(fail)?;
        Self::parse(name, bytes)
    }

    fn parse(name: String, mut bytes: Vec<u8>) -> Result<Self> {
        let mut idx = Self {
            name,
            dimensions: Vec::new(),
            bytes: Vec::new(),
        };
        let (rank, start) = match bytes[..] {
            [0, 0, UNSIGNED_BYTE, rank, ..] => (usize::from(rank), 4 + 4 * usize::from(rank)),
            [0, 0, kind, _, ..] => {
                return Err(idx.wrong(&format!(
                    "has values of type {kind:#04x}; only unsigned bytes (0x08) can be read"
                )));
            }
            _ => return Err(idx.wrong("is no IDX file")),
        };
        let Some(header) = bytes.get(4..start) else {
            return Err(idx.wrong(&format!("ends within its {rank} dimensions")));
        };
        idx.dimensions = header
            .chunks_exact(4)
            .map(|d| d.iter().fold(0, |n, byte| n << 8 | usize::from(*byte)))
            .collect();
        let mut dimensions = idx.dimensions.iter();
        let size = dimensions.try_fold(1usize, |size, d| size.checked_mul(*d));
        bytes.drain(..start);
        if size != Some(bytes.len()) {
            let sizes: Vec<_> = idx.dimensions.iter().map(usize::to_string).collect();
            return Err(idx.wrong(&format!(
                "has {} bytes of values where its header says {}",
                bytes.len(),
                sizes.join(" x ")
            )));
        }
        idx.bytes = bytes;
        Ok(idx)
    }

    /// The sizes of a file of `N` dimensions; `what` tells them in the error.
    fn dimensions<const N: usize>(&self, what: &str) -> Result<[usize; N]> {
        self.dimensions.clone().try_into().map_err(|_| {
            self.wrong(&format!(
                "has {} dimensions where {N} are needed, {what}",
                self.dimensions.len()
            ))
        })
    }

    fn wrong(&self, how: &str) -> Error {
        Error::execution(format!("{} {how}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use arrow::array::AsArray;
    use arrow::datatypes::{Int32Type, UInt8Type};
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// Two images of 2 x 3 pixels.
    const IMAGES: [u8; 28] = [
        0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, // header
        0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255,
    ];
    const LABELS: [u8; 10] = [0, 0, 8, 1, 0, 0, 0, 2, 9, 4];

    fn of(images: &[u8], labels: &[u8]) -> Result<RecordBatch> {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["images", "labels"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], images).unwrap();
        std::fs::write(&paths[1], labels).unwrap();
        read(&paths[0], Some(&paths[1]))
    }

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn reads_images_and_labels_gzipped_or_not() {
        for batch in [of(&IMAGES, &zipped(&LABELS)), of(&zipped(&IMAGES), &LABELS)] {
            let batch = batch.unwrap();
            let pixels = batch.column(0).as_fixed_size_list();
            assert_eq!((pixels.len(), pixels.value_length()), (2, 6));
            let second = pixels.value(1);
            let second = second.as_primitive::<UInt8Type>();
            assert_eq!(second.values()[..], [250, 251, 252, 253, 254, 255]);
            let labels = batch.column(1).as_primitive::<Int32Type>();
            assert_eq!(labels.values()[..], [9, 4]);
        }
    }

    #[test]
    fn broken_files_are_errors_that_say_how() {
        let error = |images: &[u8], labels: &[u8]| of(images, labels).unwrap_err().to_string();
        let zip = zipped(&IMAGES);
        assert!(of(&zip[..zip.len() - 9], &LABELS).is_err());
        let text = error(&IMAGES[..27], &LABELS);
        assert!(
            text.ends_with("images has 11 bytes of values where its header says 2 x 2 x 3"),
            "{text}"
        );
        let text = error(&IMAGES[..9], &LABELS);
        assert!(text.ends_with("ends within its 3 dimensions"), "{text}");
        assert!(error(b"", &LABELS).ends_with("is no IDX file"));
        assert!(error(b"PNG, not IDX", &LABELS).ends_with("is no IDX file"));
        let text = error(&LABELS, &LABELS);
        assert!(
            text.contains("has 1 dimensions where 3 are needed"),
            "{text}"
        );
        let mut floats = IMAGES;
        floats[2] = 13;
        assert!(error(&floats, &LABELS).contains("values of type 0x0d"));
        let mut huge = IMAGES;
        huge[4..16].fill(0xff);
        assert!(error(&huge, &LABELS).contains("header says 4294967295 x"));
        let mut one = LABELS[..9].to_vec();
        one[7] = 1;
        let text = error(&IMAGES, &one);
        assert!(text.contains("has 1 labels for the 2 images"), "{text}");
    }
}
