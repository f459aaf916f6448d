//! Runs every file of `tests/slt` against an engine with a model folder of its own.

use std::path::Path;
use std::time::Duration;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionConfig, SessionContext};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};
use sqltorch::Engine;

/// The adapter between sqllogictest and a session.
enum Database {
    Engine(Engine),
    /// A plain session that [`sqltorch::register_all`] has taught.
    Plain(SessionContext),
}

#[async_trait::async_trait]
impl AsyncDB for Database {
    type Error = DataFusionError;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, DataFusionError> {
        let planned = match self {
            Self::Engine(engine) => engine.sql(sql).await?,
            Self::Plain(context) => context.sql(sql).await?,
        };
        let batches = planned.collect().await?;
        let columns = batches.first().map_or(0, |b| b.num_columns());
        if columns == 0 {
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
        Ok(DBOutput::Rows {
            types: vec![DefaultColumnType::Any; columns],
            rows,
        })
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
    runner.set_var("DIR".into(), folder.path().display().to_string());
    runner.run_file_async(&file).await.unwrap();
}
