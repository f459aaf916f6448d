//! The crate's error, and how each kind becomes a `DataFusionError`.

use std::fmt;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use parquet::errors::ParquetError;
use tch::TchError;

/// Result of everything in this crate that does not stand directly behind a DataFusion trait.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, by what a user can do about it.
#[derive(Debug)]
pub enum Error {
    /// A wrong name, column, option or type: the statement has to change.
    Plan(String),
    /// Bad data met while running: the rows have to change.
    Execution(String),
    /// Not enough memory, disk or GPU.
    Resources(String),
    /// Reading or writing a file failed; `what` names the file and what was being done.
    Io {
        what: String,
        source: std::io::Error,
    },
    /// libtorch refused; the first line of its message.
    Torch(String),
    /// Arrow or Parquet refused.
    Arrow(ArrowError),
    /// The statement was cancelled before it ended.
    Cancelled,
    /// A defect of this crate.
    Internal(String),
    /// An error that already is DataFusion's, passed on as it is.
    DataFusion(Box<DataFusionError>),
}

impl Error {
    /// A wrong name, column, option or type.
    pub fn plan(message: impl Into<String>) -> Self {
        Self::Plan(message.into())
    }

    /// Bad data met while running.
    pub fn execution(message: impl Into<String>) -> Self {
        Self::Execution(message.into())
    }

    /// Not enough memory, disk or GPU.
    pub fn resources(message: impl Into<String>) -> Self {
        Self::Resources(message.into())
    }

    /// A defect of this crate.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    /// A file could not be read or written; `what` says which and what for.
    pub fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }

    /// The statement was cancelled.
    pub fn cancelled() -> Self {
        Self::Cancelled
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(m)
            | Self::Execution(m)
            | Self::Resources(m)
            | Self::Torch(m)
            | Self::Internal(m) => f.write_str(m),
            Self::Io { what, source } => write!(f, "{what}: {source}"),
            Self::Arrow(e) => write!(f, "{e}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::DataFusion(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Arrow(e) => Some(e),
            Self::DataFusion(e) => Some(e.as_ref()),
            _ => None,
        }
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        match error {
            Error::Plan(m) => DataFusionError::Plan(m),
            Error::Execution(m) => DataFusionError::Execution(m),
            Error::Resources(m) => DataFusionError::ResourcesExhausted(m),
            Error::Cancelled => DataFusionError::Execution("cancelled".into()),
            Error::Internal(m) => DataFusionError::Internal(m),
            Error::Arrow(e) => DataFusionError::ArrowError(Box::new(e), None),
            Error::DataFusion(e) => *e,
            e @ (Error::Io { .. } | Error::Torch(_)) => DataFusionError::External(Box::new(e)),
        }
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Self::DataFusion(Box::new(error))
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

impl From<ParquetError> for Error {
    fn from(error: ParquetError) -> Self {
        Self::Arrow(ArrowError::from(error))
    }
}

impl From<TchError> for Error {
    /// A C++ message carries its stack: the first line is what a user can read.
    fn from(error: TchError) -> Self {
        let text = match error {
            TchError::Torch(message) => message,
            other => other.to_string(),
        };
        Self::Torch(text.lines().next().unwrap_or_default().to_string())
    }
}
