//! DISTINCT becomes GROUP BY of all columns. DataFusion leaves it out where functional dependencies say
//! that rows are distinct already; they may say so wrongly (see [`super::dependencies`]), and can't be
//! forgotten in time, since the rule itself makes aggregates that bring new ones.

use datafusion::common::Column;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Distinct, Expr, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// Makes an aggregate of every DISTINCT that has columns. What is left, DISTINCT ON and DISTINCT of no
/// column, is DataFusion's.
#[derive(Debug)]
pub struct DistinctToAggregate;

impl OptimizerRule for DistinctToAggregate {
    fn name(&self) -> &str {
        "distinct_to_aggregate"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Distinct(Distinct::All(input)) if !input.schema().fields().is_empty() => {
                let columns = input.schema().iter().map(Column::from).map(Expr::Column);
                let columns = columns.collect();
                let aggregate = Aggregate::try_new(input, columns, Vec::new())?;
                Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
            }
            plan => Ok(Transformed::no(plan)),
        }
    }
}
