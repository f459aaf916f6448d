//! Views and prepared statements outlive the model that they were planned with: a prediction of a
//! model's default version is planned anew where that version is another one by now. Only what is read
//! of it must still be there.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::error::Result;
use datafusion::logical_expr::{Extension, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::bind;
use super::node::PredictNode;
use crate::environment::Environment;
use crate::plan::transform::Session;
use crate::store::OutputColumn;

/// The analyzer rule.
#[derive(Debug)]
pub struct RefreshModels {
    environment: Arc<Environment>,
}

impl RefreshModels {
    /// A rule that finds models in `environment`.
    pub fn new(environment: Arc<Environment>) -> Self {
        Self { environment }
    }
}

impl AnalyzerRule for RefreshModels {
    fn name(&self) -> &str {
        "refresh_models"
    }

    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let LogicalPlan::Extension(extension) = &plan else {
                return Ok(Transformed::no(plan));
            };
            let Some(node) = extension.node.as_any().downcast_ref::<PredictNode>() else {
                return Ok(Transformed::no(plan));
            };
            match self.refreshed(node, config)? {
                Some(node) => {
                    let node = Arc::new(node);
                    Ok(Transformed::yes(LogicalPlan::Extension(Extension { node })))
                }
                None => Ok(Transformed::no(plan)),
            }
        })
        .data()
    }
}

impl RefreshModels {
    /// The node with the model's default version of now; none when that is what it has.
    fn refreshed(
        &self,
        node: &PredictNode,
        config: &ConfigOptions,
    ) -> crate::Result<Option<PredictNode>> {
        if node.is_pinned() {
            return Ok(None);
        }
        let model = self.environment.predictor(config, &node.model().name)?;
        if model.digest() == node.model().digest {
            return Ok(None);
        }
        // Whether what is missing is read is known when unread outputs have been removed: the planner of
        // the node looks.
        let new = model.outputs()?;
        let kept = |old: &OutputColumn| {
            let is_same =
                |new: &&OutputColumn| new.name == old.name && new.data_type == old.data_type;
            new.iter().find(is_same).cloned().unwrap_or(old.missing())
        };
        let outputs = node.outputs().iter().map(kept).collect();
        let input = node.input().clone();
        let mut planner = Session(self.environment.session()?);
        let features = bind(&model, input.schema(), &mut planner)?;
        let how = node.how().clone();
        let node = PredictNode::new(input, model.name().clone(), features, outputs, how)?;
        Ok(Some(node))
    }
}
