//! `CALIBRATION(MODEL m, {TABLE t | (query)} [, task => ..] [, buckets => 10])`: how often a binary task
//! happens among rows of about the same probability.

use arrow::datatypes::DataType;
use datafusion::functions::core::expr_fn::least;
use datafusion::functions::math::expr_fn::nanvl;
use datafusion::functions_aggregate::expr_fn::{avg, count};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{LogicalPlan, cast, ident, lit};

use super::by_task::by_task;
use super::call::Call;
use super::labelled::Labelled;
use crate::environment::Environment;
use crate::error::Result;
use crate::feature::TaskKind;
use crate::plan::name_tasks::name_tasks;

/// Buckets at the most.
const MAX_BUCKETS: u64 = 10_000;

/// Plans a call of CALIBRATION: PREDICT and one aggregation by task and bucket.
///
/// # Errors
/// As [`Labelled::of_call`]; `Plan` for a number of buckets that can't be.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let buckets = call.whole_number("buckets", 1..=MAX_BUCKETS)?.unwrap_or(10) as f64;
    let is_binary = |kind: &TaskKind| matches!(kind, TaskKind::Binary);
    let (labelled, outcomes) = Labelled::of_call(
        call,
        &["buckets"],
        "binary",
        is_binary,
        environment,
        context,
    )?;
    let rows = by_task(labelled.rows, &outcomes, |outcome| {
        let p = cast(outcome.predicted(), DataType::Float64);
        vec![("label", outcome.happened()), ("p", p)]
    })?;
    // As in calibration_error: 1 is in the last bucket, NaN in the first.
    let place = least(vec![ident("p") * lit(buckets), lit(buckets - 1.0)]);
    let bucket = cast(nanvl(place, lit(0.0)), DataType::Int64).alias("bucket");
    let observed = avg(cast(ident("label"), DataType::Float64));
    let counts = rows
        .filter(ident("label").is_not_null())?
        .aggregate(
            [ident("task"), bucket],
            [
                count(lit(1)).alias("rows"),
                avg(ident("p")).alias("predicted"),
                observed.alias("observed"),
            ],
        )?
        .build()?;
    let tasks = outcomes.into_iter().map(|o| o.task).collect();
    name_tasks("Calibration", counts, 2, tasks)
}
