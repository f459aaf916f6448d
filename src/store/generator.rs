//! What is stored of a generator, and a generator in memory.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tch::{Device, Kind};

use super::images::ImageMaker;
use super::manifest::Manifest;
use super::replica::ReplicaPool;
use crate::error::{Error, Result};
use crate::feature::table::{Codec, Decoder};
use crate::feature::{Charge, FeatureInfo};
use crate::gan::{self, Makes, RowDesign, TableGenerator};
use crate::layer::Params;
use crate::model::Config;
use crate::random::Draws;
use crate::tensor::catch;

/// The values that some columns are to have in every row, by the columns' names.
pub type Wanted = Map<String, Value>;

/// Chooses the random numbers of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// The seed of the call.
    pub seed: u64,
    /// The batch, from 0.
    pub batch: u64,
    /// Its first rows have 0; those in place of rows that were thrown away a higher number.
    pub attempt: u64,
}

/// A generator in memory. Several threads may call it at once.
pub trait Generate: Send + Sync {
    /// `rows` rows of the generator's schema, in all of which the wanted columns have their values. The
    /// same arguments give the same rows.
    ///
    /// # Errors
    /// `Plan` for a value that can't be had, as [`GeneratorSpec::check`]; `Torch` when libtorch fails.
    fn batch(&self, draw: Draw, rows: usize, wanted: &Wanted) -> Result<RecordBatch>;
}

/// What a generator makes, and all of it that is no weight: what planning needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeneratorSpec {
    /// Rows of a table.
    Rows(Codec),
    /// Images, with a label or without.
    Images(Box<ImageMaker>),
}

impl GeneratorSpec {
    /// The columns of what it makes.
    ///
    /// # Errors
    /// `Execution` when a type is not known.
    pub fn schema(&self) -> Result<SchemaRef> {
        match self {
            Self::Rows(codec) => codec.schema(),
            Self::Images(maker) => maker.schema(),
        }
    }

    /// Whether these values can be had.
    ///
    /// # Errors
    /// `Plan` for an unknown column, a column that can't be chosen, a value that training has not seen.
    pub fn check(&self, wanted: &Wanted) -> Result<()> {
        match self {
            Self::Rows(codec) => codec.allowed(wanted).map(drop),
            Self::Images(maker) => maker.class(wanted).map(|_| ()),
        }
    }

    /// What every column of the query became, and why.
    pub fn feature_info(&self) -> Vec<FeatureInfo> {
        match self {
            Self::Rows(codec) => codec.feature_info(),
            Self::Images(maker) => maker.encoder.feature_info(),
        }
    }

    /// The generator with its weights; that of images on `device`, with matrix products in `products`. Generators
    /// of rows run on the CPU in f32.
    ///
    /// # Errors
    /// `Execution` when a weight is missing or of another shape.
    pub(super) fn load(
        &self,
        manifest: &Manifest,
        params: Params,
        device: Device,
        products: Kind,
    ) -> Result<Box<dyn Generate>> {
        let design = gan::find(&manifest.model_type).map(|design| design.makes);
        match (self, design) {
            (Self::Rows(codec), Some(Makes::Rows(design))) => Ok(Box::new(Rows::new(
                codec,
                design,
                &manifest.config,
                params,
            )?)),
            (Self::Images(maker), Some(Makes::Images)) => maker.load(params, device, products),
            _ => Err(Error::execution(format!(
                "{:?} is no model_type of such a generator",
                manifest.model_type
            ))),
        }
    }
}

/// A generator of rows in memory.
struct Rows {
    decoder: Decoder,
    pool: ReplicaPool<Box<dyn TableGenerator>>,
}

impl Rows {
    fn new(codec: &Codec, design: RowDesign, config: &Config, params: Params) -> Result<Self> {
        let (own, config) = (codec.clone(), config.clone());
        Ok(Self {
            decoder: Decoder::new(codec)?,
            pool: ReplicaPool::new(params, move |params| {
                (design.build)(&own, &config, &params.root())
            })?,
        })
    }
}

impl Generate for Rows {
    fn batch(&self, draw: Draw, rows: usize, wanted: &Wanted) -> Result<RecordBatch> {
        let allowed = self.decoder.codec().allowed(wanted)?;
        let mut draws = Draws::new(&[draw.seed, draw.batch, draw.attempt]);
        let coded = catch(|| {
            let _guard = tch::no_grad_guard();
            // Batches are made side by side: a thread each, none inside libtorch.
            tch::set_num_threads(1);
            let draw = |generator: &mut Box<dyn TableGenerator>| {
                generator.draw(rows, &allowed, &mut draws)
            };
            self.pool.with(draw)
        })?;
        self.decoder.decode(&coded, &allowed, &mut draws)
    }
}

/// A loaded generator with what it takes of the memory limit.
pub struct LoadedGenerator {
    made: Box<dyn Generate>,
    _charge: Charge,
}

impl LoadedGenerator {
    pub(super) fn new(made: Box<dyn Generate>, charge: Charge) -> Self {
        Self {
            made,
            _charge: charge,
        }
    }
}

impl std::ops::Deref for LoadedGenerator {
    type Target = dyn Generate;

    fn deref(&self) -> &Self::Target {
        self.made.as_ref()
    }
}

impl std::fmt::Debug for LoadedGenerator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoadedGenerator")
    }
}
