//! Train and apply multi-task recommenders from SQL.
//!
//! Apache DataFusion reads the logs, libtorch learns from them. What stands lower in this list is used by what stands
//! higher, never the other way round; `tests/it/layering.rs` holds that, and which packages a module may name:
//!
//! - `engine` wires everything, with `locations`; the program's `cli` sees the public names below and nothing else, and
//!   is alone in knowing clap
//! - [`dialect`] turns our SQL into calls
//! - [`statement`] does what the calls do that statements become, [`relation`] is what FROM can call, [`function`] what
//!   SELECT can
//! - [`plan`] has our nodes, what runs them, and the rules over plans; `plan::upstream` goes round wrong answers
//! - [`environment`] is what a session shares: settings, stores, who hears of progress
//! - [`store`] keeps models in files, and applies them to Arrow's columns: the one place that sees Arrow's and libtorch's
//!   arrays
//! - [`train`] learns, and does not know which architecture
//! - [`gan`] and [`model`] are architectures, which have never heard of SQL, Parquet or files; [`layer`] is what they
//!   share
//! - [`tensor`] is encoded rows as tensors
//! - [`feature`] encodes columns as numbers; [`datagen`] makes up a log
//! - [`device`], [`image`], [`metric`], `random` and `error` stand alone
//!
//! A plan node or function holds a handle to the store and never a tensor; every inference takes its own `no_grad`
//! guard; every weight has a name of its own.

mod error;

pub mod datagen;
mod device;
mod dialect;
mod engine;
mod environment;
mod feature;
mod function;
mod gan;
pub mod image;
mod layer;
mod locations;
mod metric;
mod model;
mod plan;
mod random;
mod relation;
mod statement;
mod store;
mod tensor;
mod train;

pub use dialect::{ALL as STATEMENTS, Piece, Statement, split_statements};
pub use engine::{Engine, EngineBuilder, register_all};
pub use environment::versions;
pub use error::{Error, Result};
pub use train::{Progress, TrainingEvent};
