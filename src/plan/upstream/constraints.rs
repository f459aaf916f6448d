//! A plan node tells those above it which columns are unique: a declared key, or the keys of GROUP BY. A
//! projection hands that on by the places that its columns go to, not by those that they come from, so that
//! any column may be taken for a key; `ORDER BY c, x` is then left out where rows are sorted by `c`. Uniqueness
//! only saves sorts, and only where an order is known: it is forgotten above the nodes that bring one.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Constraints, internal_datafusion_err};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};

/// Puts a node that forgets above each that knows both unique columns and an order.
#[derive(Debug)]
pub struct ForgetConstraints;

impl PhysicalOptimizerRule for ForgetConstraints {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let properties = node.equivalence_properties();
            let window = node.is::<BoundedWindowAggExec>() || node.is::<WindowAggExec>();
            let ordered = window || !properties.oeq_class().is_empty();
            if properties.constraints().is_empty() || !ordered {
                return Ok(Transformed::no(node));
            }
            let node: Arc<dyn ExecutionPlan> = Arc::new(WithoutConstraints::new(node));
            Ok(Transformed::yes(node))
        })
        .data()
    }

    fn name(&self) -> &str {
        "forget_constraints"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The rows of its input, of which nobody knows what is unique.
#[derive(Debug)]
struct WithoutConstraints {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl WithoutConstraints {
    fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = input.properties().as_ref().clone();
        let properties = properties.with_constraints(Constraints::default());
        Self {
            input,
            properties: Arc::new(properties),
        }
    }
}

impl DisplayAs for WithoutConstraints {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("WithoutConstraints")
    }
}

impl ExecutionPlan for WithoutConstraints {
    fn name(&self) -> &str {
        "WithoutConstraints"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop();
        let input = input.ok_or_else(|| internal_datafusion_err!("a node lost its input"))?;
        Ok(Arc::new(Self::new(input)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}
