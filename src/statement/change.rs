//! Statements that change the store and return no rows.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;

use crate::error::Result;
use crate::plan::statement::{Action, StatementNode};

/// What is changed when the statement is run.
struct Change {
    name: &'static str,
    about: String,
    apply: Box<dyn Fn() -> Result<()> + Send + Sync>,
}

/// A plan that does `apply`; `name` and `about` are its line there.
///
/// # Errors
/// As DataFusion refuses the plan.
pub fn plan(
    name: &'static str,
    about: String,
    apply: impl Fn() -> Result<()> + Send + Sync + 'static,
) -> Result<LogicalPlan> {
    let apply = Box::new(apply);
    let change = Change { name, about, apply };
    Ok(StatementNode::plan(Arc::new(change), vec![])?)
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.about)
    }
}

impl Action for Change {
    fn name(&self) -> &'static str {
        self.name
    }

    fn describe(&self) -> String {
        self.about.clone()
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::empty())
    }

    fn run(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let schema = self.schema();
        let work = async move {
            SpawnedTask::spawn_blocking(move || (self.apply)())
                .await
                .map_err(|e| DataFusionError::External(Box::new(e)))??;
            Ok::<_, DataFusionError>(stream::empty())
        };
        let stream = futures::TryStreamExt::try_flatten(stream::once(work));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }
}
