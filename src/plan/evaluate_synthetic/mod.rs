//! EVALUATE_SYNTHETIC as a plan: how close generated rows come to real ones, each metric beside its floor
//! and that of independent columns.
//!
//! Real rows are divided in two: one half to learn from, one held out; with `holdout => (query)` all
//! rows of the first query are to learn from. Shapes, trends, labels and what can be learnt are
//! compared with the rows held out: of the synthetic rows, of the rows to learn from (floor), and of
//! those with every column in an order of its own (independent). Copies and distances are those to the
//! rows to learn from, and the floor is that of the rows held out.
//!
//! No more than [`MAX_ROWS`] rows of each query are looked at: a sample that the rows and the seed
//! decide, not the order in which rows come.

mod columns;
mod epochs;
mod judge;
mod scores;
mod tables;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use super::budget::{PoolBudget, spill_folder};
use super::generate::constraint::{self, Constraint, kept};
use super::rows::Rows;
use super::statement::{Action, StatementNode};
use super::transform::Planner;
use super::watch::{CancelOnDrop, Watch, blocking};
use crate::environment::Runtime;
use crate::environment::settings::Settings;
use crate::error::{Error, Result};
use crate::feature::Budget;
use crate::feature::table::{RowHasher, Sample};
use crate::metric::synthetic::{Column, NULL};
use crate::train::TrainingEvent;
use columns::aligned;
pub use columns::{Input, Shape};
pub use epochs::EpochJudge;
use judge::Judge;
use scores::{Score, Tables, Three};
use tables::{Reader, independent};

/// Rows of a query that are looked at.
pub const MAX_ROWS: usize = 100_000;

/// What is judged.
pub struct Evaluation {
    /// The columns.
    pub shape: Shape,
    /// The real rows, the synthetic ones and, if there are any, those held out.
    pub inputs: Vec<Input>,
    /// What should hold in every row, as SQL.
    pub constraints: Vec<String>,
    /// Whether as many synthetic rows are wanted as there are real ones to learn from, of more.
    pub as_many: bool,
    /// Decides samples, halves, orders and the judge's weights.
    pub seed: u64,
}

/// The scores of `evaluation`; `planner` plans its constraints, `session` readies them.
///
/// # Errors
/// `Plan` for columns that differ between the inputs, types that can't be compared, and constraints that
/// are no conditions over one row.
pub fn scores(
    evaluation: Evaluation,
    session: &SessionState,
    planner: &mut dyn Planner,
) -> Result<LogicalPlan> {
    let Evaluation {
        shape,
        inputs,
        constraints,
        as_many,
        seed,
    } = evaluation;
    let settings = Settings::of(session.config_options());
    let inputs = aligned(&shape.columns, inputs)?;
    let schema = inputs[0].schema();
    let planned = constraint::plan(&constraints, schema, planner)?;
    let constraints = constraints.into_iter().zip(planned).map(|(text, planned)| {
        let condition = session.create_physical_expr(planned, schema)?;
        Ok(Constraint { text, condition })
    });
    let action = EvaluateSynthetic {
        shape,
        constraints: constraints.collect::<Result<_>>()?,
        as_many,
        seed,
        threads: settings.training_threads(),
        device: settings.device,
    };
    Ok(StatementNode::plan(Arc::new(action), inputs)?)
}

/// One call, ready to run. Its inputs are the real query, the synthetic one and, if there is one, that
/// of the rows held out.
struct EvaluateSynthetic {
    shape: Shape,
    constraints: Vec<Constraint>,
    /// As [`Evaluation::as_many`].
    as_many: bool,
    seed: u64,
    device: String,
    threads: usize,
}

impl std::fmt::Debug for EvaluateSynthetic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EvaluateSynthetic({})", self.describe())
    }
}

impl Action for EvaluateSynthetic {
    fn name(&self) -> &'static str {
        "EvaluateSynthetic"
    }

    fn describe(&self) -> String {
        let column = |c: &tables::Judged| match c.is_category {
            true => format!("{} category", c.name),
            false => c.name.clone(),
        };
        let columns: Vec<_> = self.shape.columns.iter().map(column).collect();
        let tasks = self.shape.tasks.iter();
        let tasks: Vec<_> = tasks
            .map(|t| format!("{} {}", t.name, t.kind.name()))
            .collect();
        let constraints: Vec<_> = self.constraints.iter().map(|c| &c.text[..]).collect();
        format!(
            "columns=[{}], tasks=[{}], constraints=[{}], seed={}",
            columns.join(", "),
            tasks.join(", "),
            constraints.join(", "),
            self.seed
        )
    }

    fn schema(&self) -> SchemaRef {
        let double = |name| Field::new(name, DataType::Float64, true);
        Arc::new(Schema::new(vec![
            Field::new("metric", DataType::Utf8, true),
            Field::new("subject", DataType::Utf8, true),
            double("synthetic"),
            double("floor"),
            double("independent"),
        ]))
    }

    fn run(
        self: Arc<Self>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let mut builder = RecordBatchReceiverStreamBuilder::new(self.schema(), 1);
        let result = builder.tx();
        builder.spawn(async move {
            let watch = Watch::new(Runtime::of(&context).progress.clone());
            let _guard = CancelOnDrop(watch.clone());
            let rows = self.evaluate(inputs, context, watch).await?;
            // Nobody listens after the stream was dropped.
            let _ = result.send(Ok(rows)).await;
            Ok(())
        });
        Ok(builder.build())
    }
}

impl EvaluateSynthetic {
    async fn evaluate(
        self: Arc<Self>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        context: Arc<TaskContext>,
        watch: Watch,
    ) -> Result<RecordBatch> {
        let budget: Arc<dyn Budget> =
            Arc::new(PoolBudget::new("EVALUATE_SYNTHETIC", context.memory_pool()));
        let divided = inputs.len() == 2;
        let mut samples: Vec<RecordBatch> = Vec::new();
        let mut charges = Vec::new();
        for (input, what) in inputs.into_iter().zip(["real", "synthetic", "held-out"]) {
            let enough = samples
                .first()
                .filter(|_| self.as_many && what == "synthetic");
            let enough = enough.map_or(u64::MAX, |real| to_learn_from(real, divided) as u64);
            let schema = input.schema();
            let hasher = RowHasher::new(&schema)?;
            let limit = MAX_ROWS..=MAX_ROWS;
            let mut sample = Sample::new(schema, limit, 1, self.seed, budget.clone());
            let mut stream = execute_stream(input, context.clone())?;
            while sample.rows() < enough
                && let Some(batch) = stream.next().await
            {
                let batch = batch?;
                let wanted = (enough - sample.rows()).min(batch.num_rows() as u64);
                let batch = batch.slice(0, wanted as usize);
                sample.push(&batch, &hasher.hashes(&batch)?)?;
                watch.event(&TrainingEvent::Reading {
                    rows: sample.rows(),
                });
            }
            if sample.rows() == 0 {
                return Err(Error::execution(format!(
                    "no {what} rows to compare: the query returned 0 rows"
                )));
            }
            let sampled = sample.finish()?;
            samples.push(sampled.rows);
            charges.push(sampled.charge);
        }
        let spill_dir = spill_folder(&context, std::env::temp_dir());
        blocking(move || {
            let compared = Compared::new(&samples, self.seed)?;
            let judge = Judge {
                columns: &self.shape.options,
                device: &self.device,
                threads: self.threads,
                seed: self.seed,
                budget,
                spill_dir,
                watch: &watch,
            };
            let scores = self.scores(&compared, &judge)?;
            drop(charges);
            table(&scores).batch()
        })
        .await
    }

    /// All metrics, in the order of the result.
    fn scores(&self, rows: &Compared, judge: &Judge) -> Result<Vec<Score>> {
        let shape = &self.shape;
        let mut reader = Reader::new(&shape.columns);
        let tables = Tables {
            columns: &shape.columns,
            labels: &shape.labels,
            train: reader.read(&rows.train)?,
            holdout: reader.read(&rows.holdout)?,
            synthetic: reader.read(&rows.synthetic)?,
            independent: reader.read(&rows.independent)?,
        };
        let go_on = || judge.watch.check();
        let mut scores = tables.column_shapes();
        scores.extend(tables.pair_trends(&go_on)?);
        scores.push(tables.exact_copies());
        go_on()?;
        scores.extend(tables.distances());
        scores.extend(self.broken(rows)?);
        if !shape.labels.is_empty() {
            scores.push(tables.label_tv());
            let varies = |table: &[Column]| -> Vec<bool> {
                shape
                    .labels
                    .iter()
                    .map(|at| two_values(&table[*at]))
                    .collect()
            };
            let learn = |rows_of: &RecordBatch, table: &[Column]| {
                go_on()?;
                let features = table.iter().enumerate();
                let mut features = features.filter(|(at, _)| !shape.labels.contains(at));
                let teaches = features.any(|(_, column)| two_values(column));
                judge.scores(rows_of, &rows.holdout, &varies(table), teaches)
            };
            scores.extend(self.learnt(&Three {
                synthetic: learn(&rows.synthetic, &tables.synthetic)?,
                floor: learn(&rows.train, &tables.train)?,
                independent: learn(&rows.independent, &tables.independent)?,
            }));
        }
        scores::sort(&mut scores);
        Ok(scores)
    }

    /// Shares of rows that break a constraint, each and any.
    fn broken(&self, rows: &Compared) -> Result<Vec<Score>> {
        if self.constraints.is_empty() {
            return Ok(Vec::new());
        }
        let shares = |batch: &RecordBatch| {
            let mut broken = vec![0; self.constraints.len()];
            let kept = kept(&self.constraints, batch, &mut broken)?;
            broken.push((batch.num_rows() - kept.true_count()) as u64);
            let share = |broken: u64| match batch.num_rows() {
                0 => None,
                rows => Some(broken as f64 / rows as f64),
            };
            Ok::<Vec<_>, Error>(broken.into_iter().map(share).collect())
        };
        let shares = Three {
            synthetic: shares(&rows.synthetic)?,
            floor: shares(&rows.train)?,
            independent: shares(&rows.independent)?,
        };
        let subjects = self.constraints.iter().map(|c| Some(c.text.clone()));
        let scores = subjects
            .chain([None])
            .enumerate()
            .map(|(at, subject)| Score {
                metric: "constraint_violations",
                subject,
                values: shares.map(|of| of[at]),
            });
        Ok(scores.collect())
    }

    /// The judge's scores of each task, and the means of those that share a metric.
    fn learnt(&self, of_tasks: &Three<Vec<Option<f64>>>) -> Vec<Score> {
        let mut scores = Vec::new();
        let tasks = || self.shape.tasks.iter().enumerate();
        for metric in judge::METRICS {
            let same = tasks().filter(|(_, task)| judge::metric(&task.kind) == metric);
            let same = same.map(|(at, task)| (task.name.clone(), of_tasks.map(|of| of[at])));
            let same: Vec<_> = same.collect();
            if !same.is_empty() {
                scores.extend(Score::with_mean(metric, same));
            }
        }
        scores
    }
}

/// The rows that are compared, all of the same columns.
struct Compared {
    train: RecordBatch,
    holdout: RecordBatch,
    synthetic: RecordBatch,
    independent: RecordBatch,
}

impl Compared {
    /// From the samples of the real, the synthetic and perhaps the held-out rows. Samples come in a
    /// random order.
    fn new(samples: &[RecordBatch], seed: u64) -> Result<Self> {
        let real = &samples[0];
        let half = to_learn_from(real, samples.len() == 2);
        let (train, holdout) = match samples.get(2) {
            Some(holdout) => (real.clone(), holdout.clone()),
            None => (
                real.slice(0, half),
                real.slice(half, real.num_rows() - half),
            ),
        };
        Ok(Self {
            independent: independent(&train, seed)?,
            synthetic: samples[1].clone(),
            train,
            holdout,
        })
    }
}

/// How many of the real rows are to learn from: one half where the others are held out.
fn to_learn_from(real: &RecordBatch, divided: bool) -> usize {
    match divided {
        true => real.num_rows().div_ceil(2),
        false => real.num_rows(),
    }
}

/// Whether a column has two values besides NULL.
fn two_values(column: &Column) -> bool {
    fn two<T: PartialEq>(mut values: impl Iterator<Item = T>) -> bool {
        let first = values.next();
        first.is_some_and(|first| values.any(|value| value != first))
    }
    match column {
        Column::Numbers(values) => two(values.iter().filter(|v| !v.is_nan())),
        Column::Categories(values) => two(values.iter().filter(|v| **v != NULL)),
    }
}

/// The result's rows.
fn table(scores: &[Score]) -> Rows {
    let values = || scores.iter().map(|s| s.values);
    Rows::new()
        .text("metric", scores.iter().map(|s| Some(s.metric)))
        .text("subject", scores.iter().map(|s| s.subject.as_deref()))
        .double("synthetic", values().map(|v| v.synthetic))
        .double("floor", values().map(|v| v.floor))
        .double("independent", values().map(|v| v.independent))
}
