//! SQLite, whose answers are taken to be right.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, params_from_iter};

use super::Row;
use super::tables::{Rows, TABLES, Type, Value};

/// Instructions of SQLite's machine between two looks at how many a query has taken.
const STEP: usize = 10_000;

/// So many steps a query may take, about half a second, and so many rows it may give.
const MAX_STEPS: usize = 300;
const MAX_ROWS: usize = 20_000;

/// The tables in memory.
pub struct Sqlite {
    connection: Connection,
    steps: Arc<AtomicUsize>,
}

impl Sqlite {
    /// `rows` stand in the order of [`TABLES`].
    pub fn new(rows: &[Rows]) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        for (table, rows) in TABLES.iter().zip(rows) {
            let columns: Vec<_> = table
                .columns
                .iter()
                .map(|c| {
                    let kind = if c.kind == Type::Text {
                        "TEXT"
                    } else {
                        "INTEGER"
                    };
                    format!("{} {kind}", c.name)
                })
                .collect();
            connection.execute_batch(&format!(
                "CREATE TABLE {} ({})",
                table.name,
                columns.join(", ")
            ))?;
            let marks = vec!["?"; columns.len()].join(", ");
            let transaction = connection.transaction()?;
            {
                let mut insert =
                    transaction.prepare(&format!("INSERT INTO {} VALUES ({marks})", table.name))?;
                for row in rows {
                    insert.execute(params_from_iter(row.iter().map(|value| match value {
                        None => rusqlite::types::Value::Null,
                        Some(Value::Number(n)) => (*n).into(),
                        Some(Value::Text(text)) => text.clone().into(),
                    })))?;
                }
            }
            transaction.commit()?;
        }
        let steps = Arc::new(AtomicUsize::new(0));
        let taken = steps.clone();
        let stop = move || taken.fetch_add(1, Ordering::Relaxed) >= MAX_STEPS;
        connection.progress_handler(STEP as i32, Some(stop))?;
        Ok(Self { connection, steps })
    }

    /// The rows of a query; none where it takes too long or gives too many.
    pub fn rows(&self, sql: &str) -> rusqlite::Result<Option<Vec<Row>>> {
        self.steps.store(0, Ordering::Relaxed);
        match self.all(sql) {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(None),
            rows => rows,
        }
    }

    fn all(&self, sql: &str) -> rusqlite::Result<Option<Vec<Row>>> {
        let mut statement = self.connection.prepare(sql)?;
        let columns = statement.column_count();
        let (mut cursor, mut rows) = (statement.query([])?, Vec::new());
        while let Some(row) = cursor.next()? {
            if rows.len() == MAX_ROWS {
                return Ok(None);
            }
            let cells = (0..columns).map(|i| {
                Ok(match row.get_ref(i)? {
                    ValueRef::Null => None,
                    ValueRef::Integer(n) => Some(n.to_string()),
                    ValueRef::Real(x) => Some(format!("{x:?}")),
                    ValueRef::Text(text) | ValueRef::Blob(text) => {
                        Some(String::from_utf8_lossy(text).into_owned())
                    }
                })
            });
            rows.push(cells.collect::<rusqlite::Result<Row>>()?);
        }
        Ok(Some(rows))
    }
}
