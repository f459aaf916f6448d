//! What a model reads.

use tch::Tensor;

/// One batch, embedded.
pub struct Input {
    /// `[B, F]`, F = C * D + N, in the kind that products are computed in: the embeddings of the C ids
    /// of a row side by side, then its N numbers.
    pub flat: Tensor,
}
