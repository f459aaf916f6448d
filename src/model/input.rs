//! What a model reads.

use tch::Tensor;

/// One batch, embedded.
pub struct Input {
    /// `[B, C, D]`: the embedding of every id column.
    pub fields: Tensor,
    /// `[B, N]`: standardised numbers.
    pub numbers: Tensor,
}

impl Input {
    /// Everything side by side: `[B, F]`, F = C * D + N.
    pub fn flat(&self) -> Tensor {
        let fields = self.fields.flatten(1, -1);
        if self.numbers.size()[1] == 0 {
            return fields;
        }
        Tensor::cat(&[fields, self.numbers.to_kind(self.fields.kind())], 1)
    }
}
