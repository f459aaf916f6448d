//! How a command can end before its time, and what the user then reads.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;
use std::panic;
use std::process::ExitCode;

use datafusion::arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;
use datafusion::sql::sqlparser::parser::ParserError;

/// Result of everything the program does.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Columns that a message lists at most.
const KNOWN_COLUMNS: usize = 40;

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// Something is wrong; the text is what the user reads after `error: `.
    Error(String),
    /// A signal with this number (2 for Ctrl-C, 15 for a polite kill) asked to stop.
    Signal(u8),
    /// The reader of standard output went away.
    ClosedPipe,
}

impl Failure {
    /// Reading or writing `what` failed.
    pub fn io(what: impl Display, error: &io::Error) -> Self {
        Self::Error(format!("{what}: {}", plain_io(error)))
    }

    /// Standard output refused what was written to it.
    pub fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::io("can't write to standard output", error),
        }
    }

    /// Puts `place` in front of an error's message.
    pub fn at(self, place: impl Display) -> Self {
        match self {
            Self::Error(message) => Self::Error(format!("{place}: {message}")),
            other => other,
        }
    }

    /// Tells the user on standard error and returns the exit status.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Error(message) => {
                eprintln!("error: {message}");
                ExitCode::FAILURE
            }
            Self::Signal(number) => {
                eprintln!("cancelled");
                ExitCode::from(128 + number)
            }
            // What a program gets that does not catch SIGPIPE; scripts know it.
            Self::ClosedPipe => ExitCode::from(141),
        }
    }
}

impl From<DataFusionError> for Failure {
    fn from(error: DataFusionError) -> Self {
        Self::Error(tidy(&message(&error)))
    }
}

impl From<sqltorch::Error> for Failure {
    fn from(error: sqltorch::Error) -> Self {
        DataFusionError::from(error).into()
    }
}

/// Keeps panics of worker threads off the terminal: they arrive as errors with the same text.
/// `RUST_BACKTRACE` brings the usual report back.
pub fn silence_panics() {
    if std::env::var_os("RUST_BACKTRACE").is_some() {
        return;
    }
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |report| {
        if std::thread::current().name() == Some("main") {
            usual(report);
        }
    }));
}

/// The innermost message: wrappers say where in the engine an error passed by, which helps no user.
fn message(error: &DataFusionError) -> String {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            message(inner)
        }
        DataFusionError::Shared(inner) => message(inner),
        DataFusionError::Collection(all) => {
            let mut lines: Vec<_> = all.iter().map(message).collect();
            lines.dedup();
            lines.truncate(3);
            lines.join("\n")
        }
        DataFusionError::External(inner) => foreign(inner.as_ref()),
        DataFusionError::ArrowError(inner, _) => arrow(inner),
        DataFusionError::ParquetError(inner) => parquet(inner),
        DataFusionError::IoError(inner) => plain_io(inner),
        DataFusionError::SQL(inner, _) => match inner.as_ref() {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
            ParserError::RecursionLimitExceeded => "the statement is nested too deeply".into(),
        },
        DataFusionError::SchemaError(inner, _) => schema(inner),
        DataFusionError::NotImplemented(text) => format!("not supported: {text}"),
        DataFusionError::Internal(text) => format!("internal error: {text}"),
        DataFusionError::ExecutionJoin(inner) => format!("internal error: {inner}"),
        other => other.message().into_owned(),
    }
}

/// An unknown column among those there are. Their table is named only where there are several.
fn schema(error: &SchemaError) -> String {
    let SchemaError::FieldNotFound {
        field,
        valid_fields,
    } = error
    else {
        return error.to_string();
    };
    let mut tables: Vec<_> = valid_fields.iter().map(|f| f.relation.as_ref()).collect();
    tables.retain(Option::is_some);
    tables.dedup();
    let names = valid_fields.iter().map(|known| match tables.len() {
        0 | 1 => known.name.clone(),
        _ => known.flat_name(),
    });
    let shown: Vec<_> = names.take(KNOWN_COLUMNS).collect();
    let more = match valid_fields.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let field = field.flat_name();
    match shown.is_empty() {
        true => format!("unknown column \"{field}\""),
        false => format!(
            "unknown column \"{field}\"; known: {}{more}",
            shown.join(", ")
        ),
    }
}

fn foreign(error: &(dyn StdError + 'static)) -> String {
    if let Some(inner) = error.downcast_ref::<DataFusionError>() {
        message(inner)
    } else if let Some(inner) = error.downcast_ref::<ArrowError>() {
        arrow(inner)
    } else if let Some(inner) = error.downcast_ref::<ParquetError>() {
        parquet(inner)
    } else {
        error.to_string()
    }
}

fn arrow(error: &ArrowError) -> String {
    match error {
        ArrowError::ExternalError(inner) => foreign(inner.as_ref()),
        ArrowError::DivideByZero => "division by zero".into(),
        ArrowError::CastError(text)
        | ArrowError::ComputeError(text)
        | ArrowError::InvalidArgumentError(text)
        | ArrowError::ArithmeticOverflow(text)
        | ArrowError::ParseError(text)
        | ArrowError::SchemaError(text) => text.clone(),
        other => other.to_string(),
    }
}

fn parquet(error: &ParquetError) -> String {
    match error {
        ParquetError::External(inner) => foreign(inner.as_ref()),
        other => other.to_string(),
    }
}

/// `Permission denied` rather than `Permission denied (os error 13)`.
fn plain_io(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

/// What DataFusion says of errors that it did not expect.
const NO_BUG: &str = "likely caused by a bug";

/// How the part of an error begins that tells a user what is wrong with a call.
const NO_FUNCTION: &str = "No function matches the given name and argument types";

/// Takes out what DataFusion writes around and between messages.
fn tidy(text: &str) -> String {
    const NOISE: [&str; 7] = [
        "Error during planning: ",
        "Execution error: ",
        "Arrow error: ",
        "External error: ",
        "SQL error: ",
        "Schema error: ",
        // Where a table is looked for when nothing is said about it.
        "datafusion.public.",
    ];
    let text = text.split("\n\nbacktrace: ").next().unwrap_or_default();
    // Some wrong types of arguments are called a bug in DataFusion, before what is wrong with them.
    let text = match (text.find(NO_BUG), text.find(NO_FUNCTION)) {
        (Some(bug), Some(at)) if bug < at => &text[at..],
        _ => text,
    };
    let mut text = text.trim_end().trim_end_matches('.').to_string();
    for noise in NOISE {
        text = text.replace(noise, "");
    }
    text
}

/// Adds `lines` to the line that a parser's message names, which counts from the statement's own first line.
pub fn shift_line(message: &str, lines: usize) -> String {
    const MARK: &str = "at Line: ";
    let Some(start) = message.rfind(MARK).map(|at| at + MARK.len()) else {
        return message.to_string();
    };
    let digits = message[start..]
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(message.len() - start);
    match message[start..start + digits].parse::<usize>() {
        Ok(line) => format!(
            "{}{}{}",
            &message[..start],
            line + lines,
            &message[start + digits..]
        ),
        Err(_) => message.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::Column;

    use super::*;

    fn text(error: DataFusionError) -> String {
        match Failure::from(error) {
            Failure::Error(text) => text,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_wrong_argument_is_no_bug_in_datafusion() {
        let error = "Internal error: Function 'avg' failed to match any signature.\nThis issue was likely caused \
                     by a bug in DataFusion's code. No function matches the given name and argument types \
                     'avg(Boolean)'. You might need to add explicit type casts.\n\tCandidate functions:\n\tavg(Float64)";
        let text = text(DataFusionError::Plan(error.into()));
        assert!(
            text.starts_with("No function matches") && text.ends_with("avg(Float64)"),
            "{text}"
        );
    }

    #[test]
    fn wrappers_and_prefixes_are_taken_off() {
        let inner = DataFusionError::Plan("Error during planning: no such table".into());
        let wrapped = DataFusionError::External(Box::new(DataFusionError::Context(
            "type_coercion".into(),
            Box::new(inner),
        )));
        assert_eq!(text(wrapped), "no such table");
    }

    #[test]
    fn a_backtrace_is_cut_off() {
        let error = DataFusionError::Execution("bad row\n\nbacktrace:    0: f\n   1: g".into());
        assert_eq!(text(error), "bad row");
    }

    #[test]
    fn an_error_of_the_file_system_has_no_number() {
        let error = DataFusionError::IoError(io::Error::from_raw_os_error(13));
        assert_eq!(text(error), "Permission denied");
    }

    #[test]
    fn an_unknown_column_is_named_among_the_known() {
        let column = |table: &str, name: &str| Column::new(Some(table.to_string()), name);
        let not_found = |valid_fields| {
            let field = Box::new(Column::new_unqualified("nope"));
            let error = SchemaError::FieldNotFound {
                field,
                valid_fields,
            };
            text(DataFusionError::SchemaError(
                Box::new(error),
                Box::new(None),
            ))
        };
        assert_eq!(
            not_found(vec![column("t", "a"), column("t", "b")]),
            "unknown column \"nope\"; known: a, b"
        );
        assert_eq!(
            not_found(vec![column("t", "a"), column("u", "a")]),
            "unknown column \"nope\"; known: t.a, u.a"
        );
        assert_eq!(not_found(vec![]), "unknown column \"nope\"");
    }

    #[test]
    fn line_of_a_parser_error_counts_from_the_file() {
        assert_eq!(
            shift_line("Expected: x at Line: 2, Column: 7", 10),
            "Expected: x at Line: 12, Column: 7"
        );
        assert_eq!(shift_line("no line", 10), "no line");
    }
}
