//! `PREDICT(MODEL m, {TABLE t | (query)} [, tasks => [...]] [, device => ..] [, precision => ..]
//! [, batch_size => n])`: the query's columns and the model's predictions.

mod exec;
mod node;
mod prune;
mod refresh;
mod scalar;

pub use exec::{PredictExec, Prediction};
pub use node::PredictNode;
pub use prune::PruneTasks;
pub use refresh::RefreshModels;
pub use scalar::LiftPredict;

use datafusion::common::DFSchema;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan};
use serde_json::Value;

use super::call::Call;
use super::environment::Environment;
use super::settings::Settings;
use super::transform::{self, Planner, Statement};
use crate::device::{Choice, Precision};
use crate::error::{Error, Result};
use crate::store::{FittedModel, ModelName};

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
    call.allow(2, &["tasks", "device", "precision", "batch_size"])?;
    let config = context.context_provider().options().clone();
    let name = ModelName::parse(&call.model()?)?;
    let model = environment.store(&config).open(&name)?.predictor()?;
    let tasks = tasks(call, &model)?;
    let how = How::parse(call, &Settings::of(&config))?;
    let input = Call::plan_query(call.required_query(1)?, context)?;
    let features = bind(&model, input.schema(), &mut Statement(context))?;
    let outputs = model.outputs();
    let outputs = outputs.into_iter().filter(|o| tasks.contains(&o.task));
    let node = PredictNode::new(input, model, features, outputs.collect(), how)?;
    let node = node.pinned(name.version.is_some());
    Ok(LogicalPlan::Extension(Extension {
        node: std::sync::Arc::new(node),
    }))
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

    fn parse(call: &Call, settings: &Settings) -> Result<Self> {
        let mut how = Self::of(settings);
        if let Some(device) = call.text("device")? {
            device.parse::<Choice>()?;
            how.device = device;
        }
        if let Some(precision) = call.text("precision")? {
            precision.parse::<Precision>()?;
            how.precision = precision;
        }
        if let Some(rows) = call.whole_number("batch_size", 1..=MAX_BATCH)? {
            how.batch_size = Some(rows as usize);
        }
        Ok(how)
    }
}

/// The largest batch_size.
const MAX_BATCH: u64 = 1 << 20;

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
fn bind(model: &FittedModel, schema: &DFSchema, planner: &mut dyn Planner) -> Result<Vec<Expr>> {
    let derived = match &model.manifest().transform {
        Some(list) => transform::features(list, model, schema, planner)?,
        None => Vec::new(),
    };
    node::bind_features(model, schema, derived)
}
