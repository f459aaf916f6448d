//! `IS [NOT] DISTINCT FROM` where our dialect has made an operator of one token of it, since sqlparser 0.62
//! reads it with the wrong precedence. A session with DataFusion's own parser needs brackets around it.

use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Operator, binary_expr};
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Plans the operators.
#[derive(Debug)]
pub struct DistinctFrom;

impl ExprPlanner for DistinctFrom {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let operator = match &expr.op {
            BinaryOperator::Custom(text) if text == "IS DISTINCT FROM" => Operator::IsDistinctFrom,
            BinaryOperator::Custom(text) if text == "IS NOT DISTINCT FROM" => {
                Operator::IsNotDistinctFrom
            }
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let compared = binary_expr(expr.left, operator, expr.right);
        Ok(PlannerResult::Planned(compared))
    }
}
