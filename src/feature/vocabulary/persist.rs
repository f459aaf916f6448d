//! Vocabularies as one Parquet file: a row per value, id columns and then lists in the order of the layout, values in
//! the order of their ids.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Builder, Int64Builder, RecordBatch, StringBuilder,
    UInt32Builder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, UInt32Type, UInt64Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::assign::{Assign, Growing};
use super::hash::{
    INLINE_BYTES, Number, float_number, hash_bytes, hash_key, text_key, unsigned_number,
};
use super::{Entry, Vocabulary, direct_limit};
use crate::error::{Error, Result};
use crate::feature::apply::encoder::Encoder;
use crate::feature::apply::fitted::FittedSpec;
use crate::feature::rows::layout::FIRST_ID;

/// Values in a row group.
const GROUP_ROWS: usize = 1 << 20;
/// Values handed over at once.
const BATCH_ROWS: usize = 1 << 15;

impl Encoder {
    /// Writes all vocabularies to a new Parquet file: slot (position of the id column; lists are counted behind them), text,
    /// integer, unsigned, float; one of the last four is set.
    ///
    /// # Errors
    /// `Io` when the file can't be made, `Arrow` when it can't be written.
    pub fn save_vocabulary(&self, path: &Path) -> Result<()> {
        let file =
            File::create(path).map_err(|e| Error::io(format!("writing {}", path.display()), e))?;
        let schema = schema();
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))?;
        let mut columns = Columns::default();
        for (slot, vocabulary) in self.vocabularies().iter().enumerate() {
            for i in 0..vocabulary.len() {
                columns.push(slot as u32, vocabulary, i);
                if columns.slot.values_slice().len() == BATCH_ROWS {
                    writer.write(&columns.finish(&schema)?)?;
                }
            }
        }
        writer.write(&columns.finish(&schema)?)?;
        let file = writer.into_inner()?;
        file.sync_all()
            .map_err(|e| Error::io(format!("writing {}", path.display()), e))
    }

    /// Reads an encoder back from its description and its vocabularies.
    ///
    /// # Errors
    /// `Io` when the file can't be opened, `Arrow` when it is no Parquet file, `Execution` when it
    /// does not fit the description.
    pub fn load(fitted: FittedSpec, path: &Path) -> Result<Self> {
        let file =
            File::open(path).map_err(|e| Error::io(format!("reading {}", path.display()), e))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
        if reader.schema().fields() != schema().fields() {
            return Err(damaged(path, "its columns are not those of a vocabulary"));
        }
        let mut vocabularies = empty_vocabularies(&fitted);
        for batch in reader.with_batch_size(BATCH_ROWS).build()? {
            read_batch(&batch?, &mut vocabularies)
                .ok_or_else(|| damaged(path, "it holds a value that belongs to no column"))?;
        }
        for (vocabulary, expected) in vocabularies.iter().zip(expected_values(&fitted)) {
            if vocabulary.len() != expected {
                return Err(damaged(path, "values are missing or there twice"));
            }
        }
        Ok(Self::new(fitted, vocabularies, None))
    }
}

fn damaged(path: &Path, why: &str) -> Error {
    Error::execution(format!("{} is damaged: {why}", path.display()))
}

fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![
        Field::new("slot", DataType::UInt32, false),
        Field::new("text", DataType::Utf8, true),
        Field::new("integer", DataType::Int64, true),
        Field::new("unsigned", DataType::UInt64, true),
        Field::new("float", DataType::Float64, true),
    ]))
}

#[derive(Default)]
struct Columns {
    slot: UInt32Builder,
    text: StringBuilder,
    integer: Int64Builder,
    unsigned: UInt64Builder,
    float: Float64Builder,
}

impl Columns {
    fn push(&mut self, slot: u32, vocabulary: &Vocabulary, index: usize) {
        self.slot.append_value(slot);
        vocabulary.visit(index, |entry| {
            let (mut text, mut integer, mut unsigned, mut float) = (None, None, None, None);
            match entry {
                Entry::Text(bytes) => text = Some(String::from_utf8_lossy(bytes)),
                Entry::Integer(value) => integer = Some(value),
                Entry::Unsigned(value) => unsigned = Some(value),
                Entry::Float(value) => float = Some(value),
            }
            self.text.append_option(text);
            self.integer.append_option(integer);
            self.unsigned.append_option(unsigned);
            self.float.append_option(float);
        });
    }

    fn finish(&mut self, schema: &Arc<Schema>) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.slot.finish()),
            Arc::new(self.text.finish()),
            Arc::new(self.integer.finish()),
            Arc::new(self.unsigned.finish()),
            Arc::new(self.float.finish()),
        ];
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }
}

/// How many values each vocabulary has; none where a column is hashed.
fn expected_values(fitted: &FittedSpec) -> Vec<usize> {
    let layout = &fitted.layout;
    let mut values: Vec<_> = layout
        .ids
        .iter()
        .chain(&layout.lists)
        .map(|c| (c.cardinality - FIRST_ID) as usize)
        .collect();
    let hashed = fitted
        .features
        .iter()
        .flat_map(|f| f.kind.without_values(layout));
    hashed.for_each(|slot| values[slot] = 0);
    values
}

fn empty_vocabularies(fitted: &FittedSpec) -> Vec<Vocabulary> {
    // How large the integers are is not known yet; most ids are numbered without large gaps.
    let empty = |n: usize| Vocabulary::with_capacity(n, direct_limit(n, Some(2 * n as i64)));
    expected_values(fitted).into_iter().map(empty).collect()
}

/// Appends the values of a batch; `None` when one belongs to no vocabulary.
fn read_batch(batch: &RecordBatch, vocabularies: &mut [Vocabulary]) -> Option<()> {
    let slots = batch.column(0).as_primitive::<UInt32Type>();
    let texts = batch.column(1).as_string::<i32>();
    let integers = batch.column(2).as_primitive::<Int64Type>();
    let unsigned = batch.column(3).as_primitive::<UInt64Type>();
    let floats = batch.column(4).as_primitive::<Float64Type>();
    for (row, &slot) in slots.values().iter().enumerate() {
        let vocabulary = vocabularies.get_mut(slot as usize)?;
        let mut growing = Growing {
            vocabulary,
            buckets: None,
        };
        let number = if integers.is_valid(row) {
            Number::Integer(integers.value(row))
        } else if unsigned.is_valid(row) {
            unsigned_number(unsigned.value(row))
        } else if floats.is_valid(row) {
            float_number(floats.value(row))
        } else if texts.is_valid(row) {
            let text = texts.value(row).as_bytes();
            if text.len() > INLINE_BYTES {
                growing.long(text, hash_bytes(text));
            } else {
                let key = text_key(text);
                growing.key(key, hash_key(key));
            }
            continue;
        } else {
            return None;
        };
        match number {
            Number::Integer(value) => growing.integer(value),
            Number::Other(key) => growing.key(key, hash_key(key)),
            Number::Null => return None,
        };
    }
    Some(())
}
