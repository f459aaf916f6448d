//! `ml_train('m', (query), model_type => .., ...)`: what CREATE MODEL becomes. Streams the query
//! through the encoder, trains, publishes, and returns a row per epoch, split and task.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::StreamExt;
use tokio::sync::mpsc::Sender;

use super::budget::PoolBudget;
use super::call::Call;
use super::environment::Environment;
use super::options::ModelOptions;
use super::rows::{training_rows, training_schema};
use super::settings::Settings;
use super::statement::{Action, StatementNode};
use super::transform;
use crate::device::{self, Precision};
use crate::error::{Error, Result};
use crate::feature::{self, Budget, EncoderSpec, FitOptions, Fitted, Fitter, PartitionFitter};
use crate::model;
use crate::store::{FORMAT_VERSION, Manifest, ModelName, Store, StoredScore, taken};
use crate::tensor::catch;
use crate::train::{self, Epoch, Fit, Progress, Trained, TrainingEvent};

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
    let encoder = feature::infer(&schema, &options.columns)?;
    options.check_tasks(&encoder)?;
    let store = environment.store(&config);
    let (or_replace, if_not_exists) = (call.flag("or_replace")?, call.flag("if_not_exists")?);
    if store.exists(&name) && !or_replace && !if_not_exists {
        return Err(taken(&name));
    }
    let action = CreateModel {
        name,
        or_replace,
        if_not_exists,
        query: query.to_string(),
        transform,
        options,
        encoder,
        device,
        precision,
        threads: settings.training_threads(),
        store,
        progress: environment.progress(),
    };
    Ok(StatementNode::plan(Arc::new(action), vec![input])?)
}

/// One CREATE MODEL, ready to run.
#[derive(Clone)]
struct CreateModel {
    name: String,
    or_replace: bool,
    if_not_exists: bool,
    query: String,
    transform: Option<String>,
    options: ModelOptions,
    encoder: EncoderSpec,
    device: String,
    precision: Precision,
    threads: usize,
    store: Arc<Store>,
    progress: Option<Arc<dyn Progress>>,
}

impl std::fmt::Debug for CreateModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CreateModel({})", self.name)
    }
}

impl Action for CreateModel {
    fn name(&self) -> &'static str {
        "CreateModel"
    }

    fn describe(&self) -> String {
        format!(
            "model={}, model_type={}, tasks=[{}]",
            self.name,
            self.options.model_type,
            self.options.columns.labels.join(", ")
        )
    }

    fn schema(&self) -> SchemaRef {
        training_schema()
    }

    fn run(
        self: Arc<Self>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let input = inputs.into_iter().next().ok_or_else(|| {
            DataFusionError::Internal("CREATE MODEL lost the query that it reads".into())
        })?;
        let mut builder = RecordBatchReceiverStreamBuilder::new(training_schema(), 16);
        let rows = builder.tx();
        builder.spawn(async move {
            let run = Run {
                watch: Watch::new(self.progress.clone()),
                statement: self,
                rows,
            };
            run.create(input, context).await.map_err(Into::into)
        });
        Ok(builder.build())
    }
}

/// Tells the outside how far it is, and the inside when nobody waits any longer.
#[derive(Clone)]
pub(super) struct Watch {
    progress: Option<Arc<dyn Progress>>,
    /// Set once nobody waits any longer.
    pub(super) cancelled: Arc<AtomicBool>,
}

impl Watch {
    pub(super) fn new(progress: Option<Arc<dyn Progress>>) -> Self {
        Self {
            progress,
            cancelled: Arc::default(),
        }
    }

    /// Whether the statement was cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Passes news on; false when the statement was cancelled.
    pub(super) fn event(&self, event: &TrainingEvent) -> bool {
        if let Some(progress) = &self.progress {
            progress.event(event);
        }
        !self.is_cancelled()
    }
}

/// Ends what it watches over when it is dropped: a stream that is dropped drops this.
pub(super) struct CancelOnDrop(pub(super) Watch);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
        if let Some(progress) = &self.0.progress {
            progress.event(&TrainingEvent::Finished);
        }
    }
}

/// One run of the statement.
struct Run {
    statement: Arc<CreateModel>,
    watch: Watch,
    rows: Sender<datafusion::error::Result<arrow::array::RecordBatch>>,
}

impl Run {
    async fn create(self, input: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<()> {
        let _guard = CancelOnDrop(self.watch.clone());
        let statement = self.statement.clone();
        if statement.store.exists(&statement.name) && !statement.or_replace {
            return match statement.if_not_exists {
                true => Ok(()),
                false => Err(taken(&statement.name)),
            };
        }
        // A folder that can't be written is found before hours of training.
        // Loaded models only save time.
        statement.store.forget_idle();
        let drafting = statement.clone();
        let draft = blocking(move || drafting.store.draft(&drafting.name)).await?;
        let pool = context.memory_pool();
        let budget: Arc<dyn Budget> = Arc::new(PoolBudget::new("CREATE MODEL", pool));
        let fitter = Fitter::new(
            statement.encoder.clone(),
            FitOptions {
                split: statement.options.split(),
                seed: statement.options.train.seed,
                threads: statement.threads,
                stop: Some(self.watch.cancelled.clone()),
                reserve: Some(Arc::new(statement.training_bytes()?)),
                funnel: statement.options.config.funnel.clone(),
            },
            budget.clone(),
            spill_folder(&context, draft.scratch()),
        )?;
        let partitions = self.read(&fitter, input, context).await?;
        blocking(move || {
            let fitted = fitter.finish(partitions)?;
            let trained = self.train(&fitted, draft.number(), budget.as_ref())?;
            if self.watch.is_cancelled() {
                return Err(Error::cancelled());
            }
            let manifest = statement.manifest(&fitted, &trained)?;
            draft.write(&manifest, &fitted.encoder, &trained.params)?;
            let (name, replace) = (&statement.name, statement.or_replace);
            match statement.store.publish(name, draft, replace) {
                // Somebody else was faster.
                Err(_) if statement.if_not_exists && statement.store.exists(name) => Ok(()),
                published => published,
            }
        })
        .await
    }

    /// Streams all partitions of the query through the encoder at once.
    async fn read(
        &self,
        fitter: &Fitter,
        input: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> Result<Vec<PartitionFitter>> {
        let total = Arc::new(AtomicU64::new(0));
        let mut tasks = Vec::new();
        for partition in 0..input.output_partitioning().partition_count() {
            let mut stream = input.execute(partition, context.clone())?;
            let mut fitter = fitter.partition();
            let (total, watch) = (total.clone(), self.watch.clone());
            tasks.push(SpawnedTask::spawn(async move {
                while let Some(batch) = stream.next().await {
                    let batch = batch?;
                    fitter.push(&batch)?;
                    let rows = batch.num_rows() as u64;
                    let rows = total.fetch_add(rows, Ordering::Relaxed) + rows;
                    watch.event(&TrainingEvent::Reading { rows });
                }
                Ok::<_, Error>(fitter)
            }));
        }
        let mut fitters = Vec::with_capacity(tasks.len());
        for task in tasks {
            fitters.push(joined(task.await)?);
        }
        Ok(fitters)
    }

    fn train(&self, fitted: &Fitted, version: u64, budget: &dyn Budget) -> Result<Trained> {
        let statement = &self.statement;
        let trainer = Trainer {
            options: &statement.options,
            device: &statement.device,
            precision: statement.precision,
            threads: statement.threads,
            budget,
        };
        let report = |event: &TrainingEvent| self.watch.event(event);
        let mut epoch_done = |history: &[Epoch]| {
            let batch = training_rows(version, history).batch().map_err(Into::into);
            // Nobody listens after the stream was dropped: the watch ends the training then.
            let _ = self.rows.blocking_send(batch);
        };
        trainer.train(fitted, &report, &mut epoch_done)
    }
}

/// What a network over encoded rows is trained with.
pub(super) struct Trainer<'a> {
    pub(super) options: &'a ModelOptions,
    pub(super) device: &'a str,
    pub(super) precision: Precision,
    pub(super) threads: usize,
    pub(super) budget: &'a dyn Budget,
}

impl Trainer<'_> {
    /// Trains a network on the rows of `fitted`.
    ///
    /// # Errors
    /// As [`train::fit`].
    pub(super) fn train(
        &self,
        fitted: &Fitted,
        report: &dyn Fn(&TrainingEvent) -> bool,
        epoch_done: &mut dyn FnMut(&[Epoch]),
    ) -> Result<Trained> {
        let options = self.options;
        let device = device::select(self.device.parse()?)?;
        let architecture = model::find(&options.model_type)?;
        let layout = fitted.encoder.layout();
        let spec = model::Spec::new(layout, options.embedding_dim, options.config.clone());
        let tasks = layout.tasks.iter().enumerate().map(|(at, task)| {
            let loss = options.loss(task, fitted.train.labels(at))?;
            Ok((loss, task.kind.clone()))
        });
        let fit = Fit {
            architecture,
            spec: &spec,
            tasks: tasks.collect::<Result<_>>()?,
            table_rows: layout.table_rows as usize,
            offsets: layout.ids.iter().map(|c| c.offset as usize).collect(),
            user_column: layout.user,
            train: &fitted.train,
            eval: (fitted.eval.rows() > 0).then_some(&fitted.eval),
            options: &options.train,
            device,
            products: device::products(self.precision, device),
            threads: self.threads,
            budget: self.budget,
        };
        train::alone(|| catch(|| train::fit(&fit, report, epoch_done)))
    }
}

impl CreateModel {
    /// Memory that training takes beside the encoded rows.
    fn training_bytes(&self) -> Result<impl Fn(&feature::Layout) -> usize + Send + Sync + 'static> {
        let architecture = model::find(&self.options.model_type)?;
        let (options, threads) = (self.options.clone(), self.threads);
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

    fn manifest(&self, fitted: &Fitted, trained: &Trained) -> Result<Manifest> {
        let device = device::select(self.device.parse()?)?;
        let products = device::products(self.precision, device);
        let tasks: Vec<_> = fitted
            .encoder
            .layout()
            .tasks
            .iter()
            .map(|t| t.name.clone())
            .collect();
        let scores = trained.scores.iter().zip(&tasks);
        let libraries = crate::versions().into_iter();
        Ok(Manifest {
            format_version: FORMAT_VERSION,
            model_type: self.options.model_type.clone(),
            created: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            libraries: libraries
                .map(|(k, v)| (k.to_string(), v))
                .collect::<BTreeMap<_, _>>(),
            options: self.options.to_map(),
            transform: self.transform.clone(),
            query: self.query.clone(),
            rows: fitted.train.rows() + fitted.eval.rows(),
            encoder: fitted.encoder.fitted().clone(),
            config: self.options.config.clone(),
            embedding_dim: self.options.embedding_dim,
            precision: device::precision_name(products).into(),
            history: trained.history.clone(),
            best_epoch: trained.best_epoch,
            scores: scores
                .map(|(score, task)| StoredScore {
                    task: task.clone(),
                    rows: score.rows,
                    positives: score.positives,
                    auc: score.auc,
                    gauc: score.gauc,
                    log_loss: score.log_loss,
                    calibration_error: score.calibration_error,
                    rmse: score.rmse,
                })
                .collect(),
            scenario_col: self.options.columns.scenario_col.clone(),
            tasks,
        })
    }
}

/// Where rows go that don't fit in memory: DataFusion's own place for such files, or else beside the
/// draft.
pub(super) fn spill_folder(context: &TaskContext, fallback: PathBuf) -> PathBuf {
    let disk = &context.runtime_env().disk_manager;
    match disk.temp_dir_paths().into_iter().next() {
        Some(folder) => folder,
        None => fallback,
    }
}

/// Runs `work` on a thread that may block; dropping the future does not end it, its watch does.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    joined(SpawnedTask::spawn_blocking(work).await)
}

fn joined<T>(result: Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    result.map_err(|e| match e.is_cancelled() {
        true => Error::cancelled(),
        false => Error::internal(format!("a task of the training failed: {e}")),
    })?
}
