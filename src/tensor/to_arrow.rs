//! Model outputs as Arrow columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array};
use tch::{Kind, Tensor};

use crate::error::Result;

/// A `[B]` or `[B, 1]` tensor of any float kind as a FLOAT column of B values.
///
/// # Errors
/// `Torch` when the values can't be brought to the CPU.
pub fn float_column(values: &Tensor) -> Result<ArrayRef> {
    let values = values
        .f_to_device(tch::Device::Cpu)?
        .f_to_kind(Kind::Float)?
        .f_contiguous()?;
    let mut column = vec![0f32; values.numel()];
    values.f_copy_data(&mut column, values.numel())?;
    Ok(Arc::new(Float32Array::from(column)))
}
