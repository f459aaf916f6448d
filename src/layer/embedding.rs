//! One embedding table for all id columns.
//!
//! Shapes: B rows, C id columns, R rows of the table, D embedding width.

use tch::Tensor;

use super::{Init, Path};
use crate::error::Result;

/// The rows of all columns' ids in one table; the encoder has added each column's offset already, so
/// that one gather serves all columns.
pub struct Embedding {
    table: Tensor, // [R, D]
    width: i64,
}

impl Embedding {
    /// A table of `rows` rows of `width` values that begin with standard deviation `std`.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn new(path: &Path, rows: i64, width: i64, std: f64) -> Result<Self> {
        let table = path.weight("table", &[rows, width], Init::Normal { std })?;
        Ok(Self { table, width })
    }

    /// The rows of `ids`, `[B, C]` i32, as `[B, C, D]`.
    pub fn gather(&self, ids: &Tensor) -> Tensor {
        let (rows, columns) = (ids.size()[0], ids.size()[1]);
        self.table
            .index_select(0, &ids.flatten(0, -1))
            .view([rows, columns, self.width])
    }

    /// The table itself, `[R, D]`, sharing memory.
    pub fn table(&self) -> Tensor {
        self.table.shallow_clone()
    }
}
