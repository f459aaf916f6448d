//! How encoded rows are laid out, and the batch that carries them.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use arrow::util::display::FormatOptions;
use serde::{Deserialize, Serialize};

use super::lists::Lists;
use crate::error::{Error, Result};
use crate::feature::value::scale::Scale;

/// Id of a value that training has not seen, or seldom.
pub const UNKNOWN_ID: u32 = 0;
/// Id of NULL.
pub const NULL_ID: u32 = 1;
/// Id of the most frequent value; the others follow by falling count.
pub const FIRST_ID: u32 = 2;

/// What a model's input and output look like: C id columns, L lists of ids, N numbers, T tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// The id columns, `[C]`.
    pub ids: Vec<IdColumn>,
    /// The lists of ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<IdColumn>,
    /// Ids of all columns and lists together; at most `i32::MAX`.
    pub table_rows: u64,
    /// Names of the numbers, `[N]`.
    pub dense: Vec<String>,
    /// Position in `ids` of the scenario.
    pub scenario: Option<usize>,
    /// Position in `ids` of the user.
    pub user: Option<usize>,
    /// Position in `ids` of the item.
    pub item: Option<usize>,
    /// The tasks, `[T]`.
    pub tasks: Vec<Task>,
}

impl Layout {
    /// Appends an id column; returns its place.
    ///
    /// # Errors
    /// `Resources` when there are more ids than a table can have.
    pub(crate) fn add_ids(&mut self, name: String, cardinality: u64) -> Result<usize> {
        let column = self.take_rows(name, cardinality)?;
        self.ids.push(column);
        Ok(self.ids.len() - 1)
    }

    /// Appends a list of ids, when all id columns have their places; returns its number.
    ///
    /// # Errors
    /// As [`Layout::add_ids`].
    pub(crate) fn add_list(&mut self, name: String, cardinality: u64) -> Result<usize> {
        let list = self.take_rows(name, cardinality)?;
        self.lists.push(list);
        Ok(self.lists.len() - 1)
    }

    /// What a row reads of the table: the first rows of the ranges of all id columns, where there are some,
    /// then that of each list.
    pub fn leaves(&self) -> Vec<Vec<usize>> {
        let first = |column: &IdColumn| column.offset as usize;
        let ids: Vec<_> = self.ids.iter().map(first).collect();
        let ids = (!ids.is_empty()).then_some(ids);
        let lists = self.lists.iter().map(|list| vec![first(list)]);
        ids.into_iter().chain(lists).collect()
    }

    /// The next rows of the table.
    fn take_rows(&mut self, name: String, cardinality: u64) -> Result<IdColumn> {
        let offset = self.table_rows;
        self.table_rows += cardinality;
        if self.table_rows > i32::MAX as u64 {
            return Err(Error::resources(format!(
                "the categories up to column \"{name}\" have {} values together, more than {}; set max_vocabulary, min_count or hash_buckets",
                self.table_rows,
                i32::MAX
            )));
        }
        Ok(IdColumn {
            name,
            offset: offset as u32,
            cardinality: cardinality as u32,
        })
    }
}

/// One id column's share of the common table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdColumn {
    /// The column's name; parts of a time say which part.
    pub name: String,
    /// Its first id in the common table, that of unknown values.
    pub offset: u32,
    /// How many ids it has, unknown and NULL included.
    pub cardinality: u32,
}

/// One thing to be predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The label column's name.
    pub name: String,
    /// What kind of label it is.
    pub kind: TaskKind,
}

/// Kinds of labels, with what fitting has found out about their values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Yes or no: 1 or 0.
    Binary,
    /// One of several classes: its position among them.
    MultiClass(Classes),
    /// A number, standardised.
    Regression(Target),
}

/// The classes of a label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classes {
    /// The label's type, as Arrow writes it.
    pub data_type: String,
    /// The values as text, in the order of the values.
    pub values: Vec<String>,
}

/// How a number to be predicted is brought to mean 0 and deviation 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Whether `ln(1 + y)` is learnt instead of `y`.
    pub log: bool,
    /// Of `y`, or of `ln(1 + y)`.
    pub scale: Scale,
}

impl TaskKind {
    /// Its name in the option tasks.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::MultiClass(_) => "multiclass",
            Self::Regression(Target { log: false, .. }) => "regression",
            Self::Regression(Target { log: true, .. }) => "log_regression",
        }
    }

    /// Values that a network gives for the task.
    pub fn width(&self) -> usize {
        match self {
            Self::Binary | Self::Regression(_) => 1,
            Self::MultiClass(classes) => classes.values.len(),
        }
    }
}

impl Target {
    /// The number that a network means by `value`.
    pub fn restore(&self, value: f32) -> f64 {
        let value = self.scale.restore(value);
        if self.log { value.exp_m1() } else { value }
    }
}

impl Classes {
    /// The type of the label.
    ///
    /// # Errors
    /// `Execution` when no such type is known.
    pub fn data_type(&self) -> Result<DataType> {
        self.data_type
            .parse()
            .map_err(|_| Error::execution(format!("unknown type {:?} of a label", self.data_type)))
    }

    /// The values in their own type, in order.
    ///
    /// # Errors
    /// `Arrow` when one is no value of that type.
    pub fn array(&self) -> Result<ArrayRef> {
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(&self.values));
        Ok(cast_with_options(&texts, &self.data_type()?, &EXACT)?)
    }
}

/// A text that is no value of the type is an error.
const EXACT: CastOptions<'static> = CastOptions {
    safe: false,
    format_options: FormatOptions::new(),
};

/// Encoded rows, row-major. Buffers keep their memory from batch to batch.
#[derive(Clone, Debug, Default)]
pub struct EncodedBatch {
    /// How many rows.
    pub rows: usize,
    /// `[B, C]`: ids into one table of [`Layout::table_rows`].
    pub ids: Vec<i32>,
    /// Lists of ids into that table, as [`Layout::lists`] has them, one a row each.
    pub lists: Vec<Lists<i32>>,
    /// `[B, N]`: standardised numbers.
    pub dense: Vec<f32>,
    /// `[B, T]`: labels as their [`TaskKind`] says, NaN for NULL; empty when none were asked for.
    pub labels: Vec<f32>,
    /// Column-major working space of the encoder.
    pub(crate) scratch: super::scratch::Scratch,
}

impl EncodedBatch {
    /// Leaves no rows, with room for `lists` lists; the memory stays.
    pub(crate) fn clear(&mut self, lists: usize) {
        self.rows = 0;
        self.ids.clear();
        self.dense.clear();
        self.labels.clear();
        self.lists.resize_with(lists, Lists::default);
        self.lists.iter_mut().for_each(Lists::clear);
    }
}
