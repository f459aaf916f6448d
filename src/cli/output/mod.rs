//! How results are printed. Every writer prints as batches come and keeps no more than a table needs
//! to find its column widths.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use clap::ValueEnum;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

mod cell;
mod json;
mod layout;
mod separated;
mod table;

use super::failure::{Failure, Outcome};

/// The formats of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people
    Table,
    /// Comma-separated, a header line first; NULL is empty, an empty text is ""
    Csv,
    /// Like csv, separated by tabs
    Tsv,
    /// One array of objects per result
    Json,
    /// One object per line
    Ndjson,
}

/// What the writers need to know about where their text goes.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub format: Format,
    /// Rows that a table shows; `None` for all.
    pub max_rows: Option<usize>,
    /// Columns of the terminal that a table has to fit; `None` where it need not.
    pub width: Option<usize>,
}

impl Style {
    /// Looks at standard output; a terminal may be resized, so this is asked for every result.
    pub fn detect(format: Format, max_rows: Option<usize>) -> Self {
        let width = io::stdout()
            .is_terminal()
            .then(|| console::Term::stdout().size_checked())
            .flatten()
            .map(|(_, columns)| usize::from(columns))
            .filter(|columns| *columns > 0);
        Self {
            format,
            max_rows,
            width,
        }
    }

    /// A writer for one result.
    pub fn writer(&self, schema: SchemaRef) -> Box<dyn ResultWriter> {
        match self.format {
            Format::Table => Box::new(table::Table::new(schema, self.max_rows, self.width)),
            Format::Csv => Box::new(separated::Separated::new(schema, b',')),
            Format::Tsv => Box::new(separated::Separated::new(schema, b'\t')),
            Format::Json => Box::new(json::Json::array()),
            Format::Ndjson => Box::new(json::Json::lines()),
        }
    }
}

/// Prints one result.
pub trait ResultWriter: Send {
    /// Prints the rows of `batch`, now or at the end.
    fn write(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> io::Result<()>;

    /// Prints what is left once every batch was given.
    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()>;
}

/// Standard output in large pieces.
pub fn stdout() -> BufWriter<Stdout> {
    BufWriter::with_capacity(64 * 1024, io::stdout())
}

/// Prints lines of text to standard output.
pub fn print_lines(lines: impl IntoIterator<Item = String>) -> Outcome {
    let mut out = stdout();
    for line in lines {
        writeln!(out, "{line}").map_err(|e| Failure::output(&e))?;
    }
    out.flush().map_err(|e| Failure::output(&e))
}

/// A value that has no text, such as a timestamp beyond the calendar, ends the output.
fn unprintable(error: ArrowError) -> io::Error {
    io::Error::other(error)
}
