//! Encoded rows as tensors.
//!
//! Shapes: B rows, C id columns, N numbers, T tasks, R rows of a set.

use std::ops::Range;

use tch::{Device, Tensor};

use crate::error::Result;
use crate::feature::{EncodedBatch, Order, RowSet};

/// A batch of encoded rows on the device of the model.
pub struct Batch {
    /// `[B, C]` i32: row numbers of the embedding table.
    pub ids: Tensor,
    /// `[B, N]` f32: standardised numbers.
    pub numbers: Tensor,
    /// `[B, T]` f32, NaN where a row is outside of a task's sample space; `[B, 0]` without labels.
    pub labels: Tensor,
}

impl Batch {
    /// Copies some rows of `encoded` to `device`.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn rows(encoded: &EncodedBatch, rows: Range<usize>, device: Device) -> Result<Self> {
        let total = encoded.rows;
        Ok(Self {
            ids: matrix(&encoded.ids, total, rows.clone())?.f_to_device(device)?,
            numbers: matrix(&encoded.dense, total, rows.clone())?.f_to_device(device)?,
            labels: matrix(&encoded.labels, total, rows)?.f_to_device(device)?,
        })
    }

    /// The same rows once more, sharing their memory.
    pub fn share(&self) -> Self {
        Self {
            ids: self.ids.shallow_clone(),
            numbers: self.numbers.shallow_clone(),
            labels: self.labels.shallow_clone(),
        }
    }
}

/// Some rows of a row-major buffer of `total` rows.
fn matrix<E: tch::kind::Element>(values: &[E], total: usize, rows: Range<usize>) -> Result<Tensor> {
    let columns = values.len().checked_div(total).unwrap_or(0);
    let part = &values[rows.start * columns..rows.end * columns];
    Ok(Tensor::f_from_slice(part)?.f_view([rows.len() as i64, columns as i64])?)
}

/// All rows of a set on one device, from which batches are gathered there.
pub struct Resident {
    all: Batch,
    /// The labels once more on the CPU, `[R, T]`.
    labels: Vec<f32>,
    tasks: usize,
}

/// Rows that are copied to the device at once.
const COPY_ROWS: usize = 1 << 16;

impl Resident {
    /// Copies `rows` to `device`.
    ///
    /// # Errors
    /// `Torch` when they don't fit there; `Io` when spilled rows can't be read.
    pub fn new(rows: &RowSet, device: Device) -> Result<Self> {
        let mut parts = Vec::new();
        let mut labels = Vec::new();
        let mut encoded = EncodedBatch::default();
        let mut batches = rows.batches(COPY_ROWS, Order::Stored);
        while batches.next_into(&mut encoded)? {
            parts.push(Batch::rows(&encoded, 0..encoded.rows, device)?);
            labels.extend_from_slice(&encoded.labels);
        }
        let all = |of: fn(&Batch) -> &Tensor| {
            let parts: Vec<_> = parts.iter().map(of).collect();
            Tensor::f_cat(&parts, 0)
        };
        let all = Batch {
            ids: all(|part| &part.ids)?,
            numbers: all(|part| &part.numbers)?,
            labels: all(|part| &part.labels)?,
        };
        let tasks = labels.len() / rows.rows().max(1) as usize;
        Ok(Self { all, labels, tasks })
    }

    /// The rows of these numbers, and their labels on the CPU.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn batch(&self, numbers: &[i64]) -> Result<(Batch, Vec<f32>)> {
        let index = Tensor::f_from_slice(numbers)?.f_to_device(self.all.ids.device())?;
        let batch = Batch {
            ids: self.all.ids.f_index_select(0, &index)?,
            numbers: self.all.numbers.f_index_select(0, &index)?,
            labels: self.all.labels.f_index_select(0, &index)?,
        };
        let row = |&number: &i64| &self.labels[number as usize * self.tasks..][..self.tasks];
        Ok((batch, numbers.iter().flat_map(row).copied().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_resident_rows_are_those_of_the_numbers() {
        let rows = RowSet::of_numbers(10);
        let resident = Resident::new(&rows, Device::Cpu).unwrap();
        let (batch, labels) = resident.batch(&[7, 0, 3]).unwrap();
        assert_eq!(
            Vec::<i32>::try_from(batch.ids.flatten(0, -1)).unwrap(),
            [7, 0, 3]
        );
        assert_eq!((batch.numbers.size(), labels.len()), (vec![3, 0], 0));
    }
}
