//! `PREDICT(MODEL m, {TABLE t | (query)} [, tasks => [...]] [, device => ..] [, precision => ..]
//! [, batch_size => n])`: the query's columns and the model's predictions.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;
use serde_json::Value;

use super::call::Call;
use crate::device::{Choice, Precision};
use crate::environment::Environment;
use crate::environment::settings::Settings;
use crate::error::{Error, Result};
use crate::plan::predict::{self, How};
use crate::plan::transform::Statement;
use crate::store::{FittedModel, ModelName};

/// The largest batch_size.
const MAX_BATCH: u64 = 1 << 20;

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
    let how = how(call, &Settings::of(&config))?;
    let input = Call::plan_query(call.required_query(1)?, context)?;
    let pinned = name.version.is_some();
    predict::over(input, &model, &tasks, how, pinned, &mut Statement(context))
}

/// As the call says, or else the session.
fn how(call: &Call, settings: &Settings) -> Result<How> {
    let mut how = How::of(settings);
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
