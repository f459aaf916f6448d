//! The last node of an aggregation by task.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;

use super::statement::{Action, StatementNode, only};
use crate::error::Result;

/// `rows` ordered by their first `keys` columns, the first of which is the position of a task among
/// `tasks`: it gets the task's name instead. `relation` names the node.
///
/// # Errors
/// `Plan` when two columns share a name.
pub fn name_tasks(
    relation: &'static str,
    rows: LogicalPlan,
    keys: usize,
    tasks: Vec<String>,
) -> Result<LogicalPlan> {
    let mut fields = vec![Field::new("task", DataType::Utf8, true)];
    for field in rows.schema().fields().iter().skip(1) {
        fields.push(field.as_ref().clone().with_nullable(true));
    }
    let action = NameTasks {
        relation,
        keys,
        tasks,
        schema: Arc::new(Schema::new(fields)),
    };
    Ok(StatementNode::plan(Arc::new(action), vec![rows])?)
}

#[derive(Clone, Debug)]
struct NameTasks {
    relation: &'static str,
    keys: usize,
    tasks: Vec<String>,
    schema: SchemaRef,
}

impl Action for NameTasks {
    fn name(&self) -> &'static str {
        self.relation
    }

    fn describe(&self) -> String {
        format!("tasks=[{}]", self.tasks.join(", "))
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn input_order(&self) -> Vec<(usize, SortOptions)> {
        let rising = SortOptions::new(false, false);
        (0..self.keys).map(|key| (key, rising)).collect()
    }

    fn run(
        self: Arc<Self>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let schema = self.schema();
        let input = only(inputs, self.relation)?.execute(0, context)?;
        let named = input.and_then(move |batch| {
            let named = self.named(&batch);
            async move { named }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, named)))
    }
}

impl NameTasks {
    fn named(&self, batch: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
        let tasks = batch.column(0).as_primitive::<Int64Type>().values();
        let names = tasks.iter().map(|&task| &self.tasks[task as usize]);
        let mut columns = batch.columns().to_vec();
        columns[0] = Arc::new(StringArray::from_iter_values(names)) as ArrayRef;
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}
