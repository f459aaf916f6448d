//! `ml_options()`: what CREATE MODEL can be told, with the defaults.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use crate::environment::Environment;
use crate::error::Result;
use crate::plan::options;
use crate::plan::rows::Rows;
use crate::relation::call::Call;

/// Plans a call of ml_options.
///
/// # Errors
/// `Plan` for an argument: it takes none.
pub fn plan(
    call: &Call,
    _: &Environment,
    _: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(0, &[])?;
    let all = options::ALL;
    Rows::new()
        .text("option", all.iter().map(|o| Some(o.name)))
        .text(
            "default",
            all.iter()
                .map(|o| o.default().as_ref().map(options::to_sql)),
        )
        .text("summary", all.iter().map(|o| Some(o.summary)))
        .plan("options")
}
