//! Parts that two or more architectures share. A layer has weights and a forward pass; it knows of
//! no task, file or statement.

mod buffer;
mod conv;
mod dense;
mod dropout;
mod embedding;
mod experts;
mod gate;
mod kernel;
mod linear;
mod mlp;
pub mod params;
mod tape;

pub use buffer::{Seen, renew};
pub use conv::{Conv, Way, leaky_relu, max_pool};
pub use dense::Reads;
pub use dropout::dropout;
pub use embedding::Embedding;
pub use experts::ParallelMlp;
pub use gate::Gates;
pub use linear::Linear;
pub use mlp::Mlp;
pub use params::{Init, Params, Path};
pub use tape::{Mode, Tape, Workspace};
