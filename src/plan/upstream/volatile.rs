//! A volatile expression is evaluated once for each row of the node where it is written. DataFusion moves
//! filters below aggregates, windows and other nodes, and writes a group's key into a filter that it
//! moves, without a look at volatility: `WHERE k` over `GROUP BY random() < 0.5` draws anew, and
//! `WHERE random() < 0.1` over groups leaves out rows of groups. Filters stay above a projection's volatile
//! columns, so that here such expressions become columns of a projection.
//!
//! The same for conditions that name no column: below an aggregate they take its rows away, and a total
//! over no rows is a row still; below a statement of ours they take away what it is about. One that is
//! never true, NULL or FALSE, leaves nothing of its node.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::utils::{conjunction, split_conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Aggregate, EmptyRelation, Expr, Filter, LogicalPlan, LogicalPlanBuilder,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// Computes volatile keys of groups and volatile conditions in a projection below.
#[derive(Debug)]
pub struct VolatileInPlace;

impl OptimizerRule for VolatileInPlace {
    fn name(&self) -> &str {
        "volatile_in_place"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Aggregate(node) if node.group_expr.iter().any(is_volatile_key) => {
                keys_below(node, config).map(Transformed::yes)
            }
            LogicalPlan::Filter(node) if !is_scan(node.input.as_ref()) => in_place(node, config),
            plan => Ok(Transformed::no(plan)),
        }
    }
}

fn is_volatile_key(key: &Expr) -> bool {
    // Keys of grouping sets are columns already.
    !matches!(key, Expr::GroupingSet(_)) && key.is_volatile()
}

/// Whether a filter has nowhere to go from above `plan`.
fn is_scan(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::SubqueryAlias(alias) => is_scan(alias.input.as_ref()),
        _ => false,
    }
}

fn keys_below(node: Aggregate, config: &dyn OptimizerConfig) -> Result<LogicalPlan> {
    let mut below = Vec::new();
    let keys = node
        .group_expr
        .into_iter()
        .map(|key| {
            if !is_volatile_key(&key) {
                return key;
            }
            let name = key.schema_name().to_string();
            computed(key, &mut below, config).alias(name)
        })
        .collect();
    let input = with_columns(node.input, below)?;
    let aggregate = Aggregate::try_new(Arc::new(input), keys, node.aggr_expr)?;
    Ok(LogicalPlan::Aggregate(aggregate))
}

fn in_place(node: Filter, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
    let conditions = split_conjunction(&node.predicate);
    if conditions.iter().any(|condition| is_never(condition)) {
        let nothing = EmptyRelation {
            produce_one_row: false,
            schema: node.input.schema().clone(),
        };
        return Ok(Transformed::yes(LogicalPlan::EmptyRelation(nothing)));
    }
    if !conditions.iter().any(|condition| must_stay(condition)) {
        return Ok(Transformed::no(LogicalPlan::Filter(node)));
    }
    let columns: Vec<_> = node.input.schema().columns();
    let mut below = Vec::new();
    let conditions = split_conjunction_owned(node.predicate)
        .into_iter()
        .map(|condition| match must_stay(&condition) {
            true => computed(condition, &mut below, config),
            false => condition,
        });
    let Some(predicate) = conjunction(conditions) else {
        return Ok(Transformed::yes(Arc::unwrap_or_clone(node.input)));
    };
    LogicalPlanBuilder::from(with_columns(node.input, below)?)
        .filter(predicate)?
        .project(columns.into_iter().map(Expr::Column))?
        .build()
        .map(Transformed::yes)
}

fn is_never(condition: &Expr) -> bool {
    let Expr::Literal(value, _) = condition else {
        return false;
    };
    value.is_null() || *value == ScalarValue::Boolean(Some(false))
}

/// Whether a condition is about no row of what is below: volatile, or without a column.
fn must_stay(condition: &Expr) -> bool {
    let is_true = matches!(condition, Expr::Literal(..));
    condition.is_volatile() || (condition.column_refs().is_empty() && !is_true)
}

/// Puts `expr` among the columns `below`, and returns the column that has its value.
fn computed(expr: Expr, below: &mut Vec<Expr>, config: &dyn OptimizerConfig) -> Expr {
    let name = config.alias_generator().next("__volatile");
    below.push(expr.alias(&name));
    Expr::Column(Column::from_name(name))
}

/// `input` with more columns.
fn with_columns(input: Arc<LogicalPlan>, more: Vec<Expr>) -> Result<LogicalPlan> {
    let columns = input.schema().columns().into_iter().map(Expr::Column);
    let all: Vec<_> = columns.chain(more).collect();
    LogicalPlanBuilder::from(input).project(all)?.build()
}
