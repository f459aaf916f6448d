//! What every column of a query is for, and what it becomes: one file a kind of column.
//!
//! A kind is a [`Kind`] in the list [`ALL`], and goes through the house as four objects, each made by the
//! one before it: a [`Column`] says what the kind has to know of one column of a query; its [`Slots`] read
//! values while rows come in; a [`Plan`] knows how the values are distributed, and takes places among the
//! inputs of a model; a [`Feature`] encodes rows from then on and is saved with the model.

mod category;
pub mod infer;
pub mod number;
pub(crate) mod part;
mod pixels;
pub mod spec;
pub(crate) mod stored;
mod time;
mod vector;

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use serde_json::Value;

use crate::error::Result;
use crate::feature::column::part::{IdPart, ListPart};
use crate::feature::column::spec::{ColumnOptions, ColumnSpec};
use crate::feature::fit::moments::{Cell, Moments};
use crate::feature::fit::sketch::Sketch;
use crate::feature::rows::block::{Block, Words};
use crate::feature::rows::draft::Draft;
use crate::feature::rows::inputs::Inputs;
use crate::feature::rows::layout::Layout;
use crate::feature::value::class::Class;
use crate::feature::value::scale::Scale;
use crate::feature::vocabulary::merge::Merged;

/// All kinds of columns. A column that no option names is of the first kind that claims it.
pub static ALL: &[&Kind] = &[
    #[cfg(test)]
    &crate::feature::tests::parity::KIND,
    #[cfg(test)]
    &crate::feature::tests::basket::KIND,
    &pixels::KIND,
    &time::KIND,
    &vector::KIND,
    &category::KIND,
    &number::KIND,
];

/// A kind of column.
pub struct Kind {
    /// Its name, in FEATURE_INFO and where models are saved.
    pub name: &'static str,
    /// How options ask for columns of this kind, if any does.
    pub by_option: Option<ByOption>,
    /// What a column is that no option names, and why so; `None` when it is not of this kind.
    ///
    /// # Errors
    /// `Plan` when it has to be of this kind, and can't be.
    pub infer: fn(&Source) -> Result<Option<Inferred>>,
    /// A column from its [`settings`](Column::settings); `None` when they are none of this kind.
    pub restore: fn(&Value) -> Option<Arc<dyn Column>>,
}

/// A column, and why it is of its kind.
pub type Inferred = (Arc<dyn Column>, String);

/// What options say of a kind.
pub struct ByOption {
    /// The options that name columns of the kind, and what each of them names.
    pub options: &'static [(&'static str, Named)],
    /// A column that such an option, given by name, names.
    ///
    /// # Errors
    /// `Plan` when it can't be of this kind.
    pub column: fn(&Source, &str) -> Result<Arc<dyn Column>>,
}

/// The columns that an option names.
pub type Named = fn(&ColumnOptions) -> Vec<&str>;

/// What is known of a column of a query.
pub struct Source<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub data_type: &'a DataType,
    /// What the statement says.
    pub options: &'a ColumnOptions,
}

/// One value a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Single {
    /// Equal to another one or not.
    Category,
    /// With an order and differences.
    Number,
    /// A point in time, or a time of day.
    Time,
}

/// A column of a query that is an input.
pub trait Column: fmt::Debug + Send + Sync {
    /// Its kind.
    fn kind(&self) -> &'static Kind;

    /// What is to be saved besides the name of the kind; `Null` when that says all.
    fn settings(&self) -> Value {
        Value::Null
    }

    /// What the value of a row is; `None` where a row has several.
    fn single(&self) -> Option<Single> {
        None
    }

    /// Whether values of class `given` can be read where those of class `trained` were.
    fn accepts(&self, trained: Class, given: Class) -> bool {
        trained.accepts(given)
    }

    /// Height and width, of images.
    fn image_size(&self) -> Option<[usize; 2]> {
        None
    }

    /// Takes the words that values have in a record.
    fn slots(&self, column: &ColumnSpec, words: &mut Words) -> Box<dyn Slots>;

    /// A feature from what [`Feature::save`] gave.
    ///
    /// # Errors
    /// That of the JSON, when it is no feature of this kind.
    fn feature(&self, saved: Value) -> serde_json::Result<Box<dyn Feature>>;
}

/// The words of a column in the records of rows.
pub trait Slots: Send + Sync {
    /// Reads the values of some rows into their records, and adds them to the hashes of the rows; `buffer`
    /// keeps its memory from column to column.
    ///
    /// # Errors
    /// `Plan` for a type that this kind can't read, `Execution` for a value.
    fn read(&self, array: &ArrayRef, block: &mut Block, buffer: &mut Vec<f64>) -> Result<()>;

    /// The exact number whose distribution over the training rows decides what the column becomes, if any.
    fn sketched(&self) -> Option<usize> {
        None
    }

    /// What the column becomes; `values` is empty when none are sketched.
    fn plan(&self, values: &Sketch) -> Box<dyn Plan>;
}

/// What a column becomes, as far as that is known before rows are moved.
pub trait Plan {
    /// Takes the id columns that are made of numbers; those of categories have theirs already.
    ///
    /// # Errors
    /// `Resources` when there are more ids than a table can have.
    fn ids(&mut self, _column: &ColumnSpec, _layout: &mut Layout) -> Result<()> {
        Ok(())
    }

    /// The numbers of a record whose mean and deviation are asked for.
    fn cells(&self) -> Vec<Cell> {
        Vec::new()
    }

    /// Takes places among the inputs.
    ///
    /// # Errors
    /// `Execution` for values that this kind can't learn from.
    fn place(&self, seen: &Seen, draft: &mut Draft) -> Result<Placed>;
}

/// What was seen of a column in the training rows.
pub struct Seen<'a> {
    /// The column.
    pub column: &'a ColumnSpec,
    /// The values of all id slots of the record.
    pub merged: &'a [Merged],
    /// What has become of all id slots of the record; `None` where nothing.
    pub ids: &'a [Option<IdPart>],
    /// What has become of all lists of the record; `None` where nothing.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "only tests have a kind of column with lists")
    )]
    pub(crate) lists: &'a [Option<ListPart>],
    /// Of the numbers that [`Plan::cells`] has named.
    pub moments: &'a [&'a Moments],
}

/// A column among the inputs.
pub struct Placed {
    /// What encodes it; or why it is left out.
    pub feature: Result<Box<dyn Feature>, String>,
    /// Distinct values in training rows, where they are known.
    pub distinct: Option<u64>,
    /// Why it is encoded as it is, where the statement leaves it open.
    pub chosen: Option<String>,
}

/// A fitted column in use.
pub trait Feature: fmt::Debug + Send + Sync {
    /// Its kind.
    fn kind(&self) -> &'static Kind;

    /// What [`Column::feature`] reads back.
    ///
    /// # Errors
    /// That of the JSON.
    fn save(&self) -> serde_json::Result<Value>;

    /// Takes the places of numbers that stand behind those of all other columns.
    fn place_last(&mut self, _column: &ColumnSpec, _draft: &mut Draft) {}

    /// Encodes the values of some rows; `buffer` keeps its memory from column to column.
    ///
    /// # Errors
    /// As [`Slots::read`].
    fn encode(&self, array: &ArrayRef, inputs: &mut Inputs, buffer: &mut Vec<f64>) -> Result<()>;

    /// How it is encoded, in FEATURE_INFO; `None` when the name of the kind says it.
    fn describe(&self) -> Option<String> {
        None
    }

    /// Whether its places are in this layout: a damaged manifest must not cause a panic.
    fn fits(&self, layout: &Layout) -> bool;

    /// The vocabularies that are empty, as ids are found without the values: the numbers of id columns, and
    /// behind those of all id columns the numbers of lists.
    fn without_values(&self, _layout: &Layout) -> Vec<usize> {
        Vec::new()
    }

    /// How pixels are scaled, of images.
    fn pixel_scale(&self) -> Option<Scale> {
        None
    }
}
