//! Tasks that nobody reads are not computed: removes the outputs of a prediction that no node above
//! it names, and the whole prediction when that is all of them.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{Extension, LogicalPlan};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::node::PredictNode;

/// The optimizer rule.
#[derive(Debug)]
pub struct PruneTasks;

/// Names of the columns that are read of a plan's output; none when that is all of them.
type Read = Option<HashSet<String>>;

impl OptimizerRule for PruneTasks {
    fn name(&self) -> &str {
        "prune_tasks"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        prune(plan, &None)
    }
}

fn prune(plan: LogicalPlan, read: &Read) -> Result<Transformed<LogicalPlan>> {
    if let LogicalPlan::Extension(extension) = &plan
        && let Some(node) = extension.node.as_any().downcast_ref::<PredictNode>()
    {
        return prune_node(node, read);
    }
    let below = read_below(&plan, read);
    let inputs = plan.inputs();
    let mut changed = false;
    let mut new = Vec::with_capacity(inputs.len());
    for input in inputs {
        let pruned = prune(input.clone(), &below)?;
        changed |= pruned.transformed;
        new.push(pruned.data);
    }
    if !changed {
        return Ok(Transformed::no(plan));
    }
    let expressions = plan.expressions();
    Ok(Transformed::yes(plan.with_new_exprs(expressions, new)?))
}

/// What `plan` reads of its inputs when `read` is read of it. Columns are compared by name alone: to
/// compute one task too many is no error.
fn read_below(plan: &LogicalPlan, read: &Read) -> Read {
    let own = || -> HashSet<String> {
        let expressions = plan.expressions();
        let columns = expressions.iter().flat_map(|e| e.column_refs());
        columns.map(|c: &Column| c.name.clone()).collect()
    };
    match plan {
        LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => Some(own()),
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::SubqueryAlias(_) => read.as_ref().map(|read| {
            let mut names = own();
            names.extend(read.iter().cloned());
            names
        }),
        _ => None,
    }
}

fn prune_node(node: &PredictNode, read: &Read) -> Result<Transformed<LogicalPlan>> {
    let needed = |name: &str| read.as_ref().is_none_or(|read| read.contains(name));
    let below = read.as_ref().map(|read| {
        let features = node.features().iter().flat_map(|f| f.column_refs());
        let mut names: HashSet<_> = features.map(|c: &Column| c.name.clone()).collect();
        names.extend(read.iter().cloned());
        names
    });
    let input = prune(node.input().clone(), &below)?;
    let kept = node.outputs().iter().filter(|o| needed(&o.name)).count();
    if kept == 0 {
        return Ok(Transformed::yes(input.data));
    }
    if kept == node.outputs().len() && !input.transformed {
        let node = Arc::new(node.clone());
        return Ok(Transformed::no(LogicalPlan::Extension(Extension { node })));
    }
    let node = node.with_outputs(input.data, |output| needed(&output.name))?;
    let node = Arc::new(node);
    Ok(Transformed::yes(LogicalPlan::Extension(Extension { node })))
}
