//! CREATE MODEL of a generator: the query's rows are collected and coded, a design learns from them, and
//! what was learnt is published with the codes.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use super::create_images;
use super::creation::{Creation, Learned, Recipe, Run};
use crate::device::Precision;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::feature::table::{Codec, CodecOptions, Collector, PartitionCollector, TableSpec};
use crate::feature::{Charge, FittedSpec, Task, TaskKind, find_name};
use crate::gan::{Design, Makes, RowDesign};
use crate::plan::evaluate_synthetic::EpochJudge;
use crate::plan::generate::constraint;
use crate::plan::transform::Statement;
use crate::store::{Draft, FittedModel, GeneratorSpec, Part};
use crate::tensor::catch;
use crate::train::adversarial::{self, Adversarial, Generated};
use crate::train::{self, Epoch, TrainingEvent};

/// Categories of a column that have slots of their own, where max_vocabulary says nothing.
const KEPT: usize = 64;

/// Groups of all others, where hash_buckets says nothing.
const GROUPS: u32 = 16;

/// Generators of rows compute in f32: their networks are too small to gain by anything else.
const PRECISION: Precision = Precision::Float32;

/// Plans a CREATE MODEL of `design` over `input`.
///
/// # Errors
/// `Plan` for whatever in the statement can't work.
pub fn plan(
    design: &'static Design,
    mut statement: Creation,
    input: LogicalPlan,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    match design.makes {
        Makes::Rows(design) => {
            let options = &statement.options;
            let schema = input.schema();
            let spec = TableSpec::infer(schema.as_arrow(), &options.columns, &options.funnel)?;
            constraint::plan(&options.constraints, schema, &mut Statement(context))?;
            if design.fit.is_none() && spec.features().fields().is_empty() {
                return Err(Error::plan(format!(
                    "no column is left to draw beside the labels, which model_type = '{}' draws as often as they \
                     are; model_type = 'copula' takes labels alone",
                    options.model_type
                )));
            }
            let config = context.context_provider().options();
            let predictor = options.predictor.as_ref();
            let predictor = predictor.map(|name| environment.predictor(config, name));
            let predictor = predictor.transpose()?;
            if let Some(predictor) = &predictor {
                check_predictor(predictor, &spec)?;
                statement.options.predictor = Some(predictor.name().to_string());
            }
            let rows = Rows {
                design,
                spec: Arc::new(spec),
                predictor,
            };
            statement.plan(rows, input)
        }
        Makes::Images => create_images::plan(statement, input, environment, context),
    }
}

/// A predictor has to read what is generated, without the labels, and to predict some of these.
fn check_predictor(predictor: &FittedModel, spec: &TableSpec) -> Result<()> {
    let name = predictor.name();
    let encoder = &predictor.manifest().encoder;
    encoder
        .bind(&spec.features())
        .map_err(|e| Error::plan(format!("option predictor, model {name}: {e}")))?;
    let labels = spec.label_names();
    let tasks = &predictor.manifest().tasks;
    let is_label = |task: &Task| {
        let of_classes = !matches!(task.kind, TaskKind::Regression(_));
        of_classes && find_name(labels.iter().copied(), &task.name).is_some()
    };
    match encoder.layout().tasks.iter().any(is_label) {
        true => Ok(()),
        false => Err(Error::plan(format!(
            "option predictor: model {name} predicts none of these labels as classes; it has: {}; input_label_cols \
             has: {}",
            tasks.join(", "),
            labels.join(", ")
        ))),
    }
}

/// Makes a generator of rows.
#[derive(Clone)]
struct Rows {
    design: RowDesign,
    spec: Arc<TableSpec>,
    /// Who guides it.
    predictor: Option<FittedModel>,
}

impl Recipe for Rows {
    type Reader = Collector;
    type Part = PartitionCollector;

    fn reader(&self, run: &Run) -> Result<Collector> {
        let seed = run.statement.options.train.seed;
        Ok(Collector::new(&self.spec, seed, run.budget.clone()))
    }

    fn part(&self, reader: &Collector, _: &Run) -> Result<PartitionCollector> {
        reader.partition()
    }

    fn push(part: &mut PartitionCollector, batch: &RecordBatch) -> Result<()> {
        part.push(batch)
    }

    fn learn(
        &self,
        reader: Collector,
        parts: Vec<PartitionCollector>,
        run: &Run,
        draft: &Draft,
    ) -> Result<()> {
        let options = &run.statement.options;
        let start = Instant::now();
        let collected = reader.finish(parts)?;
        let coding = CodecOptions {
            keep: options.columns.max_vocabulary.unwrap_or(KEPT),
            groups: options.columns.hash_buckets.unwrap_or(GROUPS) as usize,
            ordered: self.design.ordered,
            seed: options.train.seed,
        };
        let (codec, coded) = Codec::fit(&self.spec, &collected.rows, &coding)?;
        run.check()?;
        let generated = match self.design.fit {
            Some(fit) => {
                let params = catch(|| fit(&codec, &coded))?;
                let history = vec![Epoch {
                    epoch: 1,
                    split: "train".into(),
                    task: "correlations".into(),
                    loss: None,
                    auc: None,
                    weight: 1.,
                    rows: coded.rows as i64,
                    seconds: start.elapsed().as_secs_f64(),
                }];
                run.epoch_done(&history);
                Generated {
                    params,
                    history,
                    best_epoch: 1,
                }
            }
            None => {
                let go_on = || run.check();
                let (rows, columns) = (&collected.rows, &options.columns);
                let seed = options.train.seed;
                let judge = EpochJudge::new(&codec, rows, columns, seed, &go_on)?;
                let predictor = self.predictor.as_ref();
                let checkpoints = run.checkpoint(
                    draft,
                    PRECISION,
                    [
                        ("content of the rows", collected.digest.into()),
                        (
                            "predictor's content",
                            predictor.map(FittedModel::digest).into(),
                        ),
                    ],
                )?;
                let mut charge = Charge::new(run.budget.clone());
                let predictor = predictor
                    .map(|model| model.network(&mut charge))
                    .transpose()?;
                let fit = Adversarial {
                    checkpoints: &checkpoints,
                    judge: &judge,
                    codec: &codec,
                    coded: &coded,
                    config: &options.config,
                    options: &options.train,
                    threads: run.statement.threads,
                    budget: run.budget.clone(),
                };
                let report = |event: &TrainingEvent| run.report(event);
                let mut epoch_done = |history: &[Epoch]| run.epoch_done(history);
                train::alone(|| {
                    catch(|| adversarial::fit(&fit, predictor, &report, &mut epoch_done))
                })?
            }
        };
        run.check()?;
        let manifest = run.statement.manifest(Learned {
            precision: PRECISION,
            rows: collected.seen,
            encoder: FittedSpec::empty(),
            generator: Some(GeneratorSpec::Rows(codec)),
            tasks: options.columns.labels.clone(),
            history: generated.history,
            best_epoch: generated.best_epoch,
            scores: Vec::new(),
        })?;
        draft.write(manifest, &[Part::weights(&generated.params)])
    }
}
