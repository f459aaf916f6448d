//! Encoded rows as tensors.
//!
//! Shapes: B rows, C id columns, N numbers, T tasks.

use std::ops::Range;

use tch::{Device, Tensor};

use crate::error::Result;
use crate::feature::EncodedBatch;

/// A batch of encoded rows on the device of the model.
pub struct Batch {
    /// `[B, C]` i32: row numbers of the embedding table.
    pub ids: Tensor,
    /// `[B, N]` f32: standardised numbers.
    pub numbers: Tensor,
}

impl Batch {
    /// Copies some rows of `encoded` to `device`.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn rows(encoded: &EncodedBatch, rows: Range<usize>, device: Device) -> Result<Self> {
        Ok(Self {
            ids: matrix(&encoded.ids, encoded.rows, rows.clone())?.f_to_device(device)?,
            numbers: matrix(&encoded.dense, encoded.rows, rows)?.f_to_device(device)?,
        })
    }
}

/// The labels of some rows: `[B, T]` f32, NaN where a row is outside of a task's sample space.
///
/// # Errors
/// `Torch` when the device has no memory left.
pub fn labels(encoded: &EncodedBatch, rows: Range<usize>, device: Device) -> Result<Tensor> {
    Ok(matrix(&encoded.labels, encoded.rows, rows)?.f_to_device(device)?)
}

/// Some rows of a row-major buffer of `total` rows.
fn matrix<E: tch::kind::Element>(values: &[E], total: usize, rows: Range<usize>) -> Result<Tensor> {
    let columns = values.len().checked_div(total).unwrap_or(0);
    let part = &values[rows.start * columns..rows.end * columns];
    Ok(Tensor::f_from_slice(part)?.f_view([rows.len() as i64, columns as i64])?)
}
