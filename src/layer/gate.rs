//! Softmax gates over experts.
//!
//! Shapes: B rows, F inputs, G gates, E experts, H units of an expert.

use tch::{Kind, Tensor};

use super::{Init, Path};
use crate::error::Result;

/// G linear gates on one input, each a softmax over E experts.
pub struct Gates {
    weight: Tensor, // [F, G * E]
    bias: Tensor,   // [G * E]
    gates: i64,
    experts: i64,
}

impl Gates {
    /// `gates` gates over `experts` experts.
    ///
    /// # Errors
    /// As [`Path::weight`].
    pub fn new(path: &Path, inputs: i64, gates: i64, experts: i64) -> Result<Self> {
        let width = gates * experts;
        let init = Init::Lecun { fan_in: inputs };
        Ok(Self {
            weight: path.weight("weight", &[inputs, width], init)?,
            bias: path.weight("bias", &[width], Init::Zeros)?,
            gates,
            experts,
        })
    }

    /// Mixes the experts for each gate: `x` is `[B, F]`, `experts` `[E, B, H]`; returns `[G, B, H]`,
    /// of the gates in `only` (an i64 list) where given.
    pub fn mix(&self, x: &Tensor, experts: &Tensor, only: Option<&Tensor>) -> Tensor {
        let shares = self
            .bias
            .addmm(x, &self.weight)
            .view([-1, self.gates, self.experts]); // [B, G, E]
        let shares = match only {
            Some(only) => shares.index_select(1, only),
            None => shares,
        };
        let shares = shares.softmax(-1, Kind::Float).to_kind(x.kind());
        // One small product a row: [B, G, E] x [B, E, H].
        shares.bmm(&experts.transpose(0, 1)).transpose(0, 1)
    }
}
