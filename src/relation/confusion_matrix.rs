//! `CONFUSION_MATRIX(MODEL m, {TABLE t | (query)} [, task => ..] [, threshold => 0.5])`: how often which
//! label came with which prediction, a row for each pair that occurs.

use arrow::datatypes::DataType;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, LogicalPlan, cast, ident, lit};

use super::by_task::by_task;
use super::call::Call;
use super::labelled::{Labelled, Outcome};
use crate::environment::Environment;
use crate::error::Result;
use crate::feature::TaskKind;
use crate::plan::name_tasks::name_tasks;

/// Plans a call of CONFUSION_MATRIX: PREDICT and one aggregation by task, label and prediction.
///
/// # Errors
/// As [`Labelled::of_call`]; `Plan` for a threshold outside of 0 to 1.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let threshold = call.fraction("threshold")?.unwrap_or(0.5);
    let has_classes = |kind: &TaskKind| !matches!(kind, TaskKind::Regression(_));
    let kinds = "binary and multi-class";
    let (labelled, outcomes) = Labelled::of_call(
        call,
        &["threshold"],
        kinds,
        has_classes,
        environment,
        context,
    )?;
    let rows = by_task(labelled.rows, &outcomes, |outcome| {
        let (expected, predicted) = classes(outcome, threshold);
        vec![("expected", expected), ("predicted", predicted)]
    })?;
    let keys = ["task", "expected", "predicted"];
    let counts = rows
        .filter(ident("expected").is_not_null())?
        .aggregate(keys.map(ident), [count(lit(1)).alias("rows")])?
        .build()?;
    let tasks = outcomes.into_iter().map(|o| o.task).collect();
    name_tasks("ConfusionMatrix", counts, keys.len(), tasks)
}

/// What happened and what was predicted, as text.
fn classes(outcome: &Outcome, threshold: f64) -> (Expr, Expr) {
    match outcome.kind {
        TaskKind::Binary => {
            // As the data has it: 0 and 1, or false and true.
            let shown = |yes: Expr| {
                let label = match &outcome.label_type {
                    DataType::Boolean => yes,
                    other => cast(cast(yes, DataType::Int64), other.clone()),
                };
                cast(label, DataType::Utf8)
            };
            let yes = outcome.predicted().gt_eq(lit(threshold));
            (shown(outcome.happened()), shown(yes))
        }
        _ => {
            let shown = |class: Expr| cast(class, DataType::Utf8);
            (shown(outcome.label.clone()), shown(outcome.predicted()))
        }
    }
}
