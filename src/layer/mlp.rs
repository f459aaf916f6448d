//! Fully connected layers, each with ReLU and dropout.
//!
//! Shapes: B rows, F inputs, H units of the last layer.

use tch::Tensor;

use super::{Init, Mode, Path, dropout};
use crate::error::Result;

/// A stack of fully connected layers.
pub struct Mlp {
    layers: Vec<(Tensor, Tensor)>, // weight [in, out], bias [out]
    rate: f64,
}

impl Mlp {
    /// Layers of the given widths on `inputs` values a row; no width leaves the input as it is.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn new(path: &Path, inputs: i64, units: &[i64], rate: f64) -> Result<Self> {
        let mut layers = Vec::with_capacity(units.len());
        let mut fan_in = inputs;
        for (i, &width) in units.iter().enumerate() {
            let at = path / i;
            layers.push((
                at.weight("weight", &[fan_in, width], Init::He { fan_in })?,
                at.weight("bias", &[width], Init::Zeros)?,
            ));
            fan_in = width;
        }
        Ok(Self { layers, rate })
    }

    /// `x` is `[B, F]`; returns `[B, H]`.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.layers
            .iter()
            .fold(x.shallow_clone(), |h, (weight, bias)| {
                dropout(bias.addmm(&h, weight).relu_(), self.rate, mode)
            })
    }
}
