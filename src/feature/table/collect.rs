//! The rows that a generator learns from: all of them, or a sample by the hash of their content, in the
//! order of that hash, so that the order in which they come does not matter.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};

use super::roles::TableSpec;
use crate::error::{Error, Result};
use crate::feature::hash::{mix, text_hash};
use crate::feature::{Budget, Charge};

/// Rows that are kept at the most.
const MOST_ROWS: usize = 1 << 20;

/// Rows below which there is no point in thinning out.
const LEAST_ROWS: usize = 10_000;

/// Takes in one partition of the query.
pub struct Collector {
    schema: SchemaRef,
    at: Vec<usize>,
    converter: RowConverter,
    seed: u64,
    kept: Vec<(RecordBatch, Vec<u64>)>,
    charge: Charge,
    rows: usize,
    /// Every row counts whose hash begins with so many zeros.
    level: u32,
    seen: u64,
}

/// All that was taken in.
pub struct Collected {
    /// The rows in the order of their hashes.
    pub rows: RecordBatch,
    /// How many there were.
    pub seen: u64,
    /// What they take of the memory limit.
    pub _charge: Charge,
}

impl Collector {
    /// A collector of the columns of `spec`, of a query with this schema.
    ///
    /// # Errors
    /// `Arrow` when a type has no order.
    pub fn new(spec: &TableSpec, seed: u64, budget: Arc<dyn Budget>) -> Result<Self> {
        let fields: Vec<_> = spec.columns.iter().map(|c| c.field.clone()).collect();
        let sort = fields.iter().map(|f| SortField::new(f.data_type().clone()));
        Ok(Self {
            at: spec.columns.iter().map(|c| c.at).collect(),
            converter: RowConverter::new(sort.collect())?,
            schema: Arc::new(Schema::new(fields)),
            seed,
            kept: Vec::new(),
            charge: Charge::new(budget),
            rows: 0,
            level: 0,
            seen: 0,
        })
    }

    /// Takes rows in.
    ///
    /// # Errors
    /// `Resources` when not even a small sample fits in memory.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        self.seen += batch.num_rows() as u64;
        let columns = self.at.iter().map(|at| batch.column(*at).clone()).collect();
        let batch = RecordBatch::try_new(self.schema.clone(), columns)?;
        let rows = self.converter.convert_columns(batch.columns())?;
        let hashes = rows
            .iter()
            .map(|row| mix(text_hash(row.as_ref()) ^ mix(self.seed)));
        let hashes: Vec<_> = hashes.collect();
        let (batch, hashes) = thinned(&batch, &hashes, self.level)?;
        self.rows += hashes.len();
        self.kept.push((batch, hashes));
        while self.rows > MOST_ROWS || !self.fits() {
            self.thin()?;
        }
        Ok(())
    }

    /// Asks for the memory of what is kept, three times over: it is joined and coded later.
    fn fits(&mut self) -> bool {
        let bytes = self
            .kept
            .iter()
            .map(|(batch, hashes)| batch.get_array_memory_size() + 8 * hashes.len());
        let bytes: usize = bytes.sum();
        self.charge.ensure(3 * bytes)
    }

    fn thin(&mut self) -> Result<()> {
        if self.rows < LEAST_ROWS {
            return Err(Error::resources(
                "the rows that the generator learns from don't fit in the memory limit",
            ));
        }
        self.level += 1;
        self.apply_level()
    }

    fn apply_level(&mut self) -> Result<()> {
        for (batch, hashes) in &mut self.kept {
            (*batch, *hashes) = thinned(batch, hashes, self.level)?;
        }
        self.rows = self.kept.iter().map(|(_, hashes)| hashes.len()).sum();
        Ok(())
    }

    /// The rows of all partitions.
    ///
    /// # Errors
    /// `Execution` when there is none; `Arrow`, which a user can't cause.
    pub fn join(parts: Vec<Self>) -> Result<Collected> {
        let mut parts = parts.into_iter();
        let Some(mut all) = parts.next() else {
            return Err(Error::internal("a query without partitions"));
        };
        for part in parts {
            all.kept.extend(part.kept);
            all.rows += part.rows;
            all.seen += part.seen;
            all.level = all.level.max(part.level);
            all.charge.absorb(part.charge);
        }
        if all.seen == 0 {
            return Err(Error::execution("the query has no rows to learn from"));
        }
        // Each partition may have got to another level.
        all.apply_level()?;
        while all.rows > MOST_ROWS {
            all.thin()?;
        }
        let rows = concat_batches(&all.schema, all.kept.iter().map(|(batch, _)| batch))?;
        let hashes: Vec<_> = all
            .kept
            .iter()
            .flat_map(|(_, hashes)| hashes)
            .copied()
            .collect();
        let mut order: Vec<u32> = (0..hashes.len() as u32).collect();
        order.sort_by_key(|row| hashes[*row as usize]);
        Ok(Collected {
            rows: take_record_batch(&rows, &UInt32Array::from(order))?,
            seen: all.seen,
            _charge: all.charge,
        })
    }
}

/// The rows that count at a level.
fn thinned(batch: &RecordBatch, hashes: &[u64], level: u32) -> Result<(RecordBatch, Vec<u64>)> {
    if level == 0 {
        return Ok((batch.clone(), hashes.to_vec()));
    }
    let counts = |hash: &u64| hash.leading_zeros() >= level;
    let mask: BooleanArray = hashes.iter().map(|hash| Some(counts(hash))).collect();
    let batch = filter_record_batch(batch, &mask)?;
    Ok((batch, hashes.iter().copied().filter(counts).collect()))
}
