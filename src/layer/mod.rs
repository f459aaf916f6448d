//! Parts that two or more architectures share. A layer has weights and a forward pass; it knows of
//! no task, file or statement.

mod embedding;
mod experts;
mod gate;
mod mlp;
pub mod params;

pub use embedding::Embedding;
pub use experts::ParallelMlp;
pub use gate::Gates;
pub use mlp::Mlp;
pub use params::{Init, Params, Path};

use tch::Tensor;

/// What a forward pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Dropout is on.
    Train,
    /// Every unit takes part.
    Apply,
}

/// Inverted dropout: in training, zeroes each element with probability `rate` and scales the rest by
/// `1 / (1 - rate)`. N. Srivastava et al., "Dropout", JMLR 15, 2014.
pub fn dropout(x: Tensor, rate: f64, mode: Mode) -> Tensor {
    match mode {
        Mode::Train if rate > 0. => x.dropout(rate, true),
        _ => x,
    }
}
