//! GENERATE as a physical node. A batch's random numbers depend on the seed and its number alone, so
//! that batches can be made side by side; they leave in their order.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::StreamExt;
use tokio::sync::OnceCell;

use super::constraint::{Constraint, kept};
use crate::device;
use crate::environment::Runtime;
use crate::error::Error;
use crate::plan::budget::PoolBudget;
use crate::plan::options::to_sql;
use crate::store::{Draw, LoadedGenerator, ModelRef, Wanted};

/// Rows of a batch: a part of what a seed means.
const BATCH: u64 = 8192;

/// Rounds in which rows that break a constraint are replaced.
const ROUNDS: u64 = 100;

/// What is generated.
#[derive(Debug)]
pub struct Generation {
    /// The generator, opened when the node runs.
    pub model: ModelRef,
    /// How many rows.
    pub rows: u64,
    /// Of all random numbers.
    pub seed: u64,
    /// The values that columns have in every row.
    pub wanted: Wanted,
    /// What holds in every row.
    pub constraints: Vec<Constraint>,
    /// Where the generator runs.
    pub device: String,
    /// What its matrix products are computed in.
    pub precision: String,
    /// The columns that are read.
    pub projection: Option<Vec<usize>>,
}

/// The physical node: one partition.
#[derive(Debug)]
pub struct GenerateExec {
    generation: Arc<Generation>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl GenerateExec {
    /// A node of `schema`, the columns that are read.
    pub fn new(generation: Generation, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            generation: Arc::new(generation),
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for GenerateExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let Generation {
            model, rows, seed, ..
        } = self.generation.as_ref();
        if t == DisplayFormatType::TreeRender {
            return write!(f, "model={model}\nn={rows}");
        }
        write!(f, "GenerateExec: model={model}, n={rows}, seed={seed}")?;
        let wanted = self.generation.wanted.iter();
        let wanted: Vec<_> = wanted.map(|(n, v)| format!("{n}={}", to_sql(v))).collect();
        if !wanted.is_empty() {
            write!(f, ", where=[{}]", wanted.join(", "))?;
        }
        Ok(())
    }
}

impl ExecutionPlan for GenerateExec {
    fn name(&self) -> &str {
        "GenerateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let worker = Arc::new(Worker {
            generation: self.generation.clone(),
            loaded: OnceCell::new(),
            runtime: Runtime::of(&context),
            pool: context.memory_pool().clone(),
            regenerated: MetricBuilder::new(&self.metrics).counter("regenerated_rows", partition),
            baseline: BaselineMetrics::new(&self.metrics, partition),
        });
        let rows = self.generation.rows;
        let threads = context.session_config().target_partitions().max(1);
        let batches = futures::stream::iter(0..rows.div_ceil(BATCH))
            .map(move |batch| {
                let worker = worker.clone();
                let rows = (rows - batch * BATCH).min(BATCH) as usize;
                async move {
                    let loaded = worker.loaded.get_or_try_init(|| worker.load()).await?;
                    let loaded = loaded.clone();
                    SpawnedTask::spawn_blocking(move || worker.batch(&loaded, batch, rows))
                        .await
                        .map_err(|e| DataFusionError::External(Box::new(e)))?
                        .map_err(Into::into)
                }
            })
            .buffered(threads);
        let schema = self.schema.clone();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The work of the node.
struct Worker {
    generation: Arc<Generation>,
    loaded: OnceCell<Arc<LoadedGenerator>>,
    runtime: Arc<Runtime>,
    pool: Arc<dyn MemoryPool>,
    regenerated: Count,
    baseline: BaselineMetrics,
}

impl Worker {
    /// Loads the generator off the async threads.
    async fn load(&self) -> Result<Arc<LoadedGenerator>> {
        let (generation, runtime) = (self.generation.clone(), self.runtime.clone());
        let name = format!("GENERATE({})", generation.model);
        let budget = Arc::new(PoolBudget::new(&name, &self.pool));
        SpawnedTask::spawn_blocking(move || {
            let model = runtime.stores.open(&generation.model)?;
            let device = device::select(generation.device.parse()?)?;
            let products = device::products(model.precision(&generation.precision)?, device);
            model.load_generator(device, products, budget)
        })
        .await
        .map_err(|e| DataFusionError::External(Box::new(e)))?
        .map_err(Into::into)
    }

    /// One batch, all of whose rows keep the constraints.
    fn batch(
        &self,
        loaded: &LoadedGenerator,
        batch: u64,
        rows: usize,
    ) -> crate::Result<RecordBatch> {
        let timer = self.baseline.elapsed_compute().clone();
        let _timer = timer.timer();
        let Generation {
            seed,
            wanted,
            constraints,
            projection,
            ..
        } = self.generation.as_ref();
        let draw = |attempt| Draw {
            seed: *seed,
            batch,
            attempt,
        };
        let mut made = loaded.batch(draw(0), rows, wanted)?;
        if !constraints.is_empty() {
            made = self.replaced(made, rows, |attempt| {
                loaded.batch(draw(attempt), rows, wanted)
            })?;
        }
        if let Some(columns) = projection {
            made = made.project(columns)?;
        }
        Ok(made.record_output(&self.baseline))
    }

    /// The rows of `made` that keep the constraints, with rows that `more` makes in place of the others.
    fn replaced(
        &self,
        mut made: RecordBatch,
        rows: usize,
        more: impl Fn(u64) -> crate::Result<RecordBatch>,
    ) -> crate::Result<RecordBatch> {
        let constraints = &self.generation.constraints;
        let schema = made.schema();
        let (mut parts, mut have) = (Vec::new(), 0);
        let mut broken = vec![0; constraints.len()];
        let mut seen = 0;
        for round in 1.. {
            let keep = kept(constraints, &made, &mut broken)?;
            seen += made.num_rows() as u64;
            let held = filter_record_batch(&made, &keep)?;
            self.regenerated
                .add((made.num_rows() - held.num_rows()).min(rows - have));
            let held = held.slice(0, held.num_rows().min(rows - have));
            have += held.num_rows();
            parts.push(held);
            if have == rows {
                break;
            }
            if round == ROUNDS {
                return Err(self.refusal(&broken, seen));
            }
            made = more(round)?;
        }
        Ok(concat_batches(&schema, &parts)?)
    }

    /// The error when rows that keep the constraints are too rare.
    fn refusal(&self, broken: &[u64], seen: u64) -> Error {
        let worst = self.generation.constraints.iter().zip(broken);
        let (text, broken) = worst
            .max_by_key(|(_, broken)| **broken)
            .map_or(("", 0), |(constraint, broken)| {
                (&constraint.text[..], *broken)
            });
        Error::execution(format!(
            "constraint {text:?} did not hold for {broken} of {seen} rows that model {} generated: it is at \
             odds with what the model has learnt from",
            self.generation.model
        ))
    }
}
