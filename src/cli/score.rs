//! `sqltorch score`: Parquet in, Parquet with predictions out, in one pass and bounded memory.

use std::path::Path;
use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::utils::quote_identifier;
use datafusion::error::DataFusionError;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;
use futures::StreamExt;
use indicatif::{HumanCount, ProgressBar};
use sqltorch::Engine;
use tempfile::NamedTempFile;

use super::args::{EngineArgs, ScoreArgs};
use super::failure::{Failure, Outcome};
use super::interrupt::Workers;
use super::new_file::NewFile;
use super::progress;
use super::session;

/// Encoded bytes of a row group, which are held in memory until it is complete.
const ROW_GROUP_BYTES: usize = 64 * 1024 * 1024;

/// Scores the input and says how long it took.
pub fn run(workers: &Workers, args: ScoreArgs, options: &EngineArgs) -> Outcome {
    check_paths(&args)?;
    let query = query(&args)?;
    let engine = session::engine(options, None)?;
    let wanted = progress::is_wanted(options.quiet);
    let output = args.output.clone();
    let started = Instant::now();
    let rows = workers.run(async move {
        let bar = progress::bar(total(&engine, &args, wanted).await, wanted);
        score(&engine, &query, &args, &bar).await
    })?;
    if !options.quiet {
        let seconds = started.elapsed().as_secs_f64();
        eprintln!(
            "{}: {} rows in {seconds:.2} s, {} rows/s",
            output.display(),
            HumanCount(rows),
            HumanCount((rows as f64 / seconds.max(1e-6)) as u64),
        );
    }
    Ok(())
}

/// Finds the common mistakes before any work is done.
fn check_paths(args: &ScoreArgs) -> Outcome {
    let local = !args.input.contains("://");
    let pattern = args.input.contains(['*', '?', '[']);
    if local && !pattern && !Path::new(&args.input).exists() {
        return Err(Failure::Error(format!(
            "can't read {}: no such file or folder",
            args.input
        )));
    }
    if args.output.is_dir() {
        return Err(Failure::Error(format!(
            "can't write {}: it is a folder",
            args.output.display()
        )));
    }
    NewFile::at(&args.output, args.overwrite).map(drop)
}

/// The statement that does it. Every name and path is quoted, the condition is checked to be one
/// expression: nothing given on the command line can change the statement's shape.
fn query(args: &ScoreArgs) -> Outcome<String> {
    let columns = columns(&args.columns)?;
    let model = literal(&args.model);
    let input = literal(&args.input);
    let condition = match &args.condition {
        Some(condition) => {
            check_condition(condition)
                .map_err(|failure| failure.at(format!("--where {condition}")))?;
            // A line of its own: the condition may end with a comment.
            format!("WHERE\n{condition}\n")
        }
        None => String::new(),
    };
    Ok(format!(
        "SELECT {columns} FROM PREDICT({model}, (SELECT * FROM {input} {condition}))"
    ))
}

fn columns(names: &[String]) -> Outcome<String> {
    if names.is_empty() {
        return Ok("*".into());
    }
    let mut quoted = Vec::with_capacity(names.len());
    for name in names.iter().map(|name| name.trim()) {
        if name.is_empty() {
            return Err(Failure::Error("--columns: a name is empty".into()));
        }
        // Always in quotes: these are names as the files have them, not SQL.
        let name = match quote_identifier(name) {
            plain if plain.starts_with('"') => plain.into_owned(),
            plain => format!("\"{plain}\""),
        };
        if quoted.contains(&name) {
            return Err(Failure::Error(format!("--columns: {name} is named twice")));
        }
        quoted.push(name);
    }
    Ok(quoted.join(", "))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn check_condition(condition: &str) -> Outcome {
    let parsed = Parser::new(&GenericDialect {})
        .try_with_sql(condition)
        .and_then(|mut parser| {
            parser.parse_expr()?;
            match parser.peek_token().token {
                Token::EOF => Ok(()),
                _ => parser.expected("the end of the condition", parser.peek_token()),
            }
        });
    parsed.map_err(|error| DataFusionError::from(error).into())
}

/// Rows of the input, for a bar that knows its end; files know their rows, conditions don't.
async fn total(engine: &Engine, args: &ScoreArgs, wanted: bool) -> Option<u64> {
    if !wanted || args.condition.is_some() {
        return None;
    }
    let count = format!("SELECT 1 FROM {}", literal(&args.input));
    let rows = engine.sql(&count).await.ok()?.count().await.ok()?;
    Some(rows as u64)
}

/// Streams the query into a hidden file beside the output and gives it its name at the end.
async fn score(engine: &Engine, query: &str, args: &ScoreArgs, bar: &ProgressBar) -> Outcome<u64> {
    let started = Instant::now();
    bar.set_prefix("scoring");
    let plan = engine.sql(query).await.map_err(|error| {
        let missing = format!("table '{}' not found", args.input);
        match Failure::from(error) {
            Failure::Error(text) if text == missing => {
                Failure::Error(format!("no Parquet file matches {}", args.input))
            }
            other => other,
        }
    })?;
    let mut batches = plan.execute_stream().await?;
    let mut file = Output::create(&args.output, args.overwrite, batches.schema())?;
    let mut rows = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        file.write(&batch)?;
        rows += batch.num_rows() as u64;
        let speed = rows as f64 / started.elapsed().as_secs_f64().max(1e-6);
        bar.set_position(rows);
        bar.set_message(match bar.length() {
            Some(total) => format!(
                "{} rows/s  {} left",
                HumanCount(speed as u64),
                progress::duration(total.saturating_sub(rows) as f64 / speed.max(1.0)),
            ),
            None => format!(
                "{} rows, {} rows/s",
                HumanCount(rows),
                HumanCount(speed as u64)
            ),
        });
        bar.tick();
    }
    file.publish()?;
    Ok(rows)
}

/// A Parquet file that has no name until it is complete; dropped before that, it is removed.
pub struct Output {
    new: NewFile,
    writer: ArrowWriter<NamedTempFile>,
}

impl Output {
    /// Opens a hidden file beside `path`.
    pub fn create(path: &Path, overwrite: bool, schema: SchemaRef) -> Outcome<Self> {
        let new = NewFile::at(path, overwrite)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .set_created_by(concat!("sqltorch ", env!("CARGO_PKG_VERSION")).into())
            .build();
        let writer = ArrowWriter::try_new(new.open()?, schema, Some(properties))
            .map_err(|error| refused(path, error))?;
        Ok(Self { new, writer })
    }

    /// Appends rows.
    pub fn write(&mut self, batch: &RecordBatch) -> Outcome {
        let written = self.writer.write(batch);
        written.map_err(|error| refused(self.new.path(), error))
    }

    /// Brings everything to the disk, then gives the file its name.
    pub fn publish(self) -> Outcome {
        let Self { new, writer } = self;
        let file = writer.into_inner();
        let file = file.map_err(|error| refused(new.path(), error))?;
        new.publish(file)
    }
}

fn refused(path: &Path, error: ParquetError) -> Failure {
    Failure::from(DataFusionError::from(error)).at(format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> ScoreArgs {
        ScoreArgs {
            model: "ranker.2".into(),
            input: "it's/*.parquet".into(),
            output: "out.parquet".into(),
            columns: Vec::new(),
            condition: None,
            overwrite: false,
        }
    }

    #[test]
    fn names_and_paths_are_quoted() {
        let args = ScoreArgs {
            columns: vec!["user_id".into(), " Odd \"name\"".into()],
            condition: Some("week > 3 -- late".into()),
            ..args()
        };
        assert_eq!(
            query(&args).unwrap(),
            "SELECT \"user_id\", \"Odd \"\"name\"\"\" FROM PREDICT('ranker.2', \
             (SELECT * FROM 'it''s/*.parquet' WHERE\nweek > 3 -- late\n))"
        );
    }

    #[test]
    fn all_columns_are_the_default() {
        let text = query(&args()).unwrap();
        assert!(text.starts_with("SELECT * FROM PREDICT("), "{text}");
    }

    #[test]
    fn rejects_conditions_that_are_no_expression() {
        for wrong in [
            "a >",
            "",
            "1=1) OR (1=1",
            "a = 1; DROP TABLE t",
            "/* a",
            "a = 'b",
        ] {
            let args = ScoreArgs {
                condition: Some(wrong.into()),
                ..args()
            };
            assert!(query(&args).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rejects_empty_and_repeated_columns() {
        assert!(columns(&["a".into(), " ".into()]).is_err());
        assert!(columns(&["a".into(), "a".into()]).is_err());
    }
}
