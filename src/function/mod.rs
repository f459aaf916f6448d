//! The functions that SELECT can call.
//!
//! Aggregates are the metrics of [`metric::ALL`]: `aggregate` makes an SQL function of any of them, and there is a file
//! for each way to accumulate rows, by [`metric::Kind`]. Scalar functions have a file each and a line in [`SCALARS`].
//! Registration, SHOW FUNCTIONS and the test of documentation and examples walk these lists.

mod image_png;
mod predict;
mod torch_info;

mod accumulator;
mod aggregate;
mod call;
mod classes;
mod distinct;
mod groups;
mod lists;
mod ranking;
mod scored;
mod sums;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

use crate::environment::Environment;
use crate::metric;

pub use aggregate::aggregate;

const SCALARS: &[fn() -> ScalarUDF] = &[image_png::function, torch_info::function];

/// Every aggregate function of this crate, ready to be registered.
pub fn aggregates() -> Vec<AggregateUDF> {
    metric::ALL.iter().copied().map(aggregate).collect()
}

/// Every scalar function of this crate, ready to be registered; models are found in `environment`.
pub fn scalars(environment: &Arc<Environment>) -> Vec<Arc<ScalarUDF>> {
    let mut all: Vec<_> = SCALARS.iter().map(|f| Arc::new(f())).collect();
    all.push(Arc::new(predict::function(environment)));
    all
}

#[cfg(test)]
mod tests;
