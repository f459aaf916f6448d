//! The planner of our nodes, in front of the one that the session has for its own.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use super::foreign::ForeignNodes;
use super::predict::{PredictExec, PredictNode, Prediction};
use super::statement::StatementNode;

/// Plans our nodes physically.
#[derive(Debug)]
pub struct ExtensionNodes;

#[async_trait]
impl ExtensionPlanner for ExtensionNodes {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        planning: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if let Some(statement) = node.as_any().downcast_ref::<StatementNode>() {
            return Ok(Some(statement.exec(physical_inputs.to_vec())));
        }
        let Some(predict) = node.as_any().downcast_ref::<PredictNode>() else {
            return Ok(None);
        };
        let ([logical], [physical]) = (logical_inputs, physical_inputs) else {
            return Ok(None);
        };
        if let Some(output) = predict.outputs().iter().find(|o| o.is_missing()) {
            return Err(DataFusionError::Plan(format!(
                "model {} does not predict {} any more, which this view or prepared statement was made \
                 with: make it again",
                predict.model(),
                output.name
            )));
        }
        let features: Vec<Arc<dyn PhysicalExpr>> = predict
            .features()
            .iter()
            .map(|f| planner.create_physical_expr(f, logical.schema(), session, planning))
            .collect::<Result<_>>()?;
        let prediction = Prediction {
            model: predict.model().clone(),
            features,
            outputs: predict.outputs().to_vec(),
            how: predict.how().clone(),
            used: OnceLock::new(),
        };
        let schema = Arc::new(node.schema().as_arrow().clone());
        Ok(Some(Arc::new(PredictExec::new(
            physical.clone(),
            Arc::new(prediction),
            schema,
        ))))
    }
}

/// Plans queries that have nodes of ours itself, and leaves all others to the planner that was there
/// before, which also plans each node that is not ours.
#[derive(Debug)]
pub struct WithExtensions {
    before: Arc<dyn QueryPlanner + Send + Sync>,
}

impl WithExtensions {
    /// A planner in front of `before`.
    pub fn new(before: Arc<dyn QueryPlanner + Send + Sync>) -> Self {
        Self { before }
    }
}

#[async_trait]
impl QueryPlanner for WithExtensions {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut ours = false;
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::Extension(extension) = node {
                let node = extension.node.as_any();
                ours |= node.is::<PredictNode>() || node.is::<StatementNode>();
            }
            Ok(match ours {
                true => TreeNodeRecursion::Stop,
                false => TreeNodeRecursion::Continue,
            })
        })?;
        if !ours {
            return self.before.create_physical_plan(plan, session).await;
        }
        let before = Arc::clone(&self.before);
        let planners: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> =
            vec![Arc::new(ExtensionNodes), Arc::new(ForeignNodes { before })];
        DefaultPhysicalPlanner::with_extension_planners(planners)
            .create_physical_plan(plan, session)
            .await
    }
}
