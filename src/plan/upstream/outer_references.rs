//! A reference of a correlated subquery to a column of the query around it keeps that column's type and
//! nullability of when it was planned. A UNION gets the common type of its branches only later, by type
//! coercion, which then compares what the subquery has with the old type: a join of BIGINT with DECIMAL
//! ends in an internal error or finds no rows. Here such references learn what became of their columns.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;

/// Rounds of references and types: one for each level of subqueries in subqueries, and one to see that
/// nothing changes any more.
const MAX_ROUNDS: usize = 16;

/// The rule, for behind type coercion.
#[derive(Debug)]
pub struct RefreshOuterReferences;

impl AnalyzerRule for RefreshOuterReferences {
    fn name(&self) -> &str {
        "refresh_outer_references"
    }

    fn analyze(&self, mut plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        if !is_correlated(&plan)? {
            return Ok(plan);
        }
        for _ in 0..MAX_ROUNDS {
            let refreshed = refresh(plan, &[])?;
            plan = refreshed.data;
            if !refreshed.transformed {
                break;
            }
            plan = TypeCoercion::new().analyze(plan, config)?;
        }
        Ok(plan)
    }
}

/// Whether a subquery refers to the query around it.
fn is_correlated(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        let correlated =
            matches!(node, LogicalPlan::Subquery(s) if !s.outer_ref_columns.is_empty());
        found |= correlated;
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

/// `plan` with references that fit `outer`, the schemas of the queries around it, the nearest one last.
fn refresh(plan: LogicalPlan, outer: &[Arc<DFSchema>]) -> Result<Transformed<LogicalPlan>> {
    let plan = match plan {
        LogicalPlan::Subquery(subquery) => return refresh_subquery(subquery, outer),
        LogicalPlan::Join(mut join) => {
            // Only LATERAL refers to what stands left of it.
            let left = refresh(Arc::unwrap_or_clone(join.left), outer)?;
            let inner = with(outer, left.data.schema().clone());
            let right = refresh(Arc::unwrap_or_clone(join.right), &inner)?;
            join.left = Arc::new(left.data);
            join.right = Arc::new(right.data);
            let changed = left.transformed || right.transformed;
            Transformed::new_transformed(LogicalPlan::Join(join), changed)
        }
        other => other.map_children(|input| refresh(input, outer))?,
    };
    plan.transform_data(|plan| plan.map_expressions(|expr| refresh_columns(expr, outer)))?
        .transform_data(|plan| {
            let inner = with(outer, Arc::new(merge_schema(&plan.inputs())));
            plan.map_subqueries(|subquery| refresh(subquery, &inner))
        })
}

fn refresh_subquery(
    subquery: Subquery,
    outer: &[Arc<DFSchema>],
) -> Result<Transformed<LogicalPlan>> {
    let plan = refresh(Arc::unwrap_or_clone(subquery.subquery), outer)?;
    let mut changed = plan.transformed;
    let mut columns = Vec::with_capacity(subquery.outer_ref_columns.len());
    for column in subquery.outer_ref_columns {
        let column = refresh_columns(column, outer)?;
        changed |= column.transformed;
        columns.push(column.data);
    }
    let subquery = Subquery {
        subquery: Arc::new(plan.data),
        outer_ref_columns: columns,
        spans: subquery.spans,
    };
    Ok(Transformed::new_transformed(
        LogicalPlan::Subquery(subquery),
        changed,
    ))
}

fn refresh_columns(expr: Expr, outer: &[Arc<DFSchema>]) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| {
        let Expr::OuterReferenceColumn(old, column) = expr else {
            return Ok(Transformed::no(expr));
        };
        match find(&column, outer) {
            Some(new) if *new != *old => {
                Ok(Transformed::yes(Expr::OuterReferenceColumn(new, column)))
            }
            _ => Ok(Transformed::no(Expr::OuterReferenceColumn(old, column))),
        }
    })
}

/// The field of `column` in the nearest schema that has it.
fn find(column: &Column, outer: &[Arc<DFSchema>]) -> Option<arrow::datatypes::FieldRef> {
    outer.iter().rev().find_map(|schema| {
        let at = schema.maybe_index_of_column(column)?;
        Some(schema.field(at).clone())
    })
}

fn with(outer: &[Arc<DFSchema>], schema: Arc<DFSchema>) -> Vec<Arc<DFSchema>> {
    let mut schemas = outer.to_vec();
    schemas.push(schema);
    schemas
}
