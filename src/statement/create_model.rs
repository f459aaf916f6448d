//! `ml_train('m', (query), model_type => .., ...)`: what CREATE MODEL becomes. Predictors are trained
//! here: the query goes through the encoder, and a row per epoch, split and task is returned.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use super::create_generator;
use super::creation::{Creation, Learned, Recipe, Run};
use crate::device::{self, Precision};
use crate::environment::Environment;
use crate::environment::settings::Settings;
use crate::error::Result;
use crate::feature::{self, EncoderSpec, FitOptions, Fitted, Fitter, PartitionFitter};
use crate::gan;
use crate::model;
use crate::plan::options::ModelOptions;
use crate::plan::training::Trainer;
use crate::plan::transform;
use crate::relation::call::Call;
use crate::store::{Draft, ModelName, Part, StoredScore};
use crate::train::{Trained, TrainingEvent};

/// Named arguments that are no options of the model.
const FLAGS: [&str; 3] = ["or_replace", "if_not_exists", "transform"];

/// Plans a call of ml_train.
///
/// # Errors
/// `Plan` for whatever in the statement can't work.
pub fn plan(
    call: &Call,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let name = ModelName::parse_unversioned(&call.model()?)?.name;
    let options = ModelOptions::parse(&call.values(&FLAGS)?)?;
    let query = call.required_query(1)?;
    let config = context.context_provider().options().clone();
    let settings = Settings::of(&config);
    let device = options.device.clone().unwrap_or(settings.device.clone());
    device.parse::<device::Choice>()?;
    let precision = options.precision.as_ref().unwrap_or(&settings.precision);
    let precision = precision.parse()?;
    let mut input = Call::plan_query(query, context)?;
    let transform = call.text("transform")?;
    if let Some(list) = &transform {
        let columns = &options.columns;
        let single = [
            &columns.scenario_col,
            &columns.user_col,
            &columns.item_col,
            &columns.split_col,
        ];
        let mut always = columns.labels.clone();
        always.extend(single.into_iter().flatten().cloned());
        input = transform::apply(list, input, &always, &mut transform::Statement(context))?;
    }
    let schema: Schema = input.schema().as_arrow().clone();
    let mut statement = Creation {
        name,
        or_replace: call.flag("or_replace")?,
        if_not_exists: call.flag("if_not_exists")?,
        query: query.to_string(),
        transform,
        options,
        device,
        precision,
        threads: settings.training_threads(),
        store: environment.store(&config),
        progress: environment.progress(),
    };
    if let Some(design) = gan::find(&statement.options.model_type) {
        return create_generator::plan(design, statement, input, environment, context);
    }
    let encoder = feature::infer(&schema, &statement.options.columns)?;
    statement.options.check_tasks(&encoder)?;
    if let Some(size) = encoder.image_size() {
        statement.options.columns.image_size = size.to_vec();
        statement.options.config.image_size = size.map(|side| side as i64);
    }
    statement.plan(Predictor { encoder }, input)
}

/// Makes a predictor.
#[derive(Clone)]
struct Predictor {
    encoder: EncoderSpec,
}

impl Recipe for Predictor {
    type Reader = Fitter;
    type Part = PartitionFitter;

    fn reader(&self, run: &Run) -> Result<Fitter> {
        let options = &run.statement.options;
        Fitter::new(
            self.encoder.clone(),
            FitOptions {
                split: options.split(),
                seed: options.train.seed,
                threads: run.statement.threads,
                stop: Some(run.stop()),
                reserve: Some(Arc::new(training_bytes(&run.statement)?)),
                funnel: options.config.funnel.clone(),
            },
            run.budget.clone(),
            run.spill.clone(),
        )
    }

    fn part(&self, reader: &Fitter, _: &Run) -> Result<PartitionFitter> {
        Ok(reader.partition())
    }

    fn push(part: &mut PartitionFitter, batch: &RecordBatch) -> Result<()> {
        part.push(batch)
    }

    fn learn(
        &self,
        reader: Fitter,
        parts: Vec<PartitionFitter>,
        run: &Run,
        draft: &Draft,
    ) -> Result<()> {
        let fitted = reader.finish(parts)?;
        let trained = train(&fitted, run)?;
        run.check()?;
        let learned = learned(&fitted, &trained, run.statement.precision);
        let manifest = run.statement.manifest(learned)?;
        let parts = [
            Part::weights(&trained.params),
            Part::vocabulary(&fitted.encoder),
        ];
        draft.write(manifest, &parts)
    }
}

fn train(fitted: &Fitted, run: &Run) -> Result<Trained> {
    let statement = &run.statement;
    let trainer = Trainer {
        options: &statement.options,
        device: &statement.device,
        precision: statement.precision,
        threads: statement.threads,
        budget: run.budget.as_ref(),
    };
    let report = |event: &TrainingEvent| run.report(event);
    trainer.train(fitted, &report, &mut |history| run.epoch_done(history))
}

/// Memory that training takes beside the encoded rows.
fn training_bytes(
    statement: &Creation,
) -> Result<impl Fn(&feature::Layout) -> usize + Send + Sync + 'static> {
    let architecture = model::find(&statement.options.model_type)?;
    let (options, threads) = (statement.options.clone(), statement.threads);
    Ok(move |layout: &feature::Layout| {
        let config = options.config.clone();
        let spec = model::Spec::new(layout, options.embedding_dim, config);
        let rows = layout.table_rows as usize;
        let train = &options.train;
        // A network that can't be built is an error of the training that follows.
        let bytes = train.memory_bytes(architecture, &spec, rows, threads, u64::MAX);
        bytes.unwrap_or_default()
    })
}

fn learned(fitted: &Fitted, trained: &Trained, precision: Precision) -> Learned {
    let tasks = fitted.encoder.layout().tasks.iter();
    let tasks: Vec<_> = tasks.map(|t| t.name.clone()).collect();
    let scores = trained.scores.iter().zip(&tasks);
    Learned {
        precision,
        rows: fitted.train.rows() + fitted.eval.rows(),
        encoder: fitted.encoder.fitted().clone(),
        generator: None,
        history: trained.history.clone(),
        best_epoch: trained.best_epoch,
        scores: scores
            .map(|(score, task)| {
                let metrics = score.metrics.iter();
                StoredScore {
                    task: task.clone(),
                    rows: score.rows,
                    positives: score.positives,
                    metrics: metrics
                        .map(|&(name, value)| (name.to_string(), Some(value)))
                        .collect(),
                }
            })
            .collect(),
        tasks,
    }
}
