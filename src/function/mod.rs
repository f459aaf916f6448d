//! The functions that SELECT can call: one SQL function per file, this list, and what the files share.
//!
//! A new function is a new file and one line in [`AGGREGATES`] or [`SCALARS`]; registration, SHOW FUNCTIONS and the
//! test of documentation and examples walk these lists.

mod accuracy;
mod auc;
mod calibration_error;
mod gauc;
mod gauc_left_out;
mod hit_rate_at;
mod image_png;
mod log_loss;
mod macro_f1;
mod mae;
mod mrr_at;
mod ndcg_at;
mod normalized_entropy;
pub mod predict;
mod recall_at;
mod rmse;
mod torch_info;

mod additive;
mod aggregate;
mod classes;
mod distinct;
mod groups;
mod lists;
mod pairs;
mod parameter;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

use crate::environment::Environment;
use crate::error::{Error, Result};

const AGGREGATES: &[fn() -> AggregateUDF] = &[
    accuracy::function,
    auc::function,
    calibration_error::function,
    gauc::function,
    gauc_left_out::function,
    hit_rate_at::function,
    log_loss::function,
    macro_f1::function,
    mae::function,
    mrr_at::function,
    ndcg_at::function,
    normalized_entropy::function,
    recall_at::function,
    rmse::function,
];

const SCALARS: &[fn() -> ScalarUDF] = &[image_png::function, torch_info::function];

/// Every aggregate function of this crate, ready to be registered.
pub fn aggregates() -> Vec<Arc<AggregateUDF>> {
    AGGREGATES.iter().map(|f| Arc::new(f())).collect()
}

/// The aggregate function of that name.
///
/// # Errors
/// `Internal` when there is none.
pub fn aggregate(name: &str) -> Result<Arc<AggregateUDF>> {
    let found = aggregates().into_iter().find(|f| f.name() == name);
    found.ok_or_else(|| Error::internal(format!("there is no aggregate {name}")))
}

/// Every scalar function of this crate, ready to be registered; models are found in `environment`.
pub fn scalars(environment: &Arc<Environment>) -> Vec<Arc<ScalarUDF>> {
    let mut all: Vec<_> = SCALARS.iter().map(|f| Arc::new(f())).collect();
    all.push(Arc::new(predict::function(environment)));
    all
}

#[cfg(test)]
mod tests;
