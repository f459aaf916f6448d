//! PREDICT as a plan: the rows of another plan with a model's predictions.

mod exec;
mod node;
mod prune;
mod refresh;
mod scalar;

pub use exec::{PredictExec, Prediction};
pub use node::PredictNode;
pub use prune::PruneTasks;
pub use refresh::RefreshModels;
pub use scalar::{LiftPredict, SCALAR};

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan};

use super::transform::{self, Planner};
use crate::environment::settings::Settings;
use crate::error::Result;
use crate::store::FittedModel;

/// The rows of `input` with what `model` predicts for `tasks`, positions that rise. `pinned` is whether
/// it is to be this very version also in a view that outlives it; `planner` plans the model's TRANSFORM.
///
/// # Errors
/// `Plan` for a feature that is missing, and a prediction column that `input` has already.
pub fn over(
    input: LogicalPlan,
    model: &FittedModel,
    tasks: &[usize],
    how: How,
    pinned: bool,
    planner: &mut dyn Planner,
) -> Result<LogicalPlan> {
    let features = bind(model, input.schema(), planner)?;
    let outputs = model.outputs()?.into_iter();
    let outputs = outputs.filter(|o| tasks.contains(&o.task)).collect();
    let node = PredictNode::new(input, model.name().clone(), features, outputs, how)?;
    let node = Arc::new(node.pinned(pinned));
    Ok(LogicalPlan::Extension(Extension { node }))
}

/// How a prediction is computed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct How {
    /// Where the network runs.
    pub device: String,
    /// What its products are computed in.
    pub precision: String,
    /// Rows that go through it at once; what suits the device when not given.
    pub batch_size: Option<usize>,
}

impl How {
    /// As the session says.
    pub fn of(settings: &Settings) -> Self {
        Self {
            device: settings.device.clone(),
            precision: settings.precision.clone(),
            batch_size: None,
        }
    }
}

/// An expression over `schema` for each input of the model's encoder.
fn bind(model: &FittedModel, schema: &DFSchema, planner: &mut dyn Planner) -> Result<Vec<Expr>> {
    let derived = match &model.manifest().transform {
        Some(list) => transform::features(list, model, schema, planner)?,
        None => Vec::new(),
    };
    node::bind_features(model, schema, derived)
}
