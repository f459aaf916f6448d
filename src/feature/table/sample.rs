//! A sample of bounded size that depends on the rows, not on the order in which they come.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::row::{RowConverter, SortField};

use crate::error::{Error, Result};
use crate::feature::{Budget, Charge, text_hash};
use crate::random::mix;

/// Distinct rows whose copies are told apart; copies of later ones are kept or left together.
const MAX_DISTINCT: usize = 2 << 20;

/// Hashes of rows by their content.
pub struct RowHasher {
    converter: RowConverter,
}

impl RowHasher {
    /// A hasher of rows of that schema.
    ///
    /// # Errors
    /// `Arrow` for a type whose values can't be compared.
    pub fn new(schema: &SchemaRef) -> Result<Self> {
        let fields = schema.fields().iter();
        let fields = fields.map(|f| SortField::new(f.data_type().clone()));
        Ok(Self {
            converter: RowConverter::new(fields.collect())?,
        })
    }

    /// A hash of each row.
    ///
    /// # Errors
    /// `Arrow` when the columns are others.
    pub fn hashes(&self, batch: &RecordBatch) -> Result<Vec<u64>> {
        let rows = self.converter.convert_columns(batch.columns())?;
        Ok(rows.iter().map(|row| text_hash(row.as_ref())).collect())
    }
}

/// The rows with the smallest keys. A row's key is a hash of its content, of the seed and of how many
/// of its copies came before: which of them does not matter, as they are all the same.
pub struct Sample {
    schema: SchemaRef,
    /// Rows at the most, and how many it may fall to where memory is short.
    limit: usize,
    least: usize,
    seed: u64,
    copies: HashMap<u64, u64>,
    batches: Vec<RecordBatch>,
    /// What these take.
    bytes: usize,
    keys: Vec<u64>,
    /// Rows with keys from this on are not needed.
    bound: u64,
    rows: u64,
    digest: u64,
    charge: Charge,
    /// How often the rows will be in memory.
    times: usize,
}

/// All that was sampled.
pub struct Sampled {
    /// In a random order.
    pub rows: RecordBatch,
    /// Rows that there were.
    pub seen: u64,
    /// A hash of these, in whatever order.
    pub digest: u64,
    /// What they take of the memory limit.
    pub charge: Charge,
}

impl Sample {
    /// A sample of rows of this schema: as many as `limit` ends with, or fewer where memory is short, down to
    /// its beginning. Memory is asked for `times` times what they take.
    pub fn new(
        schema: SchemaRef,
        limit: RangeInclusive<usize>,
        times: usize,
        seed: u64,
        budget: Arc<dyn Budget>,
    ) -> Self {
        Self {
            schema,
            limit: *limit.end(),
            least: *limit.start(),
            seed: mix(seed),
            copies: HashMap::new(),
            batches: Vec::new(),
            bytes: 0,
            keys: Vec::new(),
            bound: u64::MAX,
            rows: 0,
            digest: 0,
            charge: Charge::new(budget),
            times,
        }
    }

    /// Rows seen so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes in a batch whose rows have these hashes.
    ///
    /// # Errors
    /// `Resources` when the memory limit leaves no room for the sample.
    pub fn push(&mut self, batch: &RecordBatch, hashes: &[u64]) -> Result<()> {
        self.rows += hashes.len() as u64;
        let mut wanted = Vec::new();
        for (hash, row) in hashes.iter().zip(0u64..) {
            self.digest = self.digest.wrapping_add(mix(*hash));
            let key = self.key(*hash);
            if key < self.bound {
                wanted.push(row);
                self.keys.push(key);
            }
        }
        if !wanted.is_empty() {
            let copied = copied(batch, wanted)?;
            self.bytes += copied.get_array_memory_size();
            self.batches.push(copied);
        }
        if self.keys.len() > 2 * self.limit {
            self.prune()?;
        }
        while !self.fits() {
            let fewer = self.keys.len().min(self.limit) / 2;
            if fewer < self.least {
                return Err(Error::resources(format!(
                    "a sample of {} rows does not fit into the memory limit: raise it, or select fewer rows or \
                     columns",
                    self.least
                )));
            }
            self.limit = fewer;
            self.prune()?;
        }
        Ok(())
    }

    fn fits(&mut self) -> bool {
        let keys = 8 * self.keys.len() + 32 * self.copies.len();
        self.charge.ensure(self.times * self.bytes + keys)
    }

    /// The key of a row.
    fn key(&mut self, hash: u64) -> u64 {
        let full = self.copies.len() >= MAX_DISTINCT;
        let copy = match self.copies.get_mut(&hash) {
            Some(copies) => {
                *copies += 1;
                *copies
            }
            None if full => 0,
            None => {
                self.copies.insert(hash, 0);
                0
            }
        };
        mix(mix(hash ^ self.seed).wrapping_add(copy))
    }

    /// Keeps the rows with the smallest keys, in order.
    fn prune(&mut self) -> Result<()> {
        let mut order: Vec<u64> = (0..self.keys.len() as u64).collect();
        order.sort_by_key(|row| self.keys[*row as usize]);
        order.truncate(self.limit);
        let all = concat_batches(&self.schema, &self.batches)?;
        let keys: Vec<u64> = order.iter().map(|row| self.keys[*row as usize]).collect();
        let kept = copied(&all, order)?;
        self.bytes = kept.get_array_memory_size();
        self.batches = vec![kept];
        if keys.len() == self.limit {
            self.bound = keys.last().copied().unwrap_or(u64::MAX);
        }
        self.keys = keys;
        Ok(())
    }

    /// The sample, in the order of the keys.
    ///
    /// # Errors
    /// `Arrow` when the batches differ in their columns.
    pub fn finish(mut self) -> Result<Sampled> {
        self.prune()?;
        Ok(Sampled {
            rows: concat_batches(&self.schema, &self.batches)?,
            seen: self.rows,
            digest: self.digest,
            charge: self.charge,
        })
    }
}

/// Some rows in memory of their own: what they were taken from can be given back.
fn copied(batch: &RecordBatch, rows: Vec<u64>) -> Result<RecordBatch> {
    let taken = take_record_batch(batch, &UInt64Array::from(rows))?;
    // Views of text would keep all text alive that they were taken from.
    let own = |array: &ArrayRef| -> ArrayRef {
        match array.data_type() {
            DataType::Utf8View => Arc::new(array.as_string_view().gc()),
            DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
            _ => array.clone(),
        }
    };
    let columns = taken.columns().iter().map(own).collect();
    Ok(RecordBatch::try_new(taken.schema(), columns)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringViewArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;
    use crate::feature::Unlimited;

    fn sample(values: &[i64], batch: usize, limit: usize, seed: u64) -> Vec<i64> {
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        let hasher = RowHasher::new(&schema).unwrap();
        let budget = Arc::new(Unlimited);
        let mut sample = Sample::new(schema.clone(), limit..=limit, 1, seed, budget);
        for part in values.chunks(batch) {
            let column = Arc::new(Int64Array::from(part.to_vec()));
            let batch = RecordBatch::try_new(schema.clone(), vec![column]).unwrap();
            sample
                .push(&batch, &hasher.hashes(&batch).unwrap())
                .unwrap();
        }
        assert_eq!(sample.rows(), values.len() as u64);
        let rows = sample.finish().unwrap().rows;
        rows.column(0).as_primitive::<Int64Type>().values().to_vec()
    }

    #[test]
    fn the_order_of_rows_does_not_matter() {
        let values: Vec<i64> = (0..5000).map(|i| i % 700).collect();
        let reversed: Vec<i64> = values.iter().rev().copied().collect();
        let one = sample(&values, 64, 300, 7);
        assert_eq!(one.len(), 300);
        assert_eq!(one, sample(&reversed, 1000, 300, 7));
        assert_ne!(one, sample(&values, 64, 300, 8));
        let mut all = sample(&values, 64, 9000, 7);
        assert_ne!(all, values);
        all.sort_unstable();
        let mut sorted = values;
        sorted.sort_unstable();
        assert_eq!(all, sorted);
    }

    /// Of 80% zeros and 20% ones 1000 rows have 800 zeros, give or take 13 (one deviation).
    #[test]
    fn copies_are_drawn_one_by_one() {
        let values: Vec<i64> = (0..20_000).map(|i| i64::from(i % 5 == 0)).collect();
        let zeros = sample(&values, 512, 1000, 3);
        let zeros = zeros.iter().filter(|v| **v == 0).count();
        assert!((750..850).contains(&zeros), "{zeros}");
    }

    #[test]
    fn fewer_rows_are_kept_where_memory_is_short() {
        use crate::feature::rows::budget::tests::Limited;

        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8View, true)]));
        let hasher = RowHasher::new(&schema).unwrap();
        let sampled = |limit: usize, parts: usize| {
            let mut sample = Sample::new(schema.clone(), 100..=10_000, 1, 3, Limited::new(limit));
            for part in 0..parts {
                let text = |i| {
                    format!(
                        "text number {} that is too long for a view",
                        part * 1000 + i
                    )
                };
                let column: StringViewArray = (0..1000).map(|i| Some(text(i))).collect();
                let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(column)]).unwrap();
                sample.push(&batch, &hasher.hashes(&batch).unwrap())?;
            }
            sample.finish()
        };
        assert_eq!(sampled(64 << 20, 5).unwrap().rows.num_rows(), 5000);
        let few = sampled(300 << 10, 5).unwrap();
        assert!(
            (100..5000).contains(&few.rows.num_rows()),
            "{}",
            few.rows.num_rows()
        );
        assert_eq!(few.seen, 5000);
        // What was read before is not kept alive.
        assert!(few.rows.get_array_memory_size() < 200 << 10);
        let error = sampled(20 << 10, 5).err().unwrap().to_string();
        assert!(
            error.contains("a sample of 100 rows does not fit"),
            "{error}"
        );
    }

    #[test]
    fn the_digest_is_of_the_rows_and_not_of_their_order() {
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        let hasher = RowHasher::new(&schema).unwrap();
        let digest = |values: &[i64]| {
            let mut sample = Sample::new(schema.clone(), 2..=2, 1, 3, Arc::new(Unlimited));
            let column = Arc::new(Int64Array::from(values.to_vec()));
            let batch = RecordBatch::try_new(schema.clone(), vec![column]).unwrap();
            sample
                .push(&batch, &hasher.hashes(&batch).unwrap())
                .unwrap();
            sample.finish().unwrap().digest
        };
        assert_eq!(digest(&[1, 2, 3, 3]), digest(&[3, 1, 3, 2]));
        assert_ne!(digest(&[1, 2, 3, 3]), digest(&[1, 2, 2, 3]));
    }
}
