//! Functional dependencies say which columns determine others: a key of DISTINCT, GROUP BY or PRIMARY
//! KEY determines its whole row. DataFusion takes such a key to determine the whole row of an aggregate
//! over a join, too, where it comes in many rows; then GROUP BY k, v becomes GROUP BY k, and ORDER BY k, v
//! becomes ORDER BY k (`aggregate_functional_dependencies`: a dependency of mode `Multi` gets all columns
//! as its target). Dependencies only make plans faster, so that they are forgotten wherever they are read:
//! where a relation enters FROM, since planning adds the columns that a key determines to GROUP BY, and
//! before the optimizer's rules that read them.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, FunctionalDependencies};
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::sql::sqlparser::ast::TableFactor;

thread_local! {
    /// Whether the next relation is the one that [`ForgetInFrom`] has just asked to be planned. Planning is
    /// not asynchronous, so that a thread plans one relation at a time.
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

/// Plans every relation of FROM as the planners behind it do, and forgets its dependencies.
#[derive(Debug)]
pub struct ForgetInFrom;

impl RelationPlanner for ForgetInFrom {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        if ASKED.take() {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        ASKED.set(true);
        let plan = context.plan(relation);
        // A planner that failed before it came here again has left it.
        ASKED.set(false);
        let plan = forget(plan?)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, None,
        ))))
    }
}

/// `plan` without the dependencies of its output.
fn forget(mut plan: LogicalPlan) -> Result<LogicalPlan> {
    if plan.schema().functional_dependencies().is_empty() {
        return Ok(plan);
    }
    match own_schema(&mut plan) {
        Some(schema) => {
            *schema = without_dependencies(schema)?;
            Ok(plan)
        }
        // What has the schema of its input.
        None => plan
            .map_children(|input| forget(input).map(Transformed::yes))
            .map(|plan| plan.data),
    }
}

/// Forgets the dependencies of every node.
#[derive(Debug)]
pub struct ForgetDependencies;

impl OptimizerRule for ForgetDependencies {
    fn name(&self) -> &str {
        "forget_dependencies"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let mut any = false;
        plan.apply_with_subqueries(|node| {
            any = !node.schema().functional_dependencies().is_empty();
            Ok(match any {
                true => TreeNodeRecursion::Stop,
                false => TreeNodeRecursion::Continue,
            })
        })?;
        if !any {
            return Ok(Transformed::no(plan));
        }
        plan.transform_down_with_subqueries(|mut node| match own_schema(&mut node) {
            Some(schema) if !schema.functional_dependencies().is_empty() => {
                *schema = without_dependencies(schema)?;
                Ok(Transformed::yes(node))
            }
            _ => Ok(Transformed::no(node)),
        })
    }
}

/// The schema that a node keeps; none where it has its input's, or is another's.
fn own_schema(plan: &mut LogicalPlan) -> Option<&mut DFSchemaRef> {
    match plan {
        LogicalPlan::Projection(node) => Some(&mut node.schema),
        LogicalPlan::Window(node) => Some(&mut node.schema),
        LogicalPlan::Aggregate(node) => Some(&mut node.schema),
        LogicalPlan::Join(node) => Some(&mut node.schema),
        LogicalPlan::Union(node) => Some(&mut node.schema),
        LogicalPlan::TableScan(node) => Some(&mut node.projected_schema),
        LogicalPlan::EmptyRelation(node) => Some(&mut node.schema),
        LogicalPlan::SubqueryAlias(node) => Some(&mut node.schema),
        LogicalPlan::Values(node) => Some(&mut node.schema),
        LogicalPlan::Unnest(node) => Some(&mut node.schema),
        _ => None,
    }
}

fn without_dependencies(schema: &DFSchemaRef) -> Result<DFSchemaRef> {
    let schema = schema.as_ref().clone();
    let schema = schema.with_functional_dependencies(FunctionalDependencies::empty())?;
    Ok(Arc::new(schema))
}
