//! A sample of bounded size that depends on the rows, not on the order in which they come.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};

use crate::error::{Error, Result};
use crate::feature::{Budget, Charge, mix, text_hash};

/// Distinct rows whose copies are told apart; copies of later ones are kept or left together.
const MAX_DISTINCT: usize = 2 << 20;

/// The rows with the smallest keys. A row's key is a hash of its content, of the seed and of how many
/// of its copies came before.
pub struct Sample {
    schema: SchemaRef,
    limit: usize,
    seed: u64,
    converter: RowConverter,
    copies: HashMap<u64, u64>,
    batches: Vec<RecordBatch>,
    keys: Vec<u64>,
    /// Rows with keys from this on are not needed.
    bound: u64,
    rows: u64,
    charge: Charge,
}

impl Sample {
    /// A sample of up to `limit` rows.
    ///
    /// # Errors
    /// `Arrow` for a type whose values can't be compared.
    pub fn new(
        schema: SchemaRef,
        limit: usize,
        seed: u64,
        budget: Arc<dyn Budget>,
    ) -> Result<Self> {
        let fields = schema.fields().iter();
        let fields = fields.map(|f| SortField::new(f.data_type().clone()));
        Ok(Self {
            converter: RowConverter::new(fields.collect())?,
            schema,
            limit,
            seed: mix(seed),
            copies: HashMap::new(),
            batches: Vec::new(),
            keys: Vec::new(),
            bound: u64::MAX,
            rows: 0,
            charge: Charge::new(budget),
        })
    }

    /// Rows seen so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes in a batch.
    ///
    /// # Errors
    /// `Resources` when the memory limit leaves no room for the sample.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = self.converter.convert_columns(batch.columns())?;
        let keys: Vec<u64> = rows.iter().map(|row| self.key(row.as_ref())).collect();
        self.rows += keys.len() as u64;
        let wanted: BooleanArray = keys.iter().map(|key| Some(*key < self.bound)).collect();
        self.batches.push(filter_record_batch(batch, &wanted)?);
        self.keys
            .extend(keys.iter().filter(|key| **key < self.bound));
        let bytes = self.batches.iter().map(RecordBatch::get_array_memory_size);
        let bytes = bytes.sum::<usize>() + 8 * self.keys.len() + 32 * self.copies.len();
        if !self.charge.ensure(bytes) {
            return Err(Error::resources(format!(
                "a sample of {} rows does not fit into the memory limit: raise it, or select fewer \
                 rows or columns",
                self.limit
            )));
        }
        match self.keys.len() > 2 * self.limit {
            true => self.prune(),
            false => Ok(()),
        }
    }

    /// The key of a row.
    fn key(&mut self, row: &[u8]) -> u64 {
        let hash = text_hash(row);
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
        order.sort_unstable_by_key(|row| self.keys[*row as usize]);
        order.truncate(self.limit);
        let all = concat_batches(&self.schema, &self.batches)?;
        let keys: Vec<u64> = order.iter().map(|row| self.keys[*row as usize]).collect();
        self.batches = vec![take_record_batch(&all, &UInt64Array::from(order))?];
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
    pub fn finish(mut self) -> Result<RecordBatch> {
        self.prune()?;
        Ok(concat_batches(&self.schema, &self.batches)?)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    struct Unlimited;

    impl Budget for Unlimited {
        fn try_grow(&self, _bytes: usize) -> bool {
            true
        }

        fn shrink(&self, _bytes: usize) {}
    }

    fn sample(values: &[i64], batch: usize, limit: usize, seed: u64) -> Vec<i64> {
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        let mut sample = Sample::new(schema.clone(), limit, seed, Arc::new(Unlimited)).unwrap();
        for part in values.chunks(batch) {
            let column = Arc::new(Int64Array::from(part.to_vec()));
            let batch = RecordBatch::try_new(schema.clone(), vec![column]).unwrap();
            sample.push(&batch).unwrap();
        }
        assert_eq!(sample.rows(), values.len() as u64);
        let rows = sample.finish().unwrap();
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
}
