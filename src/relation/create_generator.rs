//! CREATE MODEL of a generator.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use super::creation::Creation;
use super::generate::constraint;
use crate::error::{Error, Result};
use crate::gan::{Design, Makes};

/// Plans a CREATE MODEL of `design` over `input`.
///
/// # Errors
/// `Plan` for whatever in the statement can't work.
pub fn plan(
    design: &'static Design,
    statement: Creation,
    input: LogicalPlan,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    constraint::plan(&statement.options.constraints, input.schema(), context)?;
    match design.makes {
        Makes::Rows => Err(Error::internal("no design makes rows yet")),
    }
}
