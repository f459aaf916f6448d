//! Constraints of generated rows: SQL conditions over their columns. As a CHECK of a table, one holds
//! where it is not false.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::kernels::boolean::and;
use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::{Error, Result};
use crate::plan::transform::{Planner, row_wise};
use crate::plan::upstream::expression_parser;

/// Plans constraints over the columns of `schema`.
///
/// # Errors
/// `Plan` when one is no condition over the columns of one row.
pub fn plan(texts: &[String], schema: &DFSchema, planner: &mut dyn Planner) -> Result<Vec<Expr>> {
    texts
        .iter()
        .map(|text| {
            let wrong = |e: String| Error::plan(format!("constraint {text:?}: {e}"));
            let mut parser = expression_parser(text).map_err(|e| wrong(e.to_string()))?;
            let parsed = parser.parse_expr().map_err(|e| wrong(e.to_string()))?;
            if parser.peek_token().token != Token::EOF {
                return Err(wrong(format!("expected its end after {parsed}")));
            }
            let planned = row_wise(parsed, schema, "constraints", planner)
                .map_err(|e| wrong(e.to_string()))?;
            match planned.get_type(schema).map_err(|e| wrong(e.to_string()))? {
                DataType::Boolean => Ok(planned),
                other => Err(wrong(format!("it gives {other}, not true or false"))),
            }
        })
        .collect()
}

/// A constraint ready to be evaluated.
#[derive(Debug)]
pub struct Constraint {
    /// As the statement has it.
    pub text: String,
    /// Over the generator's schema.
    pub condition: Arc<dyn PhysicalExpr>,
}

/// The rows of `batch` that keep all constraints; `broken` counts for each those that don't.
///
/// # Errors
/// As a condition can't be evaluated.
pub fn kept(
    constraints: &[Constraint],
    batch: &RecordBatch,
    broken: &mut [u64],
) -> Result<BooleanArray> {
    let rows = batch.num_rows();
    let mut kept = BooleanArray::from(vec![true; rows]);
    for (constraint, broken) in constraints.iter().zip(broken) {
        let value = constraint.condition.evaluate(batch)?.into_array(rows)?;
        let value = value.as_any().downcast_ref::<BooleanArray>();
        let value = value.ok_or_else(|| Error::internal("a constraint that is no condition"))?;
        let holds: BooleanArray = (0..rows)
            .map(|row| Some(value.is_null(row) || value.value(row)))
            .collect();
        *broken += (rows - holds.true_count()) as u64;
        kept = and(&kept, &holds)?;
    }
    Ok(kept)
}
