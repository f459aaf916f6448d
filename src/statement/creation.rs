//! What every CREATE MODEL has in common, whatever it makes: the query is streamed into a reader, what
//! was read is learnt from on a thread of its own, a version is published, and what is reported flows
//! back. A stream that is dropped cancels, and leaves nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use crate::device::{self, Precision};
use crate::environment::versions;
use crate::error::{Error, Result};
use crate::feature::{Budget, FittedSpec};
use crate::plan::budget::{PoolBudget, spill_folder};
use crate::plan::options::ModelOptions;
use crate::plan::rows::{training_rows, training_schema};
use crate::plan::statement::{Action, StatementNode, only};
use crate::plan::watch::{CancelOnDrop, Watch, blocking, joined};
use crate::store::{
    CheckpointFile, Draft, FORMAT_VERSION, GeneratorSpec, Manifest, Store, StoredScore, taken,
};
use crate::train::{Epoch, Progress, TrainingEvent};

/// The option of that name, and where a checkpoint keeps what it came to.
const PRECISION: &str = "precision";

/// What a statement says, whatever it makes.
#[derive(Clone)]
pub struct Creation {
    /// The model's name.
    pub name: String,
    /// OR REPLACE.
    pub or_replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// The query, as SQL.
    pub query: String,
    /// The TRANSFORM list, as SQL.
    pub transform: Option<String>,
    /// The options.
    pub options: ModelOptions,
    /// Where to train.
    pub device: String,
    /// What products are computed in.
    pub precision: Precision,
    /// Threads of the training.
    pub threads: usize,
    /// Where the model goes.
    pub store: Arc<Store>,
    /// Who hears of it.
    pub progress: Option<Arc<dyn Progress>>,
}

/// What becomes of the rows.
pub trait Recipe: Clone + Send + Sync + 'static {
    /// Takes in the query's partitions.
    type Reader: Send + Sync + 'static;
    /// Takes in one of them.
    type Part: Send + 'static;

    /// Begins to read.
    ///
    /// # Errors
    /// Of what can't be read or trained like this.
    fn reader(&self, run: &Run) -> Result<Self::Reader>;

    /// A part of what is read.
    ///
    /// # Errors
    /// Of what can't be read like this.
    fn part(&self, reader: &Self::Reader, run: &Run) -> Result<Self::Part>;

    /// Takes rows in.
    ///
    /// # Errors
    /// `Execution` for values that can't be read; `Resources` for more than the memory limit allows.
    fn push(part: &mut Self::Part, batch: &RecordBatch) -> Result<()>;

    /// Learns from what was read, and writes the draft. May block.
    ///
    /// # Errors
    /// Whatever goes wrong; `Cancelled` when nobody waits any longer.
    fn learn(
        &self,
        reader: Self::Reader,
        parts: Vec<Self::Part>,
        run: &Run,
        draft: &Draft,
    ) -> Result<()>;
}

/// What was learnt, for the manifest.
pub struct Learned {
    /// What products were computed in.
    pub precision: Precision,
    /// Rows of the query.
    pub rows: u64,
    /// What prediction reads.
    pub encoder: FittedSpec,
    /// What a generator makes.
    pub generator: Option<GeneratorSpec>,
    /// The tasks.
    pub tasks: Vec<String>,
    /// A row per epoch, split and task.
    pub history: Vec<Epoch>,
    /// The epoch that was kept.
    pub best_epoch: usize,
    /// Every task over the rows held back.
    pub scores: Vec<StoredScore>,
}

impl Creation {
    /// A plan that reads `input` and makes a model of it by `recipe`.
    ///
    /// # Errors
    /// `Plan` when the name is taken.
    pub fn plan<R: Recipe>(self, recipe: R, input: LogicalPlan) -> Result<LogicalPlan> {
        if self.store.exists(&self.name) && !self.or_replace && !self.if_not_exists {
            return Err(taken(&self.name));
        }
        let statement = Arc::new(self);
        let action = Create { statement, recipe };
        Ok(StatementNode::plan(Arc::new(action), vec![input])?)
    }

    /// The manifest of what was learnt.
    ///
    /// # Errors
    /// As the device can't be had.
    pub fn manifest(&self, learned: Learned) -> Result<Manifest> {
        let device = device::select(self.device.parse()?)?;
        let products = device::products(learned.precision, device);
        let libraries = versions().into_iter();
        Ok(Manifest {
            format_version: FORMAT_VERSION,
            files: Vec::new(),
            model_type: self.options.model_type.clone(),
            created: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            libraries: libraries.map(|(k, v)| (k.to_string(), v)).collect(),
            options: self.options.to_map(),
            transform: self.transform.clone(),
            query: self.query.clone(),
            rows: learned.rows,
            encoder: learned.encoder,
            generator: learned.generator,
            config: self.options.config.clone(),
            embedding_dim: self.options.embedding_dim,
            precision: device::precision_name(products).into(),
            history: learned.history,
            best_epoch: learned.best_epoch,
            scores: learned.scores,
            scenario_col: self.options.columns.scenario_col.clone(),
            tasks: learned.tasks,
        })
    }
}

/// The statement as a plan's action.
struct Create<R> {
    statement: Arc<Creation>,
    recipe: R,
}

impl<R> std::fmt::Debug for Create<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CreateModel({})", self.statement.name)
    }
}

impl<R: Recipe> Action for Create<R> {
    fn name(&self) -> &'static str {
        "CreateModel"
    }

    fn describe(&self) -> String {
        format!(
            "model={}, model_type={}, tasks=[{}]",
            self.statement.name,
            self.statement.options.model_type,
            self.statement.options.columns.labels.join(", ")
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
        let input = only(inputs, "CREATE MODEL")?;
        let mut builder = RecordBatchReceiverStreamBuilder::new(training_schema(), 16);
        let rows = builder.tx();
        builder.spawn(async move {
            let statement = self.statement.clone();
            let watch = Watch::new(statement.progress.clone());
            create(&self.recipe, statement, watch, rows, input, context)
                .await
                .map_err(Into::into)
        });
        Ok(builder.build())
    }
}

async fn create<R: Recipe>(
    recipe: &R,
    statement: Arc<Creation>,
    watch: Watch,
    rows: Sender<datafusion::error::Result<RecordBatch>>,
    input: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
) -> Result<()> {
    let _guard = CancelOnDrop(watch.clone());
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
    let run = Run {
        budget: Arc::new(PoolBudget::new("CREATE MODEL", pool)),
        spill: spill_folder(&context, draft.scratch()),
        version: draft.number(),
        statement,
        watch,
        rows,
    };
    let reader = recipe.reader(&run)?;
    let parts = run.read(recipe, &reader, input, context).await?;
    let recipe = recipe.clone();
    blocking(move || {
        recipe.learn(reader, parts, &run, &draft)?;
        let statement = &run.statement;
        let (name, replace) = (&statement.name, statement.or_replace);
        match statement.store.publish(name, draft, replace) {
            // Somebody else was faster.
            Err(_) if statement.if_not_exists && statement.store.exists(name) => Ok(()),
            published => published,
        }
    })
    .await
}

/// One run of a statement.
pub struct Run {
    /// What it says.
    pub statement: Arc<Creation>,
    /// Who is asked for memory.
    pub budget: Arc<dyn Budget>,
    /// Where rows go that don't fit in memory.
    pub spill: PathBuf,
    version: u64,
    watch: Watch,
    rows: Sender<datafusion::error::Result<RecordBatch>>,
}

impl Run {
    /// Passes news on; false when the statement was cancelled.
    pub fn report(&self, event: &TrainingEvent) -> bool {
        self.watch.event(event)
    }

    /// What products are computed in: where nobody has said it, as in the training that is gone on with.
    ///
    /// # Errors
    /// `Execution` when that one's checkpoint is damaged.
    pub fn precision(&self) -> Result<Precision> {
        let statement = &self.statement;
        if statement.precision != Precision::Auto || !statement.options.resume {
            return Ok(statement.precision);
        }
        let interrupted = statement.store.interrupted(&statement.name)?;
        let precision = interrupted.as_ref().and_then(|said| said.get(PRECISION));
        let precision = precision.and_then(Value::as_str).map(str::parse);
        Ok(precision.transpose()?.unwrap_or_default())
    }

    /// Where a training in `precision` keeps what it needs to go on after an interruption. Beside the statement its
    /// losses depend on what `more` names.
    ///
    /// # Errors
    /// As the device can't be had.
    pub fn checkpoint<const N: usize>(
        &self,
        draft: &Draft,
        precision: Precision,
        more: [(&str, Value); N],
    ) -> Result<CheckpointFile> {
        let statement = &self.statement;
        let device = device::select(statement.device.parse()?)?;
        let products = device::products(precision, device);
        let mut about = statement.options.to_map();
        about.insert("query".into(), statement.query.clone().into());
        about.insert("transform".into(), statement.transform.clone().into());
        about.insert("device".into(), format!("{device:?}").into());
        let precision = device::precision_name(products);
        about.insert(PRECISION.into(), precision.into());
        about.extend(more.map(|(name, value)| (name.into(), value)));
        let (name, resume) = (&statement.name, statement.options.resume);
        Ok(statement.store.checkpoint(name, draft, about, resume))
    }

    /// Becomes true when the statement is cancelled.
    pub fn stop(&self) -> Arc<AtomicBool> {
        self.watch.cancelled.clone()
    }

    /// An error when the statement was cancelled.
    ///
    /// # Errors
    /// `Cancelled`.
    pub fn check(&self) -> Result<()> {
        self.watch.check()
    }

    /// Returns rows of the history to whoever runs the statement.
    pub fn epoch_done(&self, history: &[Epoch]) {
        let batch = training_rows(self.version, history).batch();
        // Nobody listens after the stream was dropped: the watch ends the training then.
        let _ = self.rows.blocking_send(batch.map_err(Into::into));
    }

    /// Streams all partitions of the query into the reader at once.
    async fn read<R: Recipe>(
        &self,
        recipe: &R,
        reader: &R::Reader,
        input: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> Result<Vec<R::Part>> {
        let total = Arc::new(AtomicU64::new(0));
        let mut tasks = Vec::new();
        for partition in 0..input.output_partitioning().partition_count() {
            let mut stream = input.execute(partition, context.clone())?;
            let mut part = recipe.part(reader, self)?;
            let (total, watch) = (total.clone(), self.watch.clone());
            tasks.push(SpawnedTask::spawn(async move {
                while let Some(batch) = stream.next().await {
                    let batch = batch?;
                    R::push(&mut part, &batch)?;
                    let rows = batch.num_rows() as u64;
                    let rows = total.fetch_add(rows, Ordering::Relaxed) + rows;
                    watch.event(&TrainingEvent::Reading { rows });
                }
                Ok::<_, Error>(part)
            }));
        }
        let mut parts = Vec::with_capacity(tasks.len());
        for task in tasks {
            parts.push(joined(task.await)?);
        }
        Ok(parts)
    }
}
