//! Sampled rows as the metrics read them.

use std::collections::HashMap;

use arrow::array::{AsArray, Int64Array, RecordBatch};
use arrow::compute::{cast, take};
use arrow::datatypes::DataType;

use crate::error::Result;
use crate::feature::numbers;
use crate::metric::synthetic::{Column, NULL};
use crate::random::permutation;

/// A column that is judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// Whether its values are categories, else they are numbers or times.
    pub is_category: bool,
}

/// Turns batches of the judged columns into tables in which a category has the same number everywhere.
pub struct Reader<'a> {
    columns: &'a [Judged],
    categories: Vec<HashMap<String, u32>>,
}

impl<'a> Reader<'a> {
    /// A reader of batches that have `columns`, in this order.
    pub fn new(columns: &'a [Judged]) -> Self {
        Self {
            columns,
            categories: vec![HashMap::new(); columns.len()],
        }
    }

    /// The columns of a batch.
    ///
    /// # Errors
    /// `Plan` for a type that can't be read.
    pub fn read(&mut self, batch: &RecordBatch) -> Result<Vec<Column>> {
        let columns = self.columns.iter().zip(&mut self.categories);
        let columns = columns.zip(batch.columns());
        columns
            .map(|((judged, categories), array)| {
                if !judged.is_category {
                    return Ok(Column::Numbers(numbers(array)?));
                }
                let texts = cast(array, &DataType::Utf8)?;
                let texts = texts.as_string::<i32>().iter();
                let code = |text: Option<&str>| match text {
                    None => NULL,
                    Some(text) => match categories.get(text) {
                        Some(code) => *code,
                        None => {
                            let code = categories.len() as u32 + 1;
                            categories.insert(text.to_string(), code);
                            code
                        }
                    },
                };
                Ok(Column::Categories(texts.map(code).collect()))
            })
            .collect()
    }
}

/// The rows with every column in an order of its own: the same shapes, and nothing that belongs
/// together.
///
/// # Errors
/// `Arrow` when a column can't be put in order.
pub fn independent(batch: &RecordBatch, seed: u64) -> Result<RecordBatch> {
    let rows = batch.num_rows() as u64;
    let columns = batch.columns().iter().zip(1..).map(|(column, at)| {
        let order = Int64Array::from(permutation(rows, seed, at));
        take(column, &order, None)
    });
    let columns = columns.collect::<std::result::Result<_, _>>()?;
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}
