//! Trained models by name and version: a folder each, published by one atomic rename.
//!
//! ```text
//! models/.lock                     held while the catalog changes; empty
//! models/.checkpoint-ranker        where a training goes on that was interrupted
//! models/ranker/default            the default version and its checksum
//! models/ranker/1/manifest.json    options, features, layout, metrics, library versions, and the
//!                                  names of the files beside it
//! models/ranker/1/weights.safetensors
//! models/ranker/1/vocabulary.parquet
//! models/ranker/1/SHA256SUMS       a checksum of each of these, and of itself
//! ```
//!
//! What is read goes through [`files::Files`]; what is written is written to a folder of this machine.
//! Plans hold a [`ModelRef`], which opens its version again where they run.

mod cache;
mod catalog;
mod checkpoint;
mod checksum;
mod draft;
mod files;
mod generator;
mod images;
mod manifest;
mod model;
mod name;
mod output;
mod reference;
mod replica;
mod stores;

pub use catalog::{Store, taken};
pub use checkpoint::CheckpointFile;
pub use draft::{Draft, Part};
pub use generator::{Draw, GeneratorSpec, LoadedGenerator, Wanted};
pub use images::{ImageJudge, ImageMaker, PinnedClassifier, PixelColumn};
pub use manifest::{FORMAT_VERSION, Manifest, StoredScore};
pub use model::{FittedModel, Loaded};
pub use name::ModelName;
pub use output::OutputColumn;
pub use reference::ModelRef;
pub use stores::Stores;

#[cfg(test)]
mod tests;
