//! `ml_drop('m' [, if_exists => true])`: what DROP MODEL becomes.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use super::change;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::relation::call::Call;
use crate::store::ModelName;

/// Plans a call of ml_drop.
///
/// # Errors
/// `Plan` for a name that can't be a model's.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(1, &["if_exists"])?;
    let model = ModelName::parse(&call.model()?)?;
    let if_exists = call.flag("if_exists")?;
    let store = environment.store(context.context_provider().options());
    let about = format!("model={model}, if_exists={if_exists}");
    change::plan("DropModel", about, move || match store.remove(&model) {
        Err(Error::Plan(_)) if if_exists => Ok(()),
        result => result,
    })
}
