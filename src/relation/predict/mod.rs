//! `PREDICT(MODEL m, {TABLE t | (query)} [, tasks => [...]] [, device => ..])`: the query's columns and
//! the model's predictions.

mod exec;
mod node;
mod prune;
mod scalar;

pub use exec::{PredictExec, Prediction};
pub use node::PredictNode;
pub use prune::PruneTasks;
pub use scalar::LiftPredict;

use datafusion::common::DFSchema;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan};
use serde_json::Value;

use super::call::Call;
use super::environment::Environment;
use super::settings::Settings;
use super::transform;
use crate::device::Choice;
use crate::error::{Error, Result};
use crate::store::FittedModel;

/// Plans a call of PREDICT.
///
/// # Errors
/// `Plan` for an unknown model, task or option, a missing feature, a prediction column that the query
/// has already.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(2, &["tasks", "device"])?;
    let config = context.context_provider().options().clone();
    let model = environment.model(&config, &call.model()?)?;
    let tasks = tasks(call, &model)?;
    let device = call.text("device")?;
    let device = device.unwrap_or_else(|| Settings::of(&config).device);
    device.parse::<Choice>()?;
    let input = Call::plan_query(call.required_query(1)?, context)?;
    let features = bind(&model, input.schema(), context)?;
    let outputs = model.outputs();
    let outputs = outputs.into_iter().filter(|o| tasks.contains(&o.task));
    let node = PredictNode::new(input, model, features, outputs.collect(), device)?;
    Ok(LogicalPlan::Extension(Extension {
        node: std::sync::Arc::new(node),
    }))
}

/// The tasks that a call asks for, by position, rising.
fn tasks(call: &Call, model: &FittedModel) -> Result<Vec<usize>> {
    let Some(value) = call.value("tasks")? else {
        return Ok((0..model.manifest().tasks.len()).collect());
    };
    let names: Vec<String> = serde_json::from_value(match value {
        Value::String(_) => Value::Array(vec![value]),
        other => other,
    })
    .map_err(|_| Error::plan("option tasks: expected an array of task names"))?;
    if names.is_empty() {
        return Err(Error::plan(
            "option tasks: expected at least one task name, got []",
        ));
    }
    let mut tasks: Vec<_> = names
        .iter()
        .map(|name| model.task(name))
        .collect::<Result<_>>()?;
    tasks.sort_unstable();
    tasks.dedup();
    Ok(tasks)
}

/// An expression over `schema` for each input of the model's encoder.
fn bind(
    model: &FittedModel,
    schema: &DFSchema,
    context: &mut dyn RelationPlannerContext,
) -> Result<Vec<Expr>> {
    let derived = match &model.manifest().transform {
        Some(list) => transform::features(list, model, schema, context)?,
        None => Vec::new(),
    };
    node::bind_features(model, schema, derived)
}
