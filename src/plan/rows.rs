//! Relations that are a few rows, known when they are planned.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::MemTable;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};

use crate::error::Result;
use crate::train::Epoch;

/// A table of a fixed shape that is filled row by row.
pub struct Rows {
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
}

impl Rows {
    /// A table without columns.
    pub fn new() -> Self {
        Self {
            fields: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// Adds a VARCHAR column.
    pub fn text<T: Into<String>>(
        self,
        name: &str,
        values: impl IntoIterator<Item = Option<T>>,
    ) -> Self {
        let values: StringArray = values.into_iter().map(|v| v.map(Into::into)).collect();
        self.column(name, Arc::new(values))
    }

    /// Adds a BIGINT column.
    pub fn int(self, name: &str, values: impl IntoIterator<Item = Option<i64>>) -> Self {
        self.column(name, Arc::new(values.into_iter().collect::<Int64Array>()))
    }

    /// Adds a DOUBLE column.
    pub fn double(self, name: &str, values: impl IntoIterator<Item = Option<f64>>) -> Self {
        self.column(name, Arc::new(values.into_iter().collect::<Float64Array>()))
    }

    /// Adds a BOOLEAN column.
    pub fn boolean(self, name: &str, values: impl IntoIterator<Item = Option<bool>>) -> Self {
        self.column(name, Arc::new(values.into_iter().collect::<BooleanArray>()))
    }

    fn column(mut self, name: &str, values: ArrayRef) -> Self {
        self.fields
            .push(Field::new(name, values.data_type().clone(), true));
        self.columns.push(values);
        self
    }

    /// The rows as a batch.
    ///
    /// # Errors
    /// `Arrow` when the columns differ in length.
    pub fn batch(self) -> Result<RecordBatch> {
        let schema = Arc::new(Schema::new(self.fields));
        Ok(RecordBatch::try_new(schema, self.columns)?)
    }

    /// The rows as a relation called `name`.
    ///
    /// # Errors
    /// As [`Rows::batch`].
    pub fn plan(self, name: &str) -> Result<LogicalPlan> {
        let batch = self.batch()?;
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        let source = provider_as_source(Arc::new(table));
        Ok(LogicalPlanBuilder::scan(name, source, None)?.build()?)
    }
}

/// The columns of CREATE MODEL and TRAINING_INFO.
pub fn training_schema() -> SchemaRef {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        field("version", DataType::Int64),
        field("epoch", DataType::Int64),
        field("split", DataType::Utf8),
        field("task", DataType::Utf8),
        field("loss", DataType::Float64),
        field("auc", DataType::Float64),
        field("weight", DataType::Float64),
        field("rows", DataType::Int64),
        field("seconds", DataType::Float64),
    ]))
}

/// A history of training in those columns.
pub fn training_rows(version: u64, history: &[Epoch]) -> Rows {
    Rows::new()
        .int("version", history.iter().map(|_| Some(version as i64)))
        .int("epoch", history.iter().map(|e| Some(e.epoch)))
        .text("split", history.iter().map(|e| Some(&e.split)))
        .text("task", history.iter().map(|e| Some(&e.task)))
        .double("loss", history.iter().map(|e| e.loss))
        .double("auc", history.iter().map(|e| e.auc))
        .double("weight", history.iter().map(|e| Some(e.weight)))
        .int("rows", history.iter().map(|e| Some(e.rows)))
        .double("seconds", history.iter().map(|e| Some(e.seconds)))
}
