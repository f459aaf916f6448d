//! The Parquet files of a log: written under temporary names, published together or not at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::error::{Error, Result};

/// Names of the files of a log, in the order in which they are published.
pub(super) const FILES: [&str; 4] = [
    "users.parquet",
    "products.parquet",
    "truth.parquet",
    "log.parquet",
];
const ROW_GROUP_ROWS: usize = 100_000;

/// The output folder, checked to hold none of the files; removed again when it was made here and
/// nothing was published.
pub(super) struct Folder {
    path: PathBuf,
    made: bool,
    published: Vec<PathBuf>,
    complete: bool,
}

impl Folder {
    /// Makes the folder unless it exists.
    ///
    /// # Errors
    /// `Plan` when one of [`FILES`] is already there, `Io` when the folder cannot be made.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if let Some(name) = FILES.iter().find(|name| path.join(name).exists()) {
            return Err(already_there(&path.join(name)));
        }
        let made = !path.exists();
        fs::create_dir_all(path)
            .map_err(|e| Error::io(format!("cannot make the folder {}", path.display()), e))?;
        Ok(Self {
            path: path.to_path_buf(),
            made,
            published: Vec::new(),
            complete: false,
        })
    }

    /// Gives finished files their names.
    ///
    /// # Errors
    /// `Plan` when a file of that name has come up meanwhile, `Io` when renaming fails; nothing
    /// that this call published remains then.
    pub(super) fn publish(mut self, files: Vec<Finished>) -> Result<Vec<(PathBuf, u64)>> {
        let mut report = Vec::with_capacity(files.len());
        for mut file in files {
            let target = self.path.join(file.name);
            if target.exists() {
                return Err(already_there(&target));
            }
            fs::rename(&file.temporary.0, &target)
                .map_err(|e| Error::io(format!("cannot write {}", target.display()), e))?;
            file.temporary.0 = PathBuf::new();
            self.published.push(target.clone());
            report.push((target, file.bytes));
        }
        self.complete = true;
        Ok(report)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.complete {
            return;
        }
        // Nothing can be done about a failure here, and the first error matters more.
        for file in &self.published {
            let _ = fs::remove_file(file);
        }
        if self.made {
            let _ = fs::remove_dir(&self.path);
        }
    }
}

fn already_there(path: &Path) -> Error {
    Error::plan(format!(
        "{} already exists; datagen does not overwrite: choose another output folder or remove it",
        path.display()
    ))
}

/// A file that removes itself unless its path was taken away.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// A Parquet file being written under a temporary name.
pub(super) struct Table {
    // Fields drop in this order: the file is closed before it is removed.
    writer: ArrowWriter<File>,
    temporary: Temporary,
    name: &'static str,
}

/// A complete file that still has its temporary name.
pub(super) struct Finished {
    temporary: Temporary,
    name: &'static str,
    bytes: u64,
}

impl Table {
    /// Begins the file `name` of the folder for batches of the schema.
    ///
    /// # Errors
    /// `Io` when the file cannot be made.
    pub(super) fn create(folder: &Folder, name: &'static str, schema: &Schema) -> Result<Self> {
        let stem = name.trim_end_matches(".parquet");
        let path = folder
            .path
            .join(format!("{stem}.{}.parquet.tmp", std::process::id()));
        let file = File::create_new(&path)
            .map_err(|e| Error::io(format!("cannot write {}", path.display()), e))?;
        let temporary = Temporary(path);
        let options = ArrowWriterOptions::new()
            .with_properties(properties(schema))
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, schema.clone().into(), options)?;
        Ok(Self {
            writer,
            temporary,
            name,
        })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// `Io` when the disk refuses.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer
            .write(batch)
            .map_err(|e| file_error(&self.temporary.0, e))
    }

    /// Writes what is buffered and the footer.
    ///
    /// # Errors
    /// `Io` when the disk refuses.
    pub(super) fn finish(mut self) -> Result<Finished> {
        self.writer
            .finish()
            .map_err(|e| file_error(&self.temporary.0, e))?;
        Ok(Finished {
            bytes: self.writer.bytes_written() as u64,
            temporary: self.temporary,
            name: self.name,
        })
    }
}

/// Probabilities hardly repeat, and counters and times grow step by step: a dictionary would only
/// cost time and space there.
fn properties(schema: &Schema) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("sqltorch version ", env!("CARGO_PKG_VERSION")).to_string())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
    for field in schema.fields() {
        let encoding = match (field.name().as_str(), field.data_type()) {
            ("row_id" | "session_id" | "timestamp", _) => Encoding::DELTA_BINARY_PACKED,
            (name, DataType::Float32) if name != "relevance" => Encoding::BYTE_STREAM_SPLIT,
            _ => continue,
        };
        let column = ColumnPath::from(field.name().as_str());
        builder = builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, encoding);
    }
    builder.build()
}

/// The disk's own message where there is one.
fn file_error(path: &Path, error: ParquetError) -> Error {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(io) => Error::io(format!("cannot write {}", path.display()), *io),
            Err(other) => ParquetError::External(other).into(),
        },
        other => other.into(),
    }
}
