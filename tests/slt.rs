//! Runs every file of `tests/slt` against an engine with a model folder of its own.

use std::path::Path;
use std::time::Duration;

use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionConfig, SessionContext};
use sqllogictest::{AsyncDB, ColumnType, DBOutput, Runner, strict_column_validator};
use sqltorch::Engine;

/// What the letters behind `query` say of a result's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Column {
    Boolean,
    Integer,
    /// Floats and decimals.
    Real,
    Text,
    /// Whatever else.
    Other,
}

impl Column {
    const LETTERS: [(char, Self); 5] = [
        ('B', Self::Boolean),
        ('I', Self::Integer),
        ('R', Self::Real),
        ('T', Self::Text),
        ('?', Self::Other),
    ];

    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Dictionary(_, value) => Self::of(value),
            other if other.is_integer() => Self::Integer,
            other if other.is_floating() || other.is_decimal() => Self::Real,
            _ => Self::Other,
        }
    }
}

impl ColumnType for Column {
    fn from_char(letter: char) -> Option<Self> {
        let found = Self::LETTERS
            .into_iter()
            .find(|(known, _)| *known == letter);
        found.map(|(_, column)| column)
    }

    fn to_char(&self) -> char {
        let found = Self::LETTERS.into_iter().find(|(_, column)| column == self);
        found.map_or('?', |(letter, _)| letter)
    }
}

/// The adapter between sqllogictest and a session.
enum Database {
    Engine(Engine),
    /// A plain session that [`sqltorch::register_all`] has taught.
    Plain(SessionContext),
}

#[async_trait::async_trait]
impl AsyncDB for Database {
    type Error = DataFusionError;
    type ColumnType = Column;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Column>, DataFusionError> {
        let frame = match self {
            Self::Engine(engine) => engine.sql(sql).await?,
            Self::Plain(context) => context.sql(sql).await?,
        };
        let fields = frame.schema().fields().iter();
        let types: Vec<_> = fields.map(|field| Column::of(field.data_type())).collect();
        let batches = frame.collect().await?;
        if types.is_empty() {
            return Ok(DBOutput::StatementComplete(0));
        }
        let options = FormatOptions::default().with_null("NULL");
        let mut rows: Vec<Vec<String>> = Vec::new();
        for batch in &batches {
            let formatters = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options))
                .collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.num_rows() {
                let cell = |f: &ArrayFormatter| match f.value(row).to_string() {
                    text if text.is_empty() => "(empty)".to_string(),
                    text => text,
                };
                let cells: Vec<String> = formatters.iter().map(cell).collect();
                // A plan is one cell of several lines: each gets a row.
                let last = cells.last().cloned().unwrap_or_default();
                let mut lines = last.lines();
                let first = lines.next().unwrap_or_default().to_string();
                let others = cells[..cells.len() - 1].iter().cloned();
                rows.push(others.chain([first]).collect());
                rows.extend(lines.map(|line| vec![line.to_string()]));
            }
        }
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        "sqltorch"
    }

    async fn sleep(duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_behaves_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "slt"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let mut failures = Vec::new();
    for file in files {
        let models = tempfile::tempdir().unwrap();
        let mut runner = Runner::new(|| async {
            let engine = Engine::builder()
                .model_dir(models.path().join("models"))
                .device("cpu")
                .threads(2)
                .build()?;
            Ok(Database::Engine(engine))
        });
        runner.with_column_validator(strict_column_validator);
        runner.set_var("DIR".into(), models.path().display().to_string());
        if let Err(error) = runner.run_file_async(&file).await {
            failures.push(format!("{error}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_session_answers_rightly_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt/right_answers.slt");
    let mut runner = Runner::new(|| async {
        let config = SessionConfig::new().with_information_schema(true);
        let context = SessionContext::new_with_config(config);
        sqltorch::register_all(&context)?;
        Ok(Database::Plain(context))
    });
    runner.with_column_validator(strict_column_validator);
    runner.set_var("DIR".into(), folder.path().display().to_string());
    runner.run_file_async(&file).await.unwrap();
}
