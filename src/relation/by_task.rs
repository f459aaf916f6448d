//! Aggregations by task: rows once for each task below one, names of the tasks above it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::functions::core::expr_fn::{get_field, named_struct};
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;

use super::labelled::Outcome;
use super::statement::{Action, StatementNode};
use crate::error::Result;

/// The column with what is taken apart to rows.
const EACH: &str = "each";

/// `rows` once for each of `outcomes`: its position there as `task`, and what `values` makes of it. Columns
/// of one name have one type whatever the task.
///
/// # Errors
/// As DataFusion plans it.
pub fn by_task(
    rows: LogicalPlan,
    outcomes: &[Outcome],
    values: impl Fn(&Outcome) -> Vec<(&'static str, Expr)>,
) -> Result<LogicalPlanBuilder> {
    let rows = LogicalPlanBuilder::from(rows);
    let named = |(task, outcome)| {
        let task = [("task", lit(task))];
        task.into_iter().chain(values(outcome)).collect()
    };
    let tasks: Vec<Vec<(&str, Expr)>> = (0_i64..).zip(outcomes).map(named).collect();
    if let [one] = tasks.as_slice() {
        // Filters pass through it, down below the prediction.
        let values = one.iter().map(|(name, value)| value.clone().alias(*name));
        return Ok(rows.project(values)?);
    }
    let names = tasks.iter().take(1).flatten().map(|(name, _)| *name);
    let values: Vec<_> = names
        .map(|name| get_field(ident(EACH), name).alias(name))
        .collect();
    let structs = tasks.into_iter().map(|named| {
        let fields = named.into_iter();
        named_struct(
            fields
                .flat_map(|(name, value)| [lit(name), value])
                .collect(),
        )
    });
    let each = make_array(structs.collect()).alias(EACH);
    Ok(rows.project([each])?.unnest_column(EACH)?.project(values)?)
}

/// `rows` ordered by their first `keys` columns, the first of which is the position of a task among
/// `outcomes`: it gets the task's name instead. `relation` names the node.
///
/// # Errors
/// `Plan` when two columns share a name.
pub fn name_tasks(
    relation: &'static str,
    rows: LogicalPlan,
    keys: usize,
    outcomes: Vec<Outcome>,
) -> Result<LogicalPlan> {
    let mut fields = vec![Field::new("task", DataType::Utf8, true)];
    for field in rows.schema().fields().iter().skip(1) {
        fields.push(field.as_ref().clone().with_nullable(true));
    }
    let action = NameTasks {
        relation,
        keys,
        tasks: outcomes.into_iter().map(|o| o.task).collect(),
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

/// The one input of the node of `relation`.
///
/// # Errors
/// `Internal` when it is not there.
pub fn only(
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    relation: &str,
) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    inputs.into_iter().next().ok_or_else(|| {
        DataFusionError::Internal(format!("{relation} lost the query that it reads"))
    })
}
