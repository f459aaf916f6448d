//! `FEATURE_INFO(MODEL m)`: what each column of the query became, and why.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use super::call::Call;
use super::only_model;
use crate::environment::Environment;
use crate::error::Result;
use crate::plan::rows::Rows;

/// Plans a call of FEATURE_INFO.
///
/// # Errors
/// As [`only_model`].
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let model = only_model(call, environment, context)?;
    let manifest = model.manifest();
    let rows = match &manifest.generator {
        None => manifest.encoder.feature_info(),
        Some(generator) => generator.feature_info(),
    };
    let count = |n: Option<u64>| n.map(|n| n as i64);
    Rows::new()
        .text("column", rows.iter().map(|r| Some(&r.column)))
        .text("data_type", rows.iter().map(|r| Some(&r.data_type)))
        .text("role", rows.iter().map(|r| Some(&r.role)))
        .text("encoding", rows.iter().map(|r| Some(&r.encoding)))
        .int("distinct", rows.iter().map(|r| count(r.distinct)))
        .int("nulls", rows.iter().map(|r| count(r.nulls)))
        .text("reason", rows.iter().map(|r| Some(&r.reason)))
        .plan("feature_info")
}
