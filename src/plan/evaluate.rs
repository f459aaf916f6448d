//! EVALUATE's last node: turns wide rows, in which tasks stand side by side, into a row a task.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array, new_null_array};
use arrow::compute::{SortOptions, cast, concat, concat_batches, sort_to_indices, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, collect};
use futures::stream;

use super::statement::{Action, StatementNode, only};
use crate::error::Result;

/// A row for each of `tasks` and each row of `wide`: the first column where `by` names it, and `values`,
/// from the columns that [`wide_name`] names; NULL where there is no such column.
///
/// # Errors
/// `Plan` when two columns share a name.
pub fn by_task(
    wide: LogicalPlan,
    tasks: Vec<String>,
    by: Option<Field>,
    values: Vec<Field>,
) -> Result<LogicalPlan> {
    let action = Unpivot { tasks, by, values };
    Ok(StatementNode::plan(Arc::new(action), vec![wide])?)
}

/// The wide row's column for a value of the task in that position.
pub fn wide_name(task: usize, value: &str) -> String {
    format!("value_{task}_{value}")
}

/// Turns the wide rows into a row a task, ordered by task and value.
#[derive(Clone, Debug)]
struct Unpivot {
    tasks: Vec<String>,
    by: Option<Field>,
    values: Vec<Field>,
}

impl Action for Unpivot {
    fn name(&self) -> &'static str {
        "Evaluate"
    }

    fn describe(&self) -> String {
        let by = self.by.as_ref().map(|by| format!(", by={}", by.name()));
        format!(
            "tasks=[{}]{}",
            self.tasks.join(", "),
            by.unwrap_or_default()
        )
    }

    fn schema(&self) -> SchemaRef {
        let mut fields = vec![Field::new("task", DataType::Utf8, true)];
        fields.extend(self.by.clone());
        fields.extend(self.values.iter().cloned());
        Arc::new(Schema::new(fields))
    }

    fn run(
        self: Arc<Self>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let schema = self.schema();
        let work = async move {
            let input = only(inputs, "EVALUATE")?;
            let wide_schema = input.schema();
            let batches = collect(input, context).await?;
            Ok(self.unpivot(concat_batches(&wide_schema, &batches)?)?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            schema,
            stream::once(work),
        )))
    }
}

impl Unpivot {
    fn unpivot(&self, wide: RecordBatch) -> Result<RecordBatch> {
        let keys = usize::from(self.by.is_some());
        let order: UInt32Array = match &self.by {
            Some(_) => sort_to_indices(wide.column(0), Some(SortOptions::default()), None)?,
            None => (0..wide.num_rows() as u32).collect(),
        };
        let schema = self.schema();
        let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); schema.fields().len()];
        for (t, task) in self.tasks.iter().enumerate() {
            let names: StringArray = order.iter().map(|_| Some(task)).collect();
            columns[0].push(Arc::new(names));
            if keys == 1 {
                columns[1].push(take(wide.column(0), &order, None)?);
            }
            for (column, field) in columns.iter_mut().zip(schema.fields()).skip(1 + keys) {
                column.push(match wide.column_by_name(&wide_name(t, field.name())) {
                    Some(values) => cast(&take(values, &order, None)?, field.data_type())?,
                    None => new_null_array(field.data_type(), order.len()),
                });
            }
        }
        let columns = columns
            .iter()
            .map(|parts| {
                let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
                concat(&parts)
            })
            .collect::<std::result::Result<_, _>>()?;
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}
