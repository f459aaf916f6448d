//! `max(x) OVER (ORDER BY y)` and its like are NULL until the first value, and rise then. DataFusion takes
//! them to be sorted with NULLs last, and leaves out sorts that are needed. Behind a projection that hides
//! what they are nothing is taken for sorted.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::error::Result;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, WindowFunctionDefinition,
};
use datafusion::optimizer::AnalyzerRule;

use super::as_is::as_is;

/// Hides the order of running aggregates that may be NULL.
#[derive(Debug)]
pub struct RunningExtremes;

impl AnalyzerRule for RunningExtremes {
    fn name(&self) -> &str {
        "running_extremes"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(hide).data()
    }
}

fn hide(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Window(window) = &plan else {
        return Ok(Transformed::no(plan));
    };
    let input = window.input.schema();
    let mut hidden = Vec::with_capacity(window.window_expr.len());
    for expr in &window.window_expr {
        hidden.push(is_aggregate(expr) && expr.nullable(input)?);
    }
    if !hidden.contains(&true) {
        return Ok(Transformed::no(plan));
    }
    let own = input.fields().len();
    let columns: Vec<_> = plan
        .schema()
        .columns()
        .into_iter()
        .enumerate()
        .map(|(i, column)| match i.checked_sub(own).map(|i| hidden[i]) {
            Some(true) => {
                let (relation, name) = (column.relation.clone(), column.name.clone());
                as_is(Expr::Column(column)).alias_qualified(relation, name)
            }
            _ => Expr::Column(column),
        })
        .collect();
    let plan = LogicalPlanBuilder::from(Arc::new(plan)).project(columns)?;
    Ok(Transformed::yes(plan.build()?))
}

fn is_aggregate(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_aggregate(&alias.expr),
        Expr::WindowFunction(function) => {
            let WindowFunction { fun, .. } = function.as_ref();
            matches!(fun, WindowFunctionDefinition::AggregateUDF(_))
        }
        _ => false,
    }
}
