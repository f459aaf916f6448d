//! Encoded rows as tensors.
//!
//! Shapes: B rows, C id columns, L lists, V values of a list in all rows, N numbers, T tasks, R rows of a
//! set.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::feature::{EncodedBatch, Lists, Order, RowSet};

/// A batch of encoded rows on the device of the model.
pub struct Batch {
    /// `[B, C]` i32: row numbers of the embedding table.
    pub ids: Tensor,
    /// L lists of row numbers of the embedding table, one of each a row.
    pub lists: Vec<Ragged>,
    /// `[B, N]` f32: standardised numbers.
    pub numbers: Tensor,
    /// `[B, T]` f32, NaN where a row is outside of a task's sample space; `[B, 0]` without labels.
    pub labels: Tensor,
}

/// A list a row, one behind the other: as long as each is, never as long as the longest.
pub struct Ragged {
    /// `[B + 1]` i64: where each list begins among the values, and where the last one ends.
    pub offsets: Tensor,
    /// `[V]` i32: the values of all lists.
    pub values: Tensor,
}

impl Batch {
    /// Copies some rows of `encoded` to `device`.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn rows(encoded: &EncodedBatch, rows: Range<usize>, device: Device) -> Result<Self> {
        let total = encoded.rows;
        let lists = encoded.lists.iter();
        Ok(Self {
            ids: matrix(&encoded.ids, total, rows.clone())?.f_to_device(device)?,
            lists: lists
                .map(|lists| Ragged::rows(lists, rows.clone(), device))
                .collect::<Result<_>>()?,
            numbers: matrix(&encoded.dense, total, rows.clone())?.f_to_device(device)?,
            labels: matrix(&encoded.labels, total, rows)?.f_to_device(device)?,
        })
    }

    /// The same rows once more, sharing their memory.
    pub fn share(&self) -> Self {
        let share = |lists: &Ragged| Ragged {
            offsets: lists.offsets.shallow_clone(),
            values: lists.values.shallow_clone(),
        };
        Self {
            ids: self.ids.shallow_clone(),
            lists: self.lists.iter().map(share).collect(),
            numbers: self.numbers.shallow_clone(),
            labels: self.labels.shallow_clone(),
        }
    }
}

impl Ragged {
    /// Copies the lists of some rows to `device`.
    fn rows(lists: &Lists<i32>, rows: Range<usize>, device: Device) -> Result<Self> {
        let offsets = &lists.offsets()[rows.start..=rows.end];
        let (from, to) = (offsets[0], offsets[rows.len()]);
        let values = &lists.values()[from as usize..to as usize];
        Ok(Self {
            offsets: (Tensor::f_from_slice(offsets)?.f_sub_scalar(from)?).f_to_device(device)?,
            values: Tensor::f_from_slice(values)?.f_to_device(device)?,
        })
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
    /// Where each list begins among the values, once more on the CPU: `[R + 1]` of each.
    offsets: Vec<Vec<i64>>,
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
        let mut offsets: Vec<Vec<i64>> = Vec::new();
        let mut encoded = EncodedBatch::default();
        let mut batches = rows.batches(COPY_ROWS, Order::Stored);
        while batches.next_into(&mut encoded)? {
            parts.push(Batch::rows(&encoded, 0..encoded.rows, device)?);
            labels.extend_from_slice(&encoded.labels);
            offsets.resize_with(encoded.lists.len(), || vec![0]);
            for (all, lists) in offsets.iter_mut().zip(&encoded.lists) {
                let end = all.last().copied().unwrap_or(0);
                all.extend(lists.offsets()[1..].iter().map(|offset| end + offset));
            }
        }
        let all = |of: &dyn Fn(&Batch) -> Tensor| {
            let parts: Vec<_> = parts.iter().map(of).collect();
            Tensor::f_cat(&parts, 0)
        };
        let lists = offsets.iter().enumerate().map(|(list, offsets)| {
            Ok(Ragged {
                offsets: Tensor::f_from_slice(offsets)?.f_to_device(device)?,
                values: all(&|part| part.lists[list].values.shallow_clone())?,
            })
        });
        let all = Batch {
            ids: all(&|part| part.ids.shallow_clone())?,
            lists: lists.collect::<Result<_>>()?,
            numbers: all(&|part| part.numbers.shallow_clone())?,
            labels: all(&|part| part.labels.shallow_clone())?,
        };
        let tasks = labels.len() / rows.rows().max(1) as usize;
        Ok(Self {
            all,
            offsets,
            labels,
            tasks,
        })
    }

    /// The rows of these numbers, and their labels on the CPU.
    ///
    /// # Errors
    /// `Torch` when the device has no memory left.
    pub fn batch(&self, numbers: &[i64]) -> Result<(Batch, Vec<f32>)> {
        let index = Tensor::f_from_slice(numbers)?.f_to_device(self.all.ids.device())?;
        let lists = self.all.lists.iter().zip(&self.offsets);
        let batch = Batch {
            ids: self.all.ids.f_index_select(0, &index)?,
            lists: lists
                .map(|(lists, offsets)| lists.select(&index, numbers, offsets))
                .collect::<Result<_>>()?,
            numbers: self.all.numbers.f_index_select(0, &index)?,
            labels: self.all.labels.f_index_select(0, &index)?,
        };
        let row = |&number: &i64| &self.labels[number as usize * self.tasks..][..self.tasks];
        Ok((batch, numbers.iter().flat_map(row).copied().collect()))
    }
}

impl Ragged {
    /// The lists of the rows `index`, which `numbers` are on the CPU, as `host` are the offsets: how many
    /// values there will be is known without waiting for the device.
    fn select(&self, index: &Tensor, numbers: &[i64], host: &[i64]) -> Result<Self> {
        let len = |&row: &i64| host[row as usize + 1] - host[row as usize];
        let total: i64 = numbers.iter().map(len).sum();
        let first = self.offsets.f_index_select(0, index)?; // [B]
        let behind = self.offsets.f_index_select(0, &index.f_add_scalar(1)?)?;
        let lengths = behind.f_sub(&first)?;
        let ends = lengths.f_cumsum(0, Kind::Int64)?;
        let offsets = Tensor::f_cat(&[ends.f_zeros_like()?.f_narrow(0, 0, 1)?, ends], 0)?; // [B + 1]
        // How far the values of each list stand from where they were.
        let rows = numbers.len() as i64;
        let moved = first.f_sub(&offsets.f_narrow(0, 0, rows)?)?;
        let moved = moved.f_repeat_interleave_self_tensor(&lengths, 0, total)?; // [V]
        let places = Tensor::f_arange(total, (Kind::Int64, index.device()))?.f_add(&moved)?;
        Ok(Self {
            offsets,
            values: self.values.f_index_select(0, &places)?,
        })
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

    fn lists_of(batch: &Batch) -> Vec<Vec<Vec<i32>>> {
        let of = |lists: &Ragged| {
            let offsets = Vec::<i64>::try_from(&lists.offsets).unwrap();
            let values = Vec::<i32>::try_from(&lists.values).unwrap();
            assert_eq!(offsets.last(), Some(&(values.len() as i64)));
            let pairs = offsets.windows(2);
            pairs
                .map(|p| values[p[0] as usize..p[1] as usize].to_vec())
                .collect()
        };
        batch.lists.iter().map(of).collect()
    }

    /// Of each row by itself.
    fn one_by_one(encoded: &EncodedBatch) -> Vec<Vec<Vec<i32>>> {
        let rows = |lists: &Lists<i32>| (0..lists.rows()).map(|r| lists.row(r).to_vec()).collect();
        encoded.lists.iter().map(rows).collect()
    }

    #[test]
    fn batches_have_the_lists_of_their_rows() {
        let rows = crate::feature::rows_with_lists(1500);
        let resident = Resident::new(&rows, Device::Cpu).unwrap();
        let mut all: Vec<Vec<Vec<i32>>> = vec![Vec::new(); 2];
        let mut batches = rows.batches(700, Order::Stored);
        let mut encoded = EncodedBatch::default();
        while batches.next_into(&mut encoded).unwrap() {
            let expected = one_by_one(&encoded);
            let whole = Batch::rows(&encoded, 0..encoded.rows, Device::Cpu).unwrap();
            assert_eq!(lists_of(&whole), expected);
            assert_eq!(lists_of(&whole.share()), expected);
            // The shares of two threads, and of rows without any.
            for range in [0..50, 50..encoded.rows, 7..7] {
                let share = Batch::rows(&encoded, range.clone(), Device::Cpu).unwrap();
                for (share, all) in lists_of(&share).iter().zip(&expected) {
                    assert_eq!(share, &all[range.clone()]);
                }
            }
            all.iter_mut()
                .zip(expected)
                .for_each(|(all, lists)| all.extend(lists));
        }
        let numbers = [1499, 3, 700, 3, 0];
        let (batch, _) = resident.batch(&numbers).unwrap();
        for (lists, all) in lists_of(&batch).iter().zip(&all) {
            let expected: Vec<_> = numbers
                .iter()
                .map(|row| all[*row as usize].clone())
                .collect();
            assert_eq!(*lists, expected);
        }
        assert!(all[0].iter().any(Vec::is_empty) && all[1].iter().any(|list| list.len() > 30));
    }
}
