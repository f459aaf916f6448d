//! What a model reads.

use tch::Tensor;

use crate::error::Result;

/// One batch, embedded.
pub struct Input {
    /// `[B, F]`, F = C * D + N, in the kind that products are computed in: the embeddings of the C ids
    /// of a row side by side, then its N numbers.
    pub flat: Tensor,
    /// D.
    pub width: i64,
    /// `[B]` i64: the scenario of each row, 0 for one that training has not seen; none without
    /// scenario_col.
    pub scenario: Option<Tensor>,
}

impl Input {
    /// `[B, D]`: the embedding of id column `column`.
    ///
    /// # Errors
    /// `Torch` when libtorch fails.
    pub fn field(&self, column: usize) -> Result<Tensor> {
        Ok(self
            .flat
            .f_narrow(1, column as i64 * self.width, self.width)?)
    }
}
