//! CREATE MODEL of a generator of images.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;

use super::creation::{Creation, Learned, Recipe, Run};
use crate::device::{self, Precision};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::feature::{
    self, EncoderSpec, FitOptions, Fitted, FittedSpec, Fitter, PartitionFitter, TaskKind,
};
use crate::gan::image::{self, Design, ImageSpec};
use crate::model::image_classifier::FEATURES;
use crate::store::{
    Draft, FittedModel, GeneratorSpec, ImageJudge, ImageMaker, Part, PinnedClassifier, PixelColumn,
};
use crate::tensor::catch;
use crate::train::{self, Features, ImageFit, TrainedImages};

/// Plans a CREATE MODEL of a generator of images over `input`.
///
/// # Errors
/// `Plan` for whatever in the statement can't work.
pub fn plan(
    mut statement: Creation,
    input: LogicalPlan,
    environment: &Environment,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let schema: &Schema = input.schema().as_arrow();
    let encoder = feature::infer(schema, &statement.options.columns)?;
    check_labels(&encoder)?;
    let size = encoder.image_size().unwrap_or_default();
    statement.options.columns.image_size = size.to_vec();
    let size = size.map(|side| side as i64);
    let options = &statement.options;
    let design = image::find(&options.arch)?;
    design.check(size)?;
    let config = context.context_provider().options();
    let classifier = options.classifier.as_ref();
    let judge = classifier.map(|name| environment.predictor(config, name));
    let judge = judge.transpose()?;
    if let Some(judge) = &judge {
        ImageJudge::check(judge, size)?;
    }
    let features = encoder.features().next();
    let field = features.and_then(|column| schema.field_with_name(&column.name).ok());
    let field = field.ok_or_else(|| Error::internal("the column of pixels is gone"))?;
    let recipe = Images {
        pixels: PixelColumn::of(field.data_type()),
        encoder,
        design,
        size,
        judge,
    };
    statement.plan(recipe, input)
}

/// At most one label, a choice among its values.
fn check_labels(encoder: &EncoderSpec) -> Result<()> {
    if encoder.tasks.len() > 1 {
        return Err(Error::plan(format!(
            "image_gan takes at most one label, got {}",
            encoder.tasks.len()
        )));
    }
    match encoder.tasks.first() {
        Some(task) if !matches!(task.kind, TaskKind::MultiClass(_)) => Err(Error::plan(format!(
            "image_gan takes a multiclass label; {:?} is a {} task",
            task.name,
            task.kind.name()
        ))),
        _ => Ok(()),
    }
}

/// Makes a generator of images.
#[derive(Clone)]
struct Images {
    encoder: EncoderSpec,
    pixels: PixelColumn,
    design: &'static Design,
    size: [i64; 2],
    judge: Option<FittedModel>,
}

impl Recipe for Images {
    type Reader = Fitter;
    type Part = PartitionFitter;

    fn reader(&self, run: &Run) -> Result<Fitter> {
        let options = &run.statement.options;
        let (design, size, threads) = (self.design, self.size, run.statement.threads);
        let rows = options.train.batch_size;
        let bytes = move |layout: &feature::Layout| {
            let classes = layout.tasks.first().map_or(0, |task| task.kind.width());
            let classes = classes as i64;
            // Networks that can't be built are an error of the training that follows.
            let spec = ImageSpec { size, classes };
            train::memory_bytes(design, &spec, rows, threads).unwrap_or_default()
        };
        Fitter::new(
            self.encoder.clone(),
            FitOptions {
                split: options.split(),
                seed: options.train.seed,
                threads,
                stop: Some(run.stop()),
                reserve: Some(Arc::new(bytes)),
                funnel: Vec::new(),
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
        let precision = run.precision()?;
        let trained = self.train(&fitted, precision, run, draft)?;
        run.check()?;
        let learned = self.learned(&fitted, &trained, precision);
        let manifest = run.statement.manifest(learned)?;
        draft.write(manifest, &[Part::weights(&trained.params)])
    }
}

impl Images {
    fn train(
        &self,
        fitted: &Fitted,
        precision: Precision,
        run: &Run,
        draft: &Draft,
    ) -> Result<TrainedImages> {
        let statement = &run.statement;
        let options = &statement.options.train;
        let device = device::select(statement.device.parse()?)?;
        let load = |judge| ImageJudge::load(judge, self.size, device);
        let judge = self.judge.as_ref().map(load).transpose()?;
        let features = judge
            .as_ref()
            .map(|judge| |images: &_| judge.features(images));
        let task = fitted.encoder.layout().tasks.first();
        let classes = match task.map(|task| &task.kind) {
            Some(TaskKind::MultiClass(classes)) => &classes.values[..],
            _ => &[],
        };
        let images = fitted.train.digest()?.wrapping_add(fitted.eval.digest()?);
        let judged = self.judge.as_ref().map(FittedModel::digest);
        let checkpoints = run.checkpoint(
            draft,
            precision,
            [
                ("content of the images", images.into()),
                ("classifier's content", judged.into()),
                ("number of threads", statement.threads.into()),
            ],
        )?;
        let fit = ImageFit {
            design: self.design,
            spec: ImageSpec {
                size: self.size,
                classes: self.counts(fitted).len() as i64,
            },
            classes,
            train: &fitted.train,
            eval: (fitted.eval.rows() > 0).then_some(&fitted.eval),
            epochs: options.epochs,
            batch_size: options.batch_size,
            learn_rate: options.learn_rate,
            seed: options.seed,
            features: features.as_ref().map(|f| (f as &Features, FEATURES)),
            device,
            products: device::products(precision, device),
            threads: statement.threads,
            budget: run.budget.as_ref(),
            checkpoints: &checkpoints,
        };
        let report = |event: &train::TrainingEvent| run.report(event);
        let mut epoch_done = |history: &[train::Epoch]| run.epoch_done(history);
        train::alone(|| catch(|| train::fit_images(&fit, &report, &mut epoch_done)))
    }

    /// Training rows of each class.
    fn counts(&self, fitted: &Fitted) -> Vec<u64> {
        match self.encoder.tasks.is_empty() {
            true => Vec::new(),
            false => fitted.train.labels(0).classes.clone(),
        }
    }

    fn learned(&self, fitted: &Fitted, trained: &TrainedImages, precision: Precision) -> Learned {
        let encoder = fitted.encoder.fitted().clone();
        let tasks = encoder.layout().tasks.iter();
        let tasks = tasks.map(|task| task.name.clone()).collect();
        let classifier = self.judge.as_ref().map(|judge| PinnedClassifier {
            model: judge.name().to_string(),
            checksum: judge.digest().to_string(),
        });
        Learned {
            precision,
            rows: fitted.train.rows() + fitted.eval.rows(),
            encoder: FittedSpec::empty(),
            generator: Some(GeneratorSpec::Images(Box::new(ImageMaker {
                arch: self.design.name.into(),
                size: self.size,
                pixels: self.pixels.clone(),
                counts: self.counts(fitted),
                classifier,
                encoder,
            }))),
            tasks,
            history: trained.history.clone(),
            best_epoch: trained.best_epoch,
            scores: Vec::new(),
        }
    }
}
