//! Aggregations by task: rows once for each task below one; `name_tasks` names the tasks above it.

use datafusion::functions::core::expr_fn::{get_field, named_struct};
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident, lit};

use super::labelled::Outcome;
use crate::error::Result;

/// The column with what is taken apart to rows.
const EACH: &str = "each";

/// `rows` once for each of `outcomes`: its position there as `task`, and what `values` makes of it. Columns
/// of one name have one type whatever the task.
///
/// # Errors
/// As DataFusion plans it.
pub fn by_task(
    rows: LogicalPlan,
    outcomes: &[Outcome],
    values: impl Fn(&Outcome) -> Vec<(&'static str, Expr)>,
) -> Result<LogicalPlanBuilder> {
    let rows = LogicalPlanBuilder::from(rows);
    let named = |(task, outcome)| {
        let task = [("task", lit(task))];
        task.into_iter().chain(values(outcome)).collect()
    };
    let tasks: Vec<Vec<(&str, Expr)>> = (0_i64..).zip(outcomes).map(named).collect();
    if let [one] = tasks.as_slice() {
        // Filters pass through it, down below the prediction.
        let values = one.iter().map(|(name, value)| value.clone().alias(*name));
        return Ok(rows.project(values)?);
    }
    let names = tasks.iter().take(1).flatten().map(|(name, _)| *name);
    let values: Vec<_> = names
        .map(|name| get_field(ident(EACH), name).alias(name))
        .collect();
    let structs = tasks.into_iter().map(|named| {
        let fields = named.into_iter();
        named_struct(
            fields
                .flat_map(|(name, value)| [lit(name), value])
                .collect(),
        )
    });
    let each = make_array(structs.collect()).alias(EACH);
    Ok(rows.project([each])?.unnest_column(EACH)?.project(values)?)
}
