//! The rows that a generator learns from: all of them, or a sample, in an order of their own.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

use super::roles::TableSpec;
use super::sample::{RowHasher, Sample, Sampled};
use crate::error::{Error, Result};
use crate::feature::Budget;

/// Rows that are kept: at the most, and at the least where memory is short.
const MOST_ROWS: usize = 1 << 20;
const LEAST_ROWS: usize = 10_000;

/// Rows will be in memory joined and coded, too.
const TIMES: usize = 3;

/// Takes in all partitions of a query at once.
#[derive(Clone)]
pub struct Collector {
    schema: SchemaRef,
    at: Vec<usize>,
    sample: Arc<Mutex<Sample>>,
}

/// Takes in one partition.
pub struct PartitionCollector {
    collector: Collector,
    hasher: RowHasher,
}

impl Collector {
    /// A collector of the columns of `spec`.
    pub fn new(spec: &TableSpec, seed: u64, budget: Arc<dyn Budget>) -> Self {
        let fields: Vec<_> = spec.columns.iter().map(|c| c.field.clone()).collect();
        let schema = Arc::new(Schema::new(fields));
        let limit = LEAST_ROWS..=MOST_ROWS;
        let sample = Sample::new(schema.clone(), limit, TIMES, seed, budget);
        Self {
            at: spec.columns.iter().map(|c| c.at).collect(),
            sample: Arc::new(Mutex::new(sample)),
            schema,
        }
    }

    /// For one partition.
    ///
    /// # Errors
    /// `Arrow` when a type has no order.
    pub fn partition(&self) -> Result<PartitionCollector> {
        Ok(PartitionCollector {
            collector: self.clone(),
            hasher: RowHasher::new(&self.schema)?,
        })
    }

    /// The rows of all partitions, which are `parts`.
    ///
    /// # Errors
    /// `Execution` when there is none; `Arrow`, which a user can't cause.
    pub fn finish(self, parts: Vec<PartitionCollector>) -> Result<Sampled> {
        drop(parts);
        let sample = Arc::into_inner(self.sample);
        let sample = sample.ok_or_else(|| Error::internal("a partition is still being read"))?;
        let sample = sample.into_inner().unwrap_or_else(PoisonError::into_inner);
        match sample.rows() {
            0 => Err(Error::execution("the query has no rows to learn from")),
            _ => sample.finish(),
        }
    }
}

impl PartitionCollector {
    /// Takes rows in.
    ///
    /// # Errors
    /// `Resources` when not even a small sample fits in memory.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let Collector { schema, at, sample } = &self.collector;
        let columns = at.iter().map(|at| batch.column(*at).clone()).collect();
        let batch = RecordBatch::try_new(schema.clone(), columns)?;
        let hashes = self.hasher.hashes(&batch)?;
        let mut sample = sample.lock().unwrap_or_else(PoisonError::into_inner);
        sample.push(&batch, &hashes)
    }
}
