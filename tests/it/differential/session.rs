//! The sessions under test, with the tables in Parquet or in memory.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimeUnit};
use datafusion::error::Result;
use datafusion::prelude::SessionContext;
use futures::FutureExt;
use sqltorch::Engine;

use super::Row;
use super::tables::{Rows, TABLES, Table, Type, Value};

/// What answers queries.
pub enum Session {
    Engine(Engine),
    Context(SessionContext),
}

/// Where a session has its tables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Home {
    Parquet,
    Memory,
}

impl Session {
    /// The rows of a query, or why there are none.
    pub async fn rows(&self, sql: &str) -> std::result::Result<Vec<Row>, String> {
        // A panic would end the whole test before the other queries are asked.
        let asked = AssertUnwindSafe(self.run(sql)).catch_unwind().await;
        let batches = asked
            .map_err(|_| "panicked".to_string())?
            .map_err(|e| e.to_string())?;
        let rows = batches.iter().map(|batch| {
            let columns = batch.columns().iter().map(cells);
            let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
            Ok((0..batch.num_rows())
                .map(|row| columns.iter().map(|cells| cells[row].clone()).collect())
                .collect::<Vec<Row>>())
        });
        let rows = rows.collect::<std::result::Result<Vec<_>, arrow::error::ArrowError>>();
        Ok(rows.map_err(|e| e.to_string())?.concat())
    }

    async fn run(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        match self {
            Session::Engine(engine) => engine.sql(sql).await?.collect().await,
            Session::Context(context) => context.sql(sql).await?.collect().await,
        }
    }

    fn context(&self) -> &SessionContext {
        match self {
            Session::Engine(engine) => engine.context(),
            Session::Context(context) => context,
        }
    }

    /// Makes the tables. `rows` stand in the order of [`TABLES`]; files go to `folder`.
    pub async fn fill(&self, home: Home, rows: &[Rows], folder: &Path) -> Result<()> {
        for (table, rows) in TABLES.iter().zip(rows) {
            let (name, columns) = (table.name, declared(table));
            let drawn = format!("drawn_{name}");
            self.context().register_batch(&drawn, batch(table, rows))?;
            if home == Home::Memory {
                let key = columns.map_or(String::new(), |columns| format!(" ({columns})"));
                self.run(&format!(
                    "CREATE TABLE {name}{key} AS SELECT * FROM {drawn}"
                ))
                .await?;
            } else {
                let file = folder.join(format!("{name}.parquet"));
                let file = file.display();
                let group = table.group;
                self.run(&format!(
                    "SET datafusion.execution.parquet.max_row_group_size = {group}"
                ))
                .await?;
                self.run(&format!("COPY (SELECT * FROM {drawn}) TO '{file}'"))
                    .await?;
                let columns = columns.map_or(String::new(), |columns| format!(" ({columns})"));
                self.run(&format!(
                    "CREATE EXTERNAL TABLE {name}{columns} STORED AS PARQUET LOCATION '{file}'"
                ))
                .await?;
            }
            self.context().deregister_table(&drawn)?;
        }
        self.run("SET datafusion.execution.target_partitions = 2")
            .await
            .map(drop)
    }
}

/// The columns and the primary key of a table that has one.
fn declared(table: &Table) -> Option<String> {
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|c| match c.kind {
            Type::Text => format!("{} VARCHAR", c.name),
            _ => format!("{} BIGINT", c.name),
        })
        .collect();
    let key = table.key.join(", ");
    (!key.is_empty()).then(|| format!("{}, PRIMARY KEY ({key})", columns.join(", ")))
}

fn batch(table: &Table, rows: &Rows) -> RecordBatch {
    let columns = table.columns.iter().enumerate().map(|(i, column)| {
        let values = rows.iter().map(|row| row[i].clone());
        let array: ArrayRef = match column.kind {
            Type::Text => Arc::new(values.map(text).collect::<StringArray>()),
            _ => Arc::new(values.map(number).collect::<Int64Array>()),
        };
        let seconds = DataType::Timestamp(TimeUnit::Second, None);
        let array = match column.kind {
            Type::Time => cast(
                &cast(&array, &seconds).unwrap(),
                &DataType::Timestamp(TimeUnit::Microsecond, None),
            )
            .unwrap(),
            _ => array,
        };
        (column.name, array, true)
    });
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::Text(text) => Some(text),
        Value::Number(_) => None,
    }
}

fn number(value: Option<Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => Some(number),
        Value::Text(_) => None,
    }
}

/// The values of a column as SQLite has them: truths and times as numbers.
fn cells(column: &ArrayRef) -> std::result::Result<Row, arrow::error::ArrowError> {
    let column = match column.data_type() {
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>().iter();
            return Ok(values.map(|x| x.map(|x| format!("{x:?}"))).collect());
        }
        DataType::Boolean => cast(column, &DataType::Int64)?,
        DataType::Timestamp(_, _) => cast(
            &cast(column, &DataType::Timestamp(TimeUnit::Second, None))?,
            &DataType::Int64,
        )?,
        _ => column.clone(),
    };
    let column = cast(&column, &DataType::Utf8)?;
    let values = column.as_string::<i32>().iter();
    Ok(values.map(|text| text.map(str::to_string)).collect())
}
