//! `EVALUATE_SYNTHETIC(MODEL g, (real), ...)` and `EVALUATE_SYNTHETIC((real), (synthetic), ...)`: how close
//! generated rows come to real ones, each metric beside its floor and that of independent columns.
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
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use super::budget::PoolBudget;
use super::call::Call;
use super::creation::{blocking, spill_folder};
use super::environment::Environment;
use super::generate;
use super::generate::constraint::{self, Constraint, kept};
use super::options::{ModelOptions, read};
use super::rows::Rows;
use super::settings::Settings;
use super::statement::{Action, StatementNode};
use super::watch::{CancelOnDrop, Watch};
use crate::device::Choice;
use crate::error::{Error, Result};
use crate::feature::Budget;
use crate::feature::table::{RowHasher, Sample};
use crate::metric::synthetic::{Column, NULL};
use crate::store::GeneratorSpec;
use crate::train::{Progress, TrainingEvent};
use columns::{Input, Shape, aligned, column_options, option};
pub use epochs::EpochJudge;
use judge::Judge;
use scores::{Score, Tables, Three};
use tables::{Reader, independent};

/// Rows of a query that are looked at.
const MAX_ROWS: usize = 100_000;

/// Decides samples, halves, orders and the judge's weights when no seed is given.
const DEFAULT_SEED: u64 = 42;

/// Named arguments where a model generates the rows.
const OF_MODEL: [&str; 3] = ["holdout", "n", "seed"];

/// Named arguments where a query gives them.
const OF_QUERY: [&str; 8] = [
    "labels",
    "tasks",
    "categorical_cols",
    "numeric_cols",
    "exclude_cols",
    "constraints",
    "holdout",
    "seed",
];

/// Plans a call of EVALUATE_SYNTHETIC.
///
/// # Errors
/// `Plan` for an unknown model, a predictor, an unknown option or label, columns that differ between
/// the queries, and types that can't be compared.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let settings = Settings::of(context.context_provider().options());
    settings.device.parse::<Choice>()?;
    let Given {
        shape,
        mut inputs,
        constraints,
        as_many,
    } = match call.begins_with_query() {
        true => of_query(call, context)?,
        false => of_model(call, environment, context)?,
    };
    if let Some(query) = call.named_query("holdout")? {
        inputs.push(Input::plan("held-out", query, context)?);
    }
    let inputs = aligned(&shape.columns, inputs)?;
    let schema = inputs[0].schema();
    let planned = constraint::plan(&constraints, schema, context)?;
    let session = environment.session()?;
    let constraints = constraints.into_iter().zip(planned).map(|(text, planned)| {
        let condition = session.create_physical_expr(planned, schema)?;
        Ok(Constraint { text, condition })
    });
    let action = EvaluateSynthetic {
        shape,
        constraints: constraints.collect::<Result<_>>()?,
        as_many,
        seed: option(call, "seed", read::seed)?.unwrap_or(DEFAULT_SEED),
        threads: settings.training_threads(),
        device: settings.device,
        progress: environment.progress(),
    };
    Ok(StatementNode::plan(Arc::new(action), inputs)?)
}

/// What a call is about.
struct Given {
    shape: Shape,
    /// The real and the synthetic rows.
    inputs: Vec<Input>,
    /// What should hold in every row, as SQL.
    constraints: Vec<String>,
    /// Whether as many synthetic rows are wanted as there are real ones to learn from, of more.
    as_many: bool,
}

fn of_query(call: &Call, context: &mut dyn RelationPlannerContext) -> Result<Given> {
    call.allow(2, &OF_QUERY)?;
    let options = column_options(call)?;
    let real = Input::plan("real", call.required_query(0)?, context)?;
    let synthetic = Input::plan("synthetic", call.required_query(1)?, context)?;
    let schema = real.plan.schema().as_arrow();
    synthetic.reject_extra(schema, &options.exclude_cols)?;
    Ok(Given {
        shape: Shape::of(schema, &options)?,
        inputs: vec![real, synthetic],
        constraints: option(call, "constraints", read::texts)?.unwrap_or_default(),
        as_many: false,
    })
}

/// The columns, their roles and the constraints are those of the model; the real query may have more
/// columns.
fn of_model(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<Given> {
    call.allow(2, &OF_MODEL)?;
    let config = context.context_provider().options().clone();
    let model = environment.model(&config, &call.model()?)?;
    let generator = model.generator()?;
    if let GeneratorSpec::Images(_) = generator {
        return Err(Error::plan(format!(
            "EVALUATE_SYNTHETIC judges rows, and model {} draws images: TRAINING_INFO has their scores",
            model.name()
        )));
    }
    let schema = generator.schema()?;
    let options = ModelOptions::parse(&model.manifest().options)?;
    let rows = option(call, "n", read::count::<u64>)?;
    let mut numbers = vec![("n", rows.unwrap_or(MAX_ROWS as u64))];
    numbers.extend(option(call, "seed", read::seed)?.map(|seed| ("seed", seed)));
    let generate = Call::of_numbers("generate", model.name().to_string(), &numbers);
    let synthetic = Input {
        rows: "synthetic",
        plan: generate::plan(&generate, environment, context)?,
    };
    Ok(Given {
        shape: Shape::of_generated(&schema, &options.columns)?,
        inputs: vec![
            Input::plan("real", call.required_query(1)?, context)?,
            synthetic,
        ],
        constraints: options.constraints,
        as_many: rows.is_none(),
    })
}

/// One call, ready to run. Its inputs are the real query, the synthetic one and, if there is one, that
/// of the rows held out.
struct EvaluateSynthetic {
    shape: Shape,
    constraints: Vec<Constraint>,
    /// As [`Given::as_many`].
    as_many: bool,
    seed: u64,
    device: String,
    threads: usize,
    progress: Option<Arc<dyn Progress>>,
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
            let watch = Watch::new(self.progress.clone());
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
