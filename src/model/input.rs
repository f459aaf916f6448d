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
    /// The lists of the rows, embedded.
    pub lists: Vec<EmbeddedList>,
    /// D.
    pub width: i64,
    /// `[B]` i64: the scenario of each row, 0 for one that training has not seen; none without
    /// scenario_col.
    pub scenario: Option<Tensor>,
}

/// A list of ids a row, embedded.
pub struct EmbeddedList {
    /// `[B + 1]` i64: where the list of each row begins among the values, and where the last one ends.
    pub offsets: Tensor,
    /// `[V, D]`: the embeddings of all values, one behind the other; as wide as a row of the table.
    pub values: Tensor,
}

impl EmbeddedList {
    /// The same once more, sharing memory.
    pub fn share(&self) -> Self {
        Self {
            offsets: self.offsets.shallow_clone(),
            values: self.values.shallow_clone(),
        }
    }
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
