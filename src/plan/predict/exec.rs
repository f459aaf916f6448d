//! Prediction as a physical node: encodes each batch, runs a replica of the model, appends the
//! columns. Several batches are at work at once, and leave in their order.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::filter_pushdown::{FilterDescription, FilterPushdownPhase};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, RecordOutput, Time,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::{Stream, StreamExt};
use tokio::sync::OnceCell;

use super::How;
use crate::device;
use crate::environment::Runtime;
use crate::error::Error;
use crate::plan::budget::PoolBudget;
use crate::store::{Loaded, ModelRef, OutputColumn};

/// The physical node.
#[derive(Debug)]
pub struct PredictExec {
    input: Arc<dyn ExecutionPlan>,
    prediction: Arc<Prediction>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// What is predicted from which values.
#[derive(Debug)]
pub struct Prediction {
    /// The model, opened when the node runs.
    pub model: ModelRef,
    /// One expression over the input for each of the encoder's inputs.
    pub features: Vec<Arc<dyn PhysicalExpr>>,
    /// The columns to add.
    pub outputs: Vec<OutputColumn>,
    /// How they are computed.
    pub how: How,
    /// Device and precision that this came to, once it has run.
    pub used: OnceLock<(String, String)>,
}

impl PredictExec {
    /// A node of `schema`: the input's columns, then the outputs.
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        prediction: Arc<Prediction>,
        schema: SchemaRef,
    ) -> Self {
        // The input's columns keep their places, so its orders hold here too.
        let orders = input.equivalence_properties().oeq_class().iter().cloned();
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema.clone(), orders),
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self {
            input,
            prediction,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for PredictExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let outputs = self.prediction.outputs.iter();
        let names: Vec<_> = outputs.map(|o| o.name.as_str()).collect();
        let (model, names) = (&self.prediction.model, names.join(", "));
        match t {
            DisplayFormatType::TreeRender => write!(f, "model={model}\noutputs={names}"),
            _ => {
                let how = &self.prediction.how;
                let asked = (how.device.clone(), how.precision.clone());
                let (device, precision) = self.prediction.used.get().unwrap_or(&asked);
                write!(
                    f,
                    "PredictExec: model={model}, outputs=[{names}], device={device}, \
                     precision={precision}"
                )
            }
        }
    }
}

impl ExecutionPlan for PredictExec {
    fn name(&self) -> &str {
        "PredictExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for feature in &self.prediction.features {
            if f(feature)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| {
            DataFusionError::Internal("a prediction lost the query that it reads".into())
        })?;
        let (prediction, schema) = (self.prediction.clone(), self.schema.clone());
        Ok(Arc::new(Self::new(input, prediction, schema)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context.clone())?;
        let size = self.prediction.how.batch_size;
        let rows = size.or(device::batch_rows(self.prediction.how.device.parse()?)?);
        let input = match rows.filter(|rows| *rows > context.session_config().batch_size()) {
            Some(rows) => joined(input, rows).boxed(),
            None => input.boxed(),
        };
        let worker = Arc::new(Worker {
            prediction: self.prediction.clone(),
            schema: self.schema.clone(),
            loaded: OnceCell::new(),
            runtime: Runtime::of(&context),
            pool: context.memory_pool().clone(),
            metrics: Metrics::new(&self.metrics, partition),
        });
        // Where one partition has most of the rows, other threads help.
        let threads = context.session_config().target_partitions().max(1);
        let partitions = self.input.output_partitioning().partition_count().max(1);
        let at_once = threads.div_ceil(partitions).max(threads.min(HELPERS));
        let scored = input
            .map(move |batch| {
                let worker = worker.clone();
                async move {
                    let scoring = SpawnedTask::spawn(async move { worker.score(batch?).await });
                    scoring
                        .join_unwind()
                        .await
                        .map_err(|e| DataFusionError::External(Box::new(e)))?
                }
            })
            .buffered(at_once);
        let schema = self.schema.clone();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, scored)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        // Filters are carried over by the names of their columns, which must then be unique.
        let schema = self.input.schema();
        let mut names: Vec<_> = schema.fields().iter().map(|f| f.name()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Ok(FilterDescription::all_unsupported(
                &parent_filters,
                &self.children(),
            ));
        }
        FilterDescription::from_children(parent_filters, &self.children())
    }
}

/// Batches of one partition that are scored at once, though there be a partition for each thread.
const HELPERS: usize = 4;

/// The rows of `input` in batches of at least `rows`, but for the last.
fn joined(
    input: SendableRecordBatchStream,
    rows: usize,
) -> impl Stream<Item = Result<RecordBatch>> + Send {
    let schema = input.schema();
    futures::stream::try_unfold(input.fuse(), move |mut input| {
        let schema = schema.clone();
        async move {
            let (mut parts, mut count) = (Vec::new(), 0);
            while count < rows
                && let Some(batch) = input.next().await.transpose()?
            {
                count += batch.num_rows();
                parts.push(batch);
            }
            match parts.is_empty() {
                true => Ok(None),
                false => Ok(Some((concat_batches(&schema, &parts)?, input))),
            }
        }
    })
}

/// What EXPLAIN ANALYZE shows.
struct Metrics {
    baseline: BaselineMetrics,
    batches: Count,
    unseen: Count,
    encode: Time,
    inference: Time,
}

impl Metrics {
    fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        Self {
            baseline: BaselineMetrics::new(set, partition),
            batches: MetricBuilder::new(set).counter("batches", partition),
            unseen: MetricBuilder::new(set).counter("unseen_values", partition),
            encode: MetricBuilder::new(set).subset_time("encode_time", partition),
            inference: MetricBuilder::new(set).subset_time("inference_time", partition),
        }
    }
}

/// The work of one partition.
struct Worker {
    prediction: Arc<Prediction>,
    schema: SchemaRef,
    loaded: OnceCell<Arc<Loaded>>,
    runtime: Arc<Runtime>,
    pool: Arc<dyn MemoryPool>,
    metrics: Metrics,
}

impl Worker {
    async fn score(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let loaded = self.loaded.get_or_try_init(|| self.load()).await?;
        let timer = self.metrics.baseline.elapsed_compute().clone();
        let _timer = timer.timer();
        let rows = batch.num_rows();
        let inputs: Vec<ArrayRef> = self
            .prediction
            .features
            .iter()
            .map(|feature| feature.evaluate(&batch)?.into_array(rows))
            .collect::<Result<_>>()?;
        let outputs = &self.prediction.outputs;
        let batch_rows = self.prediction.how.batch_size;
        let (added, times) = loaded.score(&inputs, rows, outputs, batch_rows)?;
        self.metrics.batches.add(1);
        self.metrics.unseen.add(times.unseen as usize);
        self.metrics.encode.add_duration(times.encode);
        self.metrics.inference.add_duration(times.inference);
        let mut columns = batch.columns().to_vec();
        columns.extend(added);
        let scored = RecordBatch::try_new(self.schema.clone(), columns)?;
        Ok(scored.record_output(&self.metrics.baseline))
    }
    /// Loads the model off the async threads.
    async fn load(&self) -> Result<Arc<Loaded>> {
        let (prediction, runtime) = (self.prediction.clone(), self.runtime.clone());
        let name = format!("PREDICT({})", prediction.model);
        let budget = Arc::new(PoolBudget::new(&name, &self.pool));
        SpawnedTask::spawn_blocking(move || {
            let model = runtime.stores.open(&prediction.model)?;
            let device = device::select(prediction.how.device.parse()?)?;
            let products = device::products(model.precision(&prediction.how.precision)?, device);
            let loaded = model.load(device, products, budget)?;
            let precision = device::precision_name(products).to_string();
            // Every partition says the same.
            let _ = prediction.used.set((device::name(device), precision));
            Ok::<_, Error>(loaded)
        })
        .await
        .map_err(|e| DataFusionError::External(Box::new(e)))?
        .map_err(Into::into)
    }
}
