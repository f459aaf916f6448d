//! `ml_model_types()`: what SHOW MODEL TYPES becomes.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use crate::environment::Environment;
use crate::error::Result;
use crate::gan;
use crate::model;
use crate::plan::rows::Rows;
use crate::relation::call::Call;

/// Plans a call of ml_model_types.
///
/// # Errors
/// `Plan` for an argument: it takes none.
pub fn plan(
    call: &Call,
    _: &Environment,
    _: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(0, &[])?;
    let predictors = model::ALL.iter();
    let mut all: Vec<_> = predictors
        .map(|a| {
            let kind = match a.needs.contains(&model::Need::Images) {
                true => "image predictor",
                false => "predictor",
            };
            (a.name, kind, a.summary, a.paper)
        })
        .collect();
    all.extend(
        gan::ALL
            .iter()
            .map(|d| (d.name, "generator", d.summary, d.paper)),
    );
    Rows::new()
        .text("model_type", all.iter().map(|t| Some(t.0)))
        .text("kind", all.iter().map(|t| Some(t.1)))
        .text("summary", all.iter().map(|t| Some(t.2)))
        .text("paper", all.iter().map(|t| Some(t.3)))
        .plan("model_types")
}
