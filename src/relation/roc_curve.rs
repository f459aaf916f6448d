//! `ROC_CURVE(MODEL m, {TABLE t | (query)} [, task => ..] [, points => 100])`: what a binary task gets right
//! and wrong from one threshold on and another.
//!
//! Rows are counted by score and sorted, both of which DataFusion can do on disk; the last node walks down
//! the scores and keeps a fixed number of points.

use arrow::datatypes::DataType;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{LogicalPlan, cast, ident, lit};

use super::by_task::by_task;
use super::call::Call;
use super::labelled::Labelled;
use crate::environment::Environment;
use crate::error::Result;
use crate::feature::TaskKind;
use crate::metric::roc_curve::MAX_POINTS;
use crate::plan::roc_curve::curves;

/// Plans a call of ROC_CURVE.
///
/// # Errors
/// As [`Labelled::of_call`]; `Plan` for a number of points that can't be.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let points = call.whole_number("points", 2..=MAX_POINTS as u64)?;
    let is_binary = |kind: &TaskKind| matches!(kind, TaskKind::Binary);
    let (labelled, outcomes) =
        Labelled::of_call(call, &["points"], "binary", is_binary, environment, context)?;
    let rows = by_task(labelled.rows, &outcomes, |outcome| {
        let score = cast(outcome.predicted(), DataType::Float64);
        vec![("label", outcome.happened()), ("score", score)]
    })?;
    let positives = sum(cast(ident("label"), DataType::Int64));
    let counts = rows
        .filter(ident("label").is_not_null())?
        .aggregate(
            [ident("task"), ident("score")],
            [count(lit(1)).alias("rows"), positives.alias("positives")],
        )?
        .build()?;
    let tasks = outcomes.into_iter().map(|o| o.task).collect();
    curves(counts, tasks, points.unwrap_or(100) as usize)
}
