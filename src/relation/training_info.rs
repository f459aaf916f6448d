//! `TRAINING_INFO(MODEL m)`: a row per epoch, split and task.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use super::call::Call;
use super::only_model;
use crate::environment::Environment;
use crate::error::Result;
use crate::plan::rows::training_rows;

/// Plans a call of TRAINING_INFO.
///
/// # Errors
/// As [`only_model`].
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let model = only_model(call, environment, context)?;
    training_rows(model.name().version, &model.manifest().history).plan("training_info")
}
