//! Fully connected layers, each with ReLU and dropout.
//!
//! Shapes: B rows, F inputs, H units of the last layer.

use tch::Tensor;

use super::{Mode, ParallelMlp, Path, Reads};
use crate::error::Result;

/// A stack of fully connected layers.
pub struct Mlp(ParallelMlp);

impl Mlp {
    /// Layers of the given widths on `inputs` values a row; no width leaves the input as it is.
    ///
    /// # Errors
    /// As [`Path::matrix`].
    pub fn new(path: &Path, inputs: i64, units: &[i64], rate: f64) -> Result<Self> {
        ParallelMlp::new(path, 1, Reads::One, inputs, units, rate).map(Self)
    }

    /// `x` is `[B, F]`; returns `[B, H]`.
    ///
    /// # Errors
    /// As [`ParallelMlp::forward`].
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(self.0.forward(x, None, mode)?.f_squeeze_dim(0)?)
    }
}
