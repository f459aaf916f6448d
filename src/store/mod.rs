//! Trained models by name and version: a folder each, published by one atomic rename.
//!
//! ```text
//! models/.lock                     held while the catalog changes; empty
//! models/.checkpoint-ranker        where a training goes on that was interrupted
//! models/ranker/default            the default version and its checksum
//! models/ranker/1/manifest.json    options, features, layout, metrics, library versions
//! models/ranker/1/weights.safetensors
//! models/ranker/1/vocabulary.parquet
//! models/ranker/1/SHA256SUMS       a checksum of each of these, and of itself
//! ```

mod cache;
mod catalog;
mod checkpoint;
mod checksum;
mod draft;
mod generator;
mod images;
mod manifest;
mod model;
mod name;
mod output;
mod replica;

pub use catalog::{Store, taken};
pub use checkpoint::CheckpointFile;
pub use draft::Draft;
pub use generator::{Draw, GeneratorSpec, LoadedGenerator, Wanted};
pub use images::{ImageJudge, ImageMaker, PinnedClassifier, PixelColumn};
pub use manifest::{FORMAT_VERSION, Manifest, StoredScore};
pub use model::{FittedModel, Loaded};
pub use name::ModelName;
pub use output::OutputColumn;
