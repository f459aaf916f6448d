//! CREATE MODEL of a generator.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use super::create_images;
use super::creation::Creation;
use super::environment::Environment;
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
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    constraint::plan(&statement.options.constraints, input.schema(), context)?;
    match design.makes {
        Makes::Images => create_images::plan(statement, input, environment, context),
        Makes::Rows => Err(Error::internal("no design makes rows yet")),
    }
}
