//! Train and apply multi-task recommenders from SQL.
//!
//! Apache DataFusion reads the logs, libtorch learns from them. The modules stand in the order that
//! data takes: Parquet, rows, numbers, tensors, model, columns, SQL.
//!
//! Rules that a test holds: only the program knows clap; only [`tensor`] sees both Arrow's and
//! libtorch's arrays; a model has never heard of SQL, Parquet or files; [`train`] does not know which
//! architecture it trains; a plan node or function holds a handle to the store and never a tensor;
//! every inference takes its own `no_grad` guard; every weight has a name of its own.

mod error;

pub mod datagen;
mod device;
mod dialect;
mod engine;
mod feature;
mod function;
mod gan;
pub mod image;
mod layer;
mod locations;
mod metric;
mod model;
mod random;
mod relation;
mod store;
mod tensor;
mod train;

pub use dialect::{ALL as STATEMENTS, Piece, Statement, split_statements};
pub use engine::{Engine, EngineBuilder, register_all};
pub use error::{Error, Result};
pub use train::{Progress, TrainingEvent};

/// The versions of this crate and of the libraries it stands on, by name.
pub fn versions() -> Vec<(&'static str, String)> {
    vec![
        ("sqltorch", env!("CARGO_PKG_VERSION").to_string()),
        ("datafusion", datafusion::DATAFUSION_VERSION.to_string()),
        ("arrow", arrow::ARROW_VERSION.to_string()),
        ("libtorch", device::version()),
    ]
}
