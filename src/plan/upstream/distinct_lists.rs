//! `(array_agg(DISTINCT x ORDER BY x))[2]` is the second of the distinct values. DataFusion plans it as
//! `nth_value`, which knows no DISTINCT, so that an element of a list of distinct values is planned here.

use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::functions_nested::expr_fn::array_element;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, GetFieldAccess};

/// Plans elements of lists of distinct values; it must stand before DataFusion's own planners.
#[derive(Debug)]
pub struct DistinctLists;

impl ExprPlanner for DistinctLists {
    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let distinct = matches!(&expr.expr, Expr::AggregateFunction(call) if call.params.distinct);
        Ok(match expr.field_access {
            GetFieldAccess::ListIndex { key } if distinct => {
                PlannerResult::Planned(array_element(expr.expr, *key))
            }
            field_access => PlannerResult::Original(RawFieldAccessExpr {
                field_access,
                expr: expr.expr,
            }),
        })
    }
}
