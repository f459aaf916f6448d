//! One embedding table for all id columns.
//!
//! Shapes: B rows, C id columns, R rows of the table, D embedding width, N numbers, F = C * D + N.

use half::bf16;
use tch::{Device, Kind, Tensor};

use super::kernel::gather::gather;
use super::{Init, Mode, Path};
use crate::error::Result;
use crate::tensor::memory::{as_mut_slice, as_slice};

/// The rows of all columns' ids in one table; the encoder has added each column's offset already, so
/// that one gather serves all columns.
pub struct Embedding {
    table: Tensor, // [R, D], f32
    width: i64,
    /// What the rest of the network computes in.
    kind: Kind,
}

impl Embedding {
    /// A table of `rows` rows of `width` values that begin with standard deviation `std`.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn new(path: &Path, rows: i64, width: i64, std: f64) -> Result<Self> {
        Ok(Self {
            table: path.weight("table", &[rows, width], Init::Normal { std })?,
            width,
            kind: path.products(),
        })
    }

    /// For each row the embeddings of its ids, then its numbers: `ids` is `[B, C]` i32, `numbers`
    /// `[B, N]` f32; returns `[B, F]`.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn gather(&self, ids: &Tensor, numbers: &Tensor, mode: Mode) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let (rows, columns) = (ids.size()[0], ids.size()[1]);
        let total = columns * self.width + numbers.size()[1];
        if self.table.device() != Device::Cpu {
            let fields = self
                .table
                .f_index_select(0, &ids.f_flatten(0, -1)?)?
                .f_view([rows, columns * self.width])?;
            return Ok(Tensor::f_cat(&[&fields, numbers], 1)?.f_to_kind(self.kind)?);
        }
        let mut out = mode.workspace().take(&[rows, total], self.kind)?;
        let (rows, width) = (rows as usize, self.width as usize);
        // SAFETY: the buffer is this pass's own, nobody writes to a batch, and no optimizer steps during a pass.
        unsafe {
            let (table, ids, numbers) =
                (as_slice(&self.table)?, as_slice(ids)?, as_slice(numbers)?);
            match self.kind {
                Kind::BFloat16 => {
                    let out = as_mut_slice::<bf16>(&mut out)?;
                    gather(table, width, ids, numbers, rows, out);
                }
                _ => {
                    let out = as_mut_slice::<f32>(&mut out)?;
                    gather(table, width, ids, numbers, rows, out);
                }
            }
        }
        Ok(out)
    }

    /// The embeddings of ids, `[V]` i32, one behind the other: `[V, D]`.
    ///
    /// # Errors
    /// As [`Embedding::gather`].
    pub fn rows(&self, ids: &Tensor, mode: Mode) -> Result<Tensor> {
        let numbers = Tensor::f_zeros([ids.size()[0], 0], (Kind::Float, ids.device()))?;
        self.gather(&ids.f_unsqueeze(1)?, &numbers, mode)
    }

    /// The table itself, `[R, D]`, sharing memory.
    pub fn table(&self) -> Tensor {
        self.table.shallow_clone()
    }
}
