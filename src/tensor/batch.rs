//! Encoded rows as tensors.
//!
//! Shapes: B rows, C id columns, N numbers, T tasks.

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
    /// Copies `encoded` to `device`.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn new(encoded: &EncodedBatch, device: Device) -> Result<Self> {
        let rows = encoded.rows as i64;
        Ok(Self {
            ids: matrix(&encoded.ids, rows)?.f_to_device(device)?,
            numbers: matrix(&encoded.dense, rows)?.f_to_device(device)?,
        })
    }
}

/// The labels of `encoded`: `[B, T]` f32, NaN where the row is outside of a task's sample space.
///
/// # Errors
/// `Torch` when the device has no memory left.
pub fn labels(encoded: &EncodedBatch, device: Device) -> Result<Tensor> {
    Ok(matrix(&encoded.labels, encoded.rows as i64)?.f_to_device(device)?)
}

/// A row-major buffer as a matrix of `rows` rows.
fn matrix<E: tch::kind::Element>(values: &[E], rows: i64) -> Result<Tensor> {
    let columns = (values.len() as i64).checked_div(rows).unwrap_or(0);
    Ok(Tensor::f_from_slice(values)?.f_view([rows, columns])?)
}
