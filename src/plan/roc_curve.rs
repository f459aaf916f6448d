//! ROC_CURVE's last node: walks down counts by score and keeps a fixed number of points.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, stream};

use super::rows::Rows;
use super::statement::{Action, StatementNode, only};
use crate::error::Result;
use crate::metric::roc_curve::{RocCurve, RocPoint};

/// The curve of each of `tasks` with so many points, from counts by score: the task's position, score,
/// rows, positives.
///
/// # Errors
/// As DataFusion refuses the plan.
pub fn curves(counts: LogicalPlan, tasks: Vec<String>, points: usize) -> Result<LogicalPlan> {
    let action = Curves { tasks, points };
    Ok(StatementNode::plan(Arc::new(action), vec![counts])?)
}

/// Makes the curve of each task from its counts by score: task, score, rows, positives.
#[derive(Clone, Debug)]
struct Curves {
    tasks: Vec<String>,
    points: usize,
}

impl Action for Curves {
    fn name(&self) -> &'static str {
        "RocCurve"
    }

    fn describe(&self) -> String {
        format!("tasks=[{}], points={}", self.tasks.join(", "), self.points)
    }

    fn schema(&self) -> SchemaRef {
        let mut fields = vec![Field::new("task", DataType::Utf8, true)];
        for name in ["threshold", "recall", "false_positive_rate"] {
            fields.push(Field::new(name, DataType::Float64, true));
        }
        for name in [
            "true_positives",
            "false_positives",
            "true_negatives",
            "false_negatives",
        ] {
            fields.push(Field::new(name, DataType::Int64, true));
        }
        Arc::new(Schema::new(fields))
    }

    fn input_order(&self) -> Vec<(usize, SortOptions)> {
        vec![
            (0, SortOptions::new(false, false)),
            (1, SortOptions::new(true, false)),
        ]
    }

    fn run(
        self: Arc<Self>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let schema = self.schema();
        let mut counts = only(inputs, "ROC_CURVE")?.execute(0, context)?;
        let work = async move {
            let mut curves = vec![RocCurve::default(); self.tasks.len()];
            while let Some(batch) = counts.next().await {
                add(&mut curves, &batch?);
            }
            Ok(self.points(curves)?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            schema,
            stream::once(work),
        )))
    }
}

/// Adds the counts of a batch to the curves of their tasks.
fn add(curves: &mut [RocCurve], batch: &RecordBatch) {
    let integers = |column: usize| batch.column(column).as_primitive::<Int64Type>().values();
    let (tasks, rows, positives) = (integers(0), integers(2), integers(3));
    let scores = batch.column(1).as_primitive::<Float64Type>().values();
    for (row, &task) in tasks.iter().enumerate() {
        let negatives = rows[row] - positives[row];
        curves[task as usize].add(scores[row], positives[row] as u64, negatives as u64);
    }
}

impl Curves {
    fn points(&self, curves: Vec<RocCurve>) -> Result<RecordBatch> {
        // Each with its task and the point of all rows.
        let mut points: Vec<(&String, RocPoint, RocPoint)> = Vec::new();
        for (task, curve) in self.tasks.iter().zip(curves) {
            let curve = curve.finish(self.points);
            if let Some(&all) = curve.last() {
                points.extend(curve.into_iter().map(|point| (task, point, all)));
            }
        }
        let share = |part: u64, all: u64| (all > 0).then(|| part as f64 / all as f64);
        let points = || points.iter();
        Rows::new()
            .text("task", points().map(|(task, ..)| Some(*task)))
            .double("threshold", points().map(|(_, p, _)| Some(p.threshold)))
            .double(
                "recall",
                points().map(|(_, p, all)| share(p.true_positives, all.true_positives)),
            )
            .double(
                "false_positive_rate",
                points().map(|(_, p, all)| share(p.false_positives, all.false_positives)),
            )
            .int(
                "true_positives",
                points().map(|(_, p, _)| Some(p.true_positives as i64)),
            )
            .int(
                "false_positives",
                points().map(|(_, p, _)| Some(p.false_positives as i64)),
            )
            .int(
                "true_negatives",
                points().map(|(_, p, all)| Some((all.false_positives - p.false_positives) as i64)),
            )
            .int(
                "false_negatives",
                points().map(|(_, p, all)| Some((all.true_positives - p.true_positives) as i64)),
            )
            .batch()
    }
}
