//! The pass over the training rows: every partition on its own, without waiting for the others.

pub(crate) mod assemble;
pub(crate) mod census;
pub mod finish;
pub(crate) mod moments;
pub(crate) mod parallel;
pub(crate) mod record;
pub(crate) mod repeats;
pub(crate) mod sketch;
pub mod split;
pub(crate) mod stage;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Array, ArrayRef, RecordBatch};

use self::record::Record;
use self::split::{SplitMethod, read_keys};
use crate::error::{Error, Result};
use crate::feature::column::spec::{EncoderSpec, Role};
use crate::feature::rows::block::{Block, join, split_words};
use crate::feature::rows::budget::{Budget, Charge};
use crate::feature::rows::chunks::Chunks;
use crate::feature::rows::layout::Layout;
use crate::feature::rows::lists::Lists;
use crate::feature::rows::scratch::{Scratch, column, for_each_tile};
use crate::feature::value::label::Reader;
use crate::feature::vocabulary::hash::{combine, hash_bits};
use crate::feature::vocabulary::{DIRECT_LIMIT, Vocabulary};
use crate::random::mix;

/// The seed when none is given.
pub const DEFAULT_SEED: u64 = 42;

/// Rows that are encoded at once.
const BLOCK_ROWS: usize = 8192;

/// Rows that every partition may hold even when the budget grants nothing.
const FLOOR_BYTES: usize = 1 << 20;

/// Bytes that training a model of this layout needs beside its rows.
pub type Reserve = Arc<dyn Fn(&Layout) -> usize + Send + Sync>;

/// Settings of a fit.
#[derive(Clone)]
pub struct FitOptions {
    /// How rows are divided.
    pub split: SplitMethod,
    /// Decides the order of rows and the random split.
    pub seed: u64,
    /// Threads that may be used at the end of the pass.
    pub threads: usize,
    /// Checked now and then; once true, fitting ends as cancelled.
    pub stop: Option<Arc<AtomicBool>>,
    /// Memory that training will need beside the rows: when the budget can't grant it with the
    /// rows in memory, they go to disk.
    pub reserve: Option<Reserve>,
    /// Tasks that follow from one another, in order of depth: a NULL label is 0 where the label of an
    /// earlier one is.
    pub funnel: Vec<usize>,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            split: SplitMethod::Auto,
            seed: DEFAULT_SEED,
            threads: std::thread::available_parallelism().map_or(1, |n| n.get()),
            stop: None,
            reserve: None,
            funnel: Vec::new(),
        }
    }
}

/// Fits an encoder in one pass over the rows.
pub struct Fitter {
    pub(crate) shared: Arc<Shared>,
}

/// What all partitions know.
pub(crate) struct Shared {
    pub(crate) spec: EncoderSpec,
    pub(crate) record: Record,
    pub(crate) options: FitOptions,
    pub(crate) budget: Arc<dyn Budget>,
    pub(crate) spill_dir: PathBuf,
    /// Position of the split column, when it decides.
    split_column: Option<usize>,
}

impl Shared {
    /// # Errors
    /// `Cancelled` once the caller asked to stop.
    pub(crate) fn check_stop(&self) -> Result<()> {
        let stop = self.options.stop.as_ref();
        if stop.is_some_and(|s| s.load(Ordering::Relaxed)) {
            return Err(Error::cancelled());
        }
        Ok(())
    }
}

impl Fitter {
    /// A fit of `spec`. Rows that find no place in `budget` go to files in `spill_dir`, which is
    /// made when it is needed.
    ///
    /// # Errors
    /// `Plan` when the split method does not fit the split column.
    pub fn new(
        spec: EncoderSpec,
        options: FitOptions,
        budget: Arc<dyn Budget>,
        spill_dir: PathBuf,
    ) -> Result<Self> {
        let keyed = options.split.check(&spec)?;
        let split_column = spec.columns.iter().position(|c| c.role == Role::Split);
        Ok(Self {
            shared: Arc::new(Shared {
                record: Record::new(&spec, keyed),
                spec,
                options,
                budget,
                spill_dir,
                split_column: split_column.filter(|_| keyed),
            }),
        })
    }

    /// A worker for one partition of the input; it shares nothing that could make it wait.
    pub fn partition(&self) -> PartitionFitter {
        let shared = Arc::clone(&self.shared);
        let vocabularies = shared.record.slots.iter();
        PartitionFitter {
            vocabularies: vocabularies
                .map(|_| Vocabulary::new(DIRECT_LIMIT))
                .collect(),
            labels: shared.spec.tasks.iter().map(Reader::new).collect(),
            nulls: vec![0; shared.spec.columns.len()],
            keys: (u64::MAX, 0),
            chunks: Chunks::new(shared.record.words, shared.spill_dir.clone()),
            charge: Charge::new(Arc::clone(&shared.budget)),
            scratch: Scratch::default(),
            shared,
        }
    }
}

/// Takes in the rows of one partition.
pub struct PartitionFitter {
    pub(crate) shared: Arc<Shared>,
    /// One per id slot, values in the order of their arrival.
    pub(crate) vocabularies: Vec<Vocabulary>,
    /// One per task.
    pub(crate) labels: Vec<Reader>,
    /// NULLs per column.
    pub(crate) nulls: Vec<u64>,
    /// Smallest and largest split key.
    pub(crate) keys: (u64, u64),
    pub(crate) chunks: Chunks,
    charge: Charge,
    scratch: Scratch,
}

impl PartitionFitter {
    /// Rows taken in so far.
    pub fn rows(&self) -> u64 {
        self.chunks.rows()
    }

    /// Takes in a batch whose columns stand as in the schema that the spec was inferred from.
    ///
    /// # Errors
    /// `Execution` for a label that its task can't learn, `Resources` when vocabularies outgrow the
    /// budget, `Io` when spilling fails, `Internal` for a batch with other columns.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_columns() != self.shared.spec.columns.len() {
            return Err(Error::internal(format!(
                "expected a batch of {} columns, got {}",
                self.shared.spec.columns.len(),
                batch.num_columns()
            )));
        }
        for from in (0..batch.num_rows()).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(batch.num_rows() - from);
            if rows == batch.num_rows() {
                self.push_block(batch.columns(), rows)?;
            } else {
                self.push_block(batch.slice(from, rows).columns(), rows)?;
            }
            self.ask_for_memory()?;
        }
        Ok(())
    }

    fn push_block(&mut self, columns: &[ArrayRef], rows: usize) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let record = &shared.record;
        self.scratch.resize(record.words, rows);
        let lists = &mut self.scratch.lists;
        lists.resize_with(record.lists, Lists::default);
        lists.iter_mut().for_each(Lists::clear);
        self.scratch.hashes.clear();
        self.scratch.hashes.resize(rows, mix(shared.options.seed));
        let buckets = shared.spec.bounds.hash_buckets;
        let (mut block, buffer) = Block::new(&mut self.scratch, &mut self.vocabularies, buckets);
        for feature in &record.features {
            let array = &columns[feature.column];
            feature.slots.read(array, &mut block, buffer)?;
        }
        for (nulls, array) in self.nulls.iter_mut().zip(columns) {
            *nulls += array.logical_null_count() as u64;
        }
        self.push_labels(columns, rows)?;
        if let (Some(word), Some(at)) = (record.key, shared.split_column) {
            self.push_keys(&columns[at], word)?;
        }
        self.store(rows);
        Ok(())
    }

    fn push_labels(&mut self, columns: &[ArrayRef], rows: usize) -> Result<()> {
        let Scratch {
            words,
            stride,
            hashes,
            numbers,
            ..
        } = &mut self.scratch;
        let spec = &self.shared.spec;
        for (task, (reader, &at)) in self.labels.iter_mut().zip(&spec.label_columns).enumerate() {
            reader.read(&columns[at], numbers, hashes)?;
            let out = column(words, *stride, self.shared.record.labels + task, rows);
            for (out, value) in out.iter_mut().zip(numbers.iter()) {
                *out = (*value as f32).to_bits();
            }
        }
        Ok(())
    }

    fn push_keys(&mut self, array: &ArrayRef, word: usize) -> Result<()> {
        let mut keys = Vec::new();
        read_keys(array, &mut keys)?;
        for (hash, &key) in self.scratch.hashes.iter_mut().zip(&keys) {
            *hash = combine(*hash, hash_bits(key));
            self.keys = (self.keys.0.min(key), self.keys.1.max(key));
        }
        split_words(
            keys.iter().copied(),
            &mut self.scratch.words,
            self.scratch.stride,
            word,
        );
        Ok(())
    }

    /// Appends the rows of the working space to their buckets.
    fn store(&mut self, rows: usize) {
        let Scratch {
            words,
            stride,
            hashes,
            lists,
            ..
        } = &mut self.scratch;
        let record = &self.shared.record;
        let at = record.hash;
        for (i, list) in lists.iter().enumerate() {
            let word = record.words - record.lists + i;
            let lengths = column(words, *stride, word, rows).iter_mut();
            for (row, length) in lengths.enumerate() {
                *length = list.row(row).len() as u32;
            }
        }
        let mut whole = Vec::new();
        split_words(hashes.iter().map(|h| mix(*h)), words, *stride, at);
        for_each_tile(words, *stride, 0..record.words, rows, |from, tile| {
            for (i, row) in tile.chunks_exact(record.words).enumerate() {
                let hash = join(row[at], row[at + 1]);
                if lists.is_empty() {
                    self.chunks.push(row, hash);
                    continue;
                }
                whole.clear();
                whole.extend_from_slice(row);
                for list in lists.iter() {
                    whole.extend_from_slice(list.row(from + i));
                }
                self.chunks.push(&whole, hash);
            }
        });
    }

    /// Frees the working space and hands over what is charged.
    pub(crate) fn release(&mut self) -> Charge {
        self.scratch = Scratch::default();
        let mut charge = self.charge.split_off(usize::MAX);
        charge.shrink_to(self.vocabulary_bytes() + self.chunks.bytes());
        charge
    }

    /// Memory of the vocabularies.
    pub(crate) fn vocabulary_bytes(&self) -> usize {
        self.vocabularies.iter().map(Vocabulary::bytes).sum()
    }

    fn ask_for_memory(&mut self) -> Result<()> {
        let vocabularies = self.vocabulary_bytes();
        let fixed = vocabularies + self.scratch.bytes();
        if self.charge.ensure(fixed + self.chunks.bytes()) {
            return Ok(());
        }
        if self.chunks.bytes() > FLOOR_BYTES {
            self.chunks.spill()?;
            self.charge.shrink_to(fixed);
        }
        // The working space is small and can't be done without; vocabularies can grow large.
        if self.charge.ensure(vocabularies) {
            return Ok(());
        }
        Err(self.too_many_values())
    }

    /// The error of vocabularies that outgrow the memory.
    pub(crate) fn too_many_values(&self) -> Error {
        let sizes = self.vocabularies.iter().map(Vocabulary::bytes);
        let largest = sizes.enumerate().max_by_key(|(_, bytes)| *bytes);
        let (slot, bytes) = largest.unwrap_or((0, 0));
        let name = self
            .shared
            .record
            .slots
            .get(slot)
            .map_or("", |s| s.name.as_str());
        let values = self.vocabularies.get(slot).map_or(0, Vocabulary::len);
        Error::resources(format!(
            "no memory left for the distinct values of column \"{name}\" ({values} so far, {} MB); \
             set hash_buckets, leave the column out with exclude_cols, or raise the memory limit",
            bytes.div_ceil(1 << 20)
        ))
    }
}
