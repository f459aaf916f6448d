//! Parts that two or more architectures share. A layer has weights and a forward pass; it knows of
//! no task, file or statement.

mod dropout;
mod embedding;
mod experts;
mod gate;
mod mlp;
pub mod params;

pub use dropout::{Draws, Mode, dropout};
pub use embedding::Embedding;
pub use experts::ParallelMlp;
pub use gate::Gates;
pub use mlp::Mlp;
pub use params::{Init, Params, Path};
