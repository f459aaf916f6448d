//! A stored model, ready to score Arrow columns.
//!
//! Shapes: B rows, C id columns, N numbers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::ArrayRef;
use tch::{Device, Kind, Tensor};

use super::cache::Cache;
use super::catalog::dropped;
use super::checksum::SUMS;
use super::files::Files;
use super::generator::{GeneratorSpec, LoadedGenerator};
use super::manifest::{Manifest, Opened};
use super::output::{self, OutputColumn};
use super::reference::ModelRef;
use super::replica::{Replica, ReplicaPool};
use crate::device::Precision;
use crate::error::{Error, Result};
use crate::feature::{Budget, Charge, Encoder, TaskKind};
use crate::gan::tabular::Predictor;
use crate::layer::{Mode, Params};
use crate::model::{self, Network};
use crate::tensor::batch::Batch;
use crate::tensor::catch;
use crate::tensor::memory::append;

/// The manifest's file.
pub const MANIFEST: &str = "manifest.json";
/// The weights' file.
pub const WEIGHTS: &str = "weights.safetensors";
/// The vocabularies' file.
pub const VOCABULARY: &str = "vocabulary.parquet";

/// Bytes that a batch may leave behind in the network on a CPU, so that they stay in its cache, and the
/// rows that such a batch has at the least, to be worth the operators' fixed cost, and at the most.
const CPU_BATCH_BYTES: usize = 3 << 20;
const CPU_BATCH_ROWS: std::ops::RangeInclusive<usize> = 256..=1024;

/// A version of a model that was opened. Cheap to clone: weights are loaded when it first scores, and
/// shared by all who use the same files.
#[derive(Clone, Debug)]
pub struct FittedModel {
    name: ModelRef,
    opened: Arc<Opened>,
    files: Arc<dyn Files>,
    cache: Arc<Cache>,
}

/// Where the time of scoring went, and what it met.
#[derive(Clone, Copy, Debug, Default)]
pub struct ScoreTimes {
    /// Encoding features.
    pub encode: Duration,
    /// Running the network.
    pub inference: Duration,
    /// Values that training never saw.
    pub unseen: u64,
}

/// What scoring needs in memory.
pub struct Loaded {
    encoder: Encoder,
    pool: ReplicaPool<Replica>,
    device: Device,
    /// Rows that go through the network at once.
    batch_rows: usize,
    /// What weights and vocabularies take of the memory limit.
    _charge: Charge,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

impl FittedModel {
    pub(super) fn new(
        name: ModelRef,
        opened: Arc<Opened>,
        files: Arc<dyn Files>,
        cache: Arc<Cache>,
    ) -> Self {
        Self {
            name,
            opened,
            files,
            cache,
        }
    }

    /// Name and version: what stands for it in a plan.
    pub fn name(&self) -> &ModelRef {
        &self.name
    }

    /// What is known of it.
    pub fn manifest(&self) -> &Manifest {
        &self.opened.manifest
    }

    /// Where its files are.
    pub fn location(&self) -> String {
        self.files.shown(&self.name.folder())
    }

    /// The names of its files.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let listed = self.manifest().files.iter().map(String::as_str);
        [SUMS, MANIFEST].into_iter().chain(listed)
    }

    /// A path of this machine with what is in one of its files.
    ///
    /// # Errors
    /// `Execution` when it is missing, `Io` when it can't be read.
    pub fn local(&self, file: &str) -> Result<PathBuf> {
        self.files.local(&self.name.folder().join(file))
    }

    /// A checksum of its content.
    pub fn digest(&self) -> &str {
        &self.name.digest
    }

    /// Verifies every file of the version.
    ///
    /// # Errors
    /// `Execution` for the first that is missing or damaged.
    pub fn verify(&self) -> Result<()> {
        self.opened
            .sums
            .verify(self.files.as_ref(), &self.name.folder())
    }

    /// The columns that scoring adds, in task order.
    ///
    /// # Errors
    /// `Execution` when the type of a label is not known.
    pub fn outputs(&self) -> Result<Vec<OutputColumn>> {
        let tasks = self.manifest().encoder.layout().tasks.iter().enumerate();
        let of_tasks = tasks.map(|(at, task)| output::outputs(at, &task.name, &task.kind));
        Ok(of_tasks.collect::<Result<Vec<_>>>()?.concat())
    }

    /// The names and shapes of all weights, by name.
    ///
    /// # Errors
    /// As libtorch fails to build the network, or to read a generator's weights.
    pub fn weight_shapes(&self) -> Result<Vec<(String, Vec<i64>)>> {
        if self.manifest().generator.is_some() {
            let weights = Tensor::read_safetensors(self.local(WEIGHTS)?)?;
            let mut shapes: Vec<_> = weights.into_iter().map(|(n, t)| (n, t.size())).collect();
            shapes.sort();
            return Ok(shapes);
        }
        let params = Params::shapes();
        let rows = self.manifest().encoder.layout().table_rows as i64;
        let architecture = model::find(&self.manifest().model_type)?;
        Network::new(architecture, &self.manifest().spec(), rows, &params)?;
        Ok(params
            .tensors()
            .into_iter()
            .map(|(name, tensor)| (name, tensor.size()))
            .collect())
    }

    /// The position of a task.
    ///
    /// # Errors
    /// `Plan` when the model has none of that name; the message lists all.
    pub fn task(&self, name: &str) -> Result<usize> {
        let tasks = &self.manifest().tasks;
        tasks.iter().position(|t| t == name).ok_or_else(|| {
            Error::plan(format!(
                "unknown task {name:?}; model {} has: {}",
                self.name.name,
                tasks.join(", ")
            ))
        })
    }

    /// Loads and verifies weights and vocabularies, unless somebody has already. They are charged to
    /// `budget` until they are forgotten. Matrix products will be computed in `products`.
    ///
    /// # Errors
    /// `Execution` when a file is missing or damaged, or the model was dropped meanwhile; `Resources`
    /// when the budget refuses.
    pub fn load(
        &self,
        device: Device,
        products: Kind,
        budget: Arc<dyn Budget>,
    ) -> Result<Arc<Loaded>> {
        let key = format!("{} {device:?} {products:?}", self.digest());
        self.cache.get(&key, || {
            self.still_there()?;
            self.read(device, products, Charge::new(budget))
        })
    }

    /// Loads and verifies a generator, unless somebody has already; the rest is as for
    /// [`FittedModel::load`].
    ///
    /// # Errors
    /// As [`FittedModel::load`]; `Plan` when it is a predictor.
    pub fn load_generator(
        &self,
        device: Device,
        products: Kind,
        budget: Arc<dyn Budget>,
    ) -> Result<Arc<LoadedGenerator>> {
        let spec = self.generator()?;
        let key = format!("{} {device:?} {products:?}", self.digest());
        self.cache.get(&key, || {
            self.still_there()?;
            let mut charge = Charge::new(budget);
            self.reserve(&mut charge, self.stored(WEIGHTS)?)?;
            let weights = Tensor::read_safetensors(self.local(WEIGHTS)?)?;
            let params = Params::loaded(weights, device)?;
            let made = catch(|| spec.load(self.manifest(), params, device, products))?;
            Ok(LoadedGenerator::new(made, charge))
        })
    }

    /// The precision to apply the model in: the one that is asked for, or else the one that it was trained in.
    ///
    /// # Errors
    /// `Plan` for an unknown one.
    pub fn precision(&self, asked: &str) -> Result<Precision> {
        match asked.parse()? {
            Precision::Auto => self.manifest().precision.parse(),
            asked => Ok(asked),
        }
    }

    /// The network by itself, on the CPU; `charge` grows by what it takes of the memory limit.
    ///
    /// # Errors
    /// As [`FittedModel::load`].
    pub fn network(&self, charge: &mut Charge) -> Result<Predictor> {
        self.still_there()?;
        let (encoder, params) = self.weights(Device::Cpu, charge)?;
        Ok(Predictor {
            encoder,
            architecture: model::find(&self.manifest().model_type)?,
            spec: self.manifest().spec(),
            params,
        })
    }

    /// What the generator makes.
    ///
    /// # Errors
    /// `Plan` when it is a predictor.
    pub fn generator(&self) -> Result<&GeneratorSpec> {
        self.manifest().generator.as_ref().ok_or_else(|| {
            Error::plan(format!(
                "model {} predicts (model_type = '{}') and generates no rows: PREDICT applies it",
                self.name,
                self.manifest().model_type
            ))
        })
    }

    /// The model itself, if it predicts.
    ///
    /// # Errors
    /// `Plan` when it is a generator.
    pub fn predictor(self) -> Result<Self> {
        match self.manifest().generator {
            None => Ok(self),
            Some(_) => Err(Error::plan(format!(
                "model {} generates rows (model_type = '{}') and predicts nothing: GENERATE applies it",
                self.name,
                self.manifest().model_type
            ))),
        }
    }

    fn still_there(&self) -> Result<()> {
        match self.files.list(&self.name.folder()).is_empty() {
            true => Err(dropped(&self.name)),
            false => self.verify(),
        }
    }

    /// Bytes of one of its files.
    fn stored(&self, file: &str) -> Result<usize> {
        Ok(self.files.size(&self.name.folder().join(file))? as usize)
    }

    /// Takes `bytes` of the memory limit, at the cost of loaded models that nobody uses now.
    fn reserve(&self, charge: &mut Charge, bytes: usize) -> Result<()> {
        if charge.ensure(bytes) || (self.cache.forget_idle() && charge.ensure(bytes)) {
            return Ok(());
        }
        Err(Error::resources(format!(
            "model {} needs {} MB for its weights and vocabularies, more than the memory limit leaves",
            self.name,
            bytes.div_ceil(1 << 20)
        )))
    }

    /// Vocabularies and weights.
    fn weights(&self, device: Device, charge: &mut Charge) -> Result<(Encoder, Params)> {
        let stored = self.stored(WEIGHTS)?;
        self.reserve(charge, stored)?;
        let vocabulary = self.local(VOCABULARY)?;
        let encoder = Encoder::load(self.manifest().encoder.clone(), &vocabulary)?;
        self.reserve(charge, stored + encoder.bytes())?;
        let tensors = Tensor::read_safetensors(self.local(WEIGHTS)?)?;
        Ok((encoder, Params::loaded(tensors, device)?))
    }

    fn read(&self, device: Device, products: Kind, mut charge: Charge) -> Result<Loaded> {
        let (encoder, params) = self.weights(device, &mut charge)?;
        let architecture = model::find(&self.manifest().model_type)?;
        let spec = self.manifest().spec();
        let rows = encoder.layout().table_rows as i64;
        // Building a network tells which of the weights are those of products.
        Network::new(architecture, &spec, rows, &params)?;
        let batch_rows = match device {
            Device::Cpu => {
                // Of every value the product, and what becomes of it.
                let row = (2 * params.outputs() + architecture.reads(&spec) as usize)
                    * products.elt_size_in_bytes();
                let (least, most) = CPU_BATCH_ROWS.into_inner();
                (CPU_BATCH_BYTES / row.max(1)).clamp(least, most)
            }
            _ => usize::MAX,
        };
        let pool = ReplicaPool::new(params.working(products)?, move |params| {
            Ok(Replica::new(Network::new(
                architecture,
                &spec,
                rows,
                params,
            )?))
        })?;
        Ok(Loaded {
            encoder,
            pool,
            device,
            batch_rows,
            _charge: charge,
        })
    }
}

impl Loaded {
    /// Scores rows: `inputs` are the encoder's input columns in its order, each of `rows` values.
    /// Returns a column for each of `outputs`, which stand in the order of their tasks. `batch_rows` go
    /// through the network at once, as many as suit the device where it is not given; on a CPU no more
    /// than fit its cache. Several threads may call this at once.
    ///
    /// # Errors
    /// `Execution` when a column can't be encoded; `Torch` or `Resources` when libtorch fails.
    pub fn score(
        &self,
        inputs: &[ArrayRef],
        rows: usize,
        outputs: &[OutputColumn],
        batch_rows: Option<usize>,
    ) -> Result<(Vec<ArrayRef>, ScoreTimes)> {
        let mut tasks: Vec<_> = outputs.iter().map(|output| output.task).collect();
        tasks.dedup();
        catch(|| {
            self.pool.with(|replica| {
                let start = Instant::now();
                let stats = self.encoder.encode(inputs, rows, &mut replica.encoded)?;
                let encoded = Instant::now();
                let values = self.values(replica, &tasks, batch_rows)?;
                let columns = outputs.iter().map(|output| {
                    let kind = &self.encoder.layout().tasks[output.task].kind;
                    let at = tasks.iter().position(|task| *task == output.task);
                    output::column(output.part, kind, &values[at.unwrap_or(0)])
                });
                let times = ScoreTimes {
                    encode: encoded - start,
                    unseen: stats.unseen,
                    inference: Duration::ZERO,
                };
                let columns = columns.collect::<Result<_>>()?;
                let inference = encoded.elapsed();
                Ok((columns, ScoreTimes { inference, ..times }))
            })
        })
    }

    /// What the network gives for each of `tasks`, `[B * width]`: probabilities, or standardised numbers.
    fn values(
        &self,
        replica: &Replica,
        tasks: &[usize],
        batch_rows: Option<usize>,
    ) -> Result<Vec<Vec<f32>>> {
        let _guard = tch::no_grad_guard();
        // Batches are scored side by side: a thread each, none inside libtorch.
        tch::set_num_threads(1);
        let Replica {
            network,
            workspace,
            encoded,
        } = replica;
        let most = match self.device {
            Device::Cpu => *CPU_BATCH_ROWS.end(),
            _ => usize::MAX,
        };
        let rows = batch_rows.map_or(self.batch_rows, |rows| rows.min(most));
        let kinds: Vec<_> = tasks
            .iter()
            .map(|&task| &self.encoder.layout().tasks[task].kind)
            .collect();
        let room = |kind: &&TaskKind| Vec::with_capacity(encoded.rows * kind.width());
        let mut columns: Vec<_> = kinds.iter().map(room).collect();
        for from in (0..encoded.rows).step_by(rows) {
            let to = from.saturating_add(rows).min(encoded.rows);
            let batch = Batch::rows(encoded, from..to, self.device)?;
            workspace.start();
            let mode = Mode::Apply(workspace);
            let input = network.embed(&batch, mode)?;
            let logits = network.logits(&input, tasks, mode)?;
            for ((column, kind), logits) in columns.iter_mut().zip(&kinds).zip(logits) {
                let values = match kind {
                    TaskKind::Binary => logits.f_sigmoid()?,
                    TaskKind::MultiClass(_) => logits.f_softmax(1, Kind::Float)?,
                    TaskKind::Regression(_) => logits,
                };
                append(column, &values)?;
            }
        }
        Ok(columns)
    }
}
