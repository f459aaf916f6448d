//! `ml_alter('m', {rename_to => 'name' | default_version => n})`: what ALTER MODEL becomes.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use super::change;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::relation::call::Call;
use crate::store::ModelName;

/// Plans a call of ml_alter.
///
/// # Errors
/// `Plan` when it asks for nothing, or for two things.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(1, &["rename_to", "default_version"])?;
    let model = ModelName::parse_unversioned(&call.model()?)?.name;
    let store = environment.store(context.context_provider().options());
    match (call.text("rename_to")?, call.value("default_version")?) {
        (Some(to), None) => {
            let to = ModelName::parse_unversioned(&to)?.name;
            let about = format!("model={model}, rename_to={to}");
            change::plan("AlterModel", about, move || store.rename(&model, &to))
        }
        (None, Some(version)) => {
            let number = version.as_u64().filter(|&v| v > 0).ok_or_else(|| {
                Error::plan(format!(
                    "default_version: expected a whole number from 1, got {version}"
                ))
            })?;
            let about = format!("model={model}, default_version={number}");
            change::plan("AlterModel", about, move || {
                store.set_default(&model, number)
            })
        }
        _ => Err(Error::plan(
            "ml_alter needs one of rename_to and default_version",
        )),
    }
}
