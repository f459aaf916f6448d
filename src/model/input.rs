//! What a model reads.

use tch::Tensor;

use crate::error::Result;

/// One batch, embedded.
pub struct Input {
    /// `[B, F]`, in the kind that products are computed in: the embeddings of the C ids of a row side by
    /// side, then its N numbers, then what the interaction adds.
    pub flat: Tensor,
    /// The same for each task with its own embeddings of the ids; empty but for architectures that ask for
    /// them.
    pub own: Vec<Tensor>,
    /// The C ids' embeddings before the interaction, `[B, >= C * D]`.
    pub embedded: Tensor,
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
        let from = column as i64 * self.width;
        Ok(self.embedded.f_narrow(1, from, self.width)?)
    }
}
