//! `EVALUATE(MODEL m [, {TABLE t | (query)}] [, by => 'channel'])`: metrics of every task, for each value
//! of a column where one is named. One pass of PREDICT and one aggregation serve all tasks; the last
//! node turns its wide row into a row a task.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array, new_null_array};
use arrow::compute::{SortOptions, cast, concat, concat_batches, sort_to_indices, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Column, DFSchema};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{
    AggregateUDF, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, cast as cast_expr, lit,
    when,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, collect};
use futures::stream;

use super::call::Call;
use super::environment::Environment;
use super::predict;
use super::rows::Rows;
use super::statement::{Action, StatementNode};
use super::transform::{self, Planner, Statement};
use crate::error::{Error, Result};
use crate::function;
use crate::store::FittedModel;

/// The metrics of a task, in the order of the result's columns: the name, and which of its inputs the
/// aggregate takes.
const METRICS: [&str; 5] = ["auc", "gauc", "log_loss", "calibration_error", "rmse"];

/// Plans a call of EVALUATE.
///
/// # Errors
/// `Plan` for an unknown model or column, a label that is missing, no query and no rows held back.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    call.allow(2, &["by"])?;
    let config = context.context_provider().options().clone();
    let model = environment.predictor(&config, &call.model()?)?;
    let by = call.text("by")?;
    let Some(query) = call.query(1)? else {
        return match by {
            None => held_back(&model),
            Some(by) => Err(Error::plan(format!(
                "EVALUATE needs a query to evaluate by {by}: only the sums over the rows held back \
                 are kept with the model"
            ))),
        };
    };
    // Labels and users are planned here, so the version is this one also in a view.
    let predict = Call::of("predict", model.name().to_string(), query.clone());
    let input = predict::plan(&predict, environment, context)?;
    let by = by.map(|by| column(input.schema(), &by)).transpose()?;
    let own = ["task", "rows", "positives"];
    if let Some(by) = &by
        && own.iter().chain(&METRICS).any(|name| *name == by.name)
    {
        return Err(Error::plan(format!(
            "EVALUATE has a column {:?} of its own: rename the one to evaluate by",
            by.name
        )));
    }
    let wide = aggregate(&model, input, by.as_ref(), &mut Statement(context))?;
    let by = by.map(|by| {
        let field = wide.schema().field(0);
        Field::new(&by.name, field.data_type().clone(), true)
    });
    let action = Unpivot {
        tasks: model.manifest().tasks.clone(),
        by,
        has_users: model.manifest().options.contains_key("user_col"),
    };
    Ok(StatementNode::plan(Arc::new(action), vec![wide])?)
}

/// The metrics over the rows that training held back.
fn held_back(model: &FittedModel) -> Result<LogicalPlan> {
    let scores = &model.manifest().scores;
    if scores.is_empty() {
        return Err(Error::plan(format!(
            "model {} held no rows back: give EVALUATE a table or query",
            model.name()
        )));
    }
    Rows::new()
        .text("task", scores.iter().map(|s| Some(&s.task)))
        .int("rows", scores.iter().map(|s| Some(s.rows as i64)))
        .int(
            "positives",
            scores.iter().map(|s| s.positives.map(|n| n as i64)),
        )
        .double("auc", scores.iter().map(|s| s.auc))
        .double("gauc", scores.iter().map(|s| s.gauc))
        .double("log_loss", scores.iter().map(|s| s.log_loss))
        .double(
            "calibration_error",
            scores.iter().map(|s| s.calibration_error),
        )
        .double("rmse", scores.iter().map(|s| s.rmse))
        .plan("evaluate")
}

/// The column of that name.
fn column(schema: &DFSchema, name: &str) -> Result<Column> {
    let found: Vec<_> = schema.iter().filter(|(_, f)| f.name() == name).collect();
    match found.as_slice() {
        [(qualifier, _)] => Ok(Column::new(qualifier.cloned(), name)),
        [] => Err(Error::plan(format!(
            "unknown column {name:?}; the query has: {}",
            schema.field_names().join(", ")
        ))),
        _ => Err(Error::plan(format!(
            "column {name:?} is ambiguous: the query has several of that name"
        ))),
    }
}

/// One row per value of `by`, with rows, positives and metrics of each task side by side.
fn aggregate(
    model: &FittedModel,
    input: LogicalPlan,
    by: Option<&Column>,
    planner: &mut dyn Planner,
) -> Result<LogicalPlan> {
    let schema = input.schema().clone();
    let manifest = model.manifest();
    let user = manifest.options.get("user_col").and_then(|v| v.as_str());
    let user = user
        .map(|user| trained_on("user", user, model, &schema, planner))
        .transpose()?;
    let metrics: Vec<Arc<AggregateUDF>> = METRICS
        .iter()
        .map(|name| function::aggregate(name))
        .collect::<Result<_>>()?;
    let mut values = Vec::new();
    for output in model.outputs() {
        let task = &manifest.tasks[output.task];
        let mut label = trained_on("label", task, model, &schema, planner)?;
        let funnel = &manifest.config.funnel;
        let depth = funnel.iter().position(|&t| t == output.task).unwrap_or(0);
        for &earlier in &funnel[..depth] {
            // As in training: NULL behind an end of the funnel is 0.
            let earlier = trained_on("label", &manifest.tasks[earlier], model, &schema, planner)?;
            let ended = cast_expr(earlier, DataType::Int64).eq(lit(0i64));
            let zero = cast_expr(lit(0i64), label.get_type(&*schema)?);
            label = when(ended.and(label.clone().is_null()), zero).otherwise(label)?;
        }
        let score = Expr::Column(Column::from_name(&output.name));
        values.push(count(label.clone()));
        values.push(sum(cast_expr(label.clone(), DataType::Int64)));
        for metric in &metrics {
            let mut arguments = vec![label.clone(), score.clone()];
            if metric.name() == "gauc" {
                // Without users all rows are one group; its value is dropped below.
                arguments.push(match &user {
                    Some(user) => user.clone(),
                    None => lit(0),
                });
            }
            values.push(metric.call(arguments));
        }
    }
    let values: Vec<_> = values
        .into_iter()
        .enumerate()
        .map(|(i, value)| value.alias(format!("value_{i}")))
        .collect();
    let by: Vec<_> = by.map(|by| Expr::Column(by.clone())).into_iter().collect();
    Ok(LogicalPlanBuilder::from(input)
        .aggregate(by, values)?
        .build()?)
}

/// What the model was trained on under that name: an expression of its TRANSFORM, or else a column.
fn trained_on(
    what: &str,
    name: &str,
    model: &FittedModel,
    schema: &DFSchema,
    planner: &mut dyn Planner,
) -> Result<Expr> {
    if let Some(expr) = transform::column(what, name, model, schema, planner)? {
        return Ok(expr);
    }
    let found =
        column(schema, name).map_err(|e| match schema.has_column_with_unqualified_name(name) {
            true => e,
            false => Error::plan(format!(
                "EVALUATE needs the {what} column {name:?}; the query has: {}",
                schema.field_names().join(", ")
            )),
        })?;
    Ok(Expr::Column(found))
}

/// Turns the wide rows into a row a task, ordered by task and value.
#[derive(Clone, Debug)]
struct Unpivot {
    tasks: Vec<String>,
    by: Option<Field>,
    has_users: bool,
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
        fields.push(Field::new("rows", DataType::Int64, true));
        fields.push(Field::new("positives", DataType::Int64, true));
        fields.extend(METRICS.map(|m| Field::new(m, DataType::Float64, true)));
        Arc::new(Schema::new(fields))
    }

    fn run(
        self: Arc<Self>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let schema = self.schema();
        let work = async move {
            let input = inputs.into_iter().next().ok_or_else(|| {
                DataFusionError::Internal("EVALUATE lost the query that it reads".into())
            })?;
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
        let width = 2 + METRICS.len();
        let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); schema.fields().len()];
        for (t, task) in self.tasks.iter().enumerate() {
            let names: StringArray = order.iter().map(|_| Some(task)).collect();
            columns[0].push(Arc::new(names));
            if keys == 1 {
                columns[1].push(take(wide.column(0), &order, None)?);
            }
            for value in 0..width {
                let field = schema.field(1 + keys + value);
                let column = match field.name().as_str() {
                    "gauc" if !self.has_users => new_null_array(field.data_type(), order.len()),
                    _ => {
                        let column = wide.column(keys + t * width + value);
                        cast(&take(column, &order, None)?, field.data_type())?
                    }
                };
                columns[1 + keys + value].push(column);
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
