//! Encoded rows, in memory or on disk, and the batches they are read in.

pub(crate) mod block;
pub mod budget;
pub(crate) mod chunks;
pub(crate) mod draft;
pub(crate) mod finisher;
pub(crate) mod inputs;
pub mod layout;
pub mod lists;
pub(crate) mod scratch;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Result;
use crate::feature::value::label::{LabelCount, fill_funnel};
use crate::random::{Draws, mix, permutation};
use budget::Charge;
use chunks::read_words;
use finisher::Finisher;
use layout::EncodedBatch;
use lists::Lists;

/// Words of consecutive rows that stay together when rows are shuffled.
const SEGMENT_WORDS: usize = 512 << 10;

/// Segments whose rows are shuffled among each other, and read from disk at once.
const WINDOW_SEGMENTS: usize = 8;

/// Encoded rows of one side of the split. Cloning shares them.
#[derive(Clone)]
pub struct RowSet {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    rows: u64,
    /// Counts per task.
    labels: Vec<LabelCount>,
    finisher: Finisher,
    /// Values in the lists of a row, in the mean.
    list_words: usize,
    /// Tasks in order of depth: a label behind one that is 0 is 0.
    funnel: Vec<usize>,
    _charge: Charge,
}

/// Where rows stand, in the order of their hashes.
pub(crate) enum Store {
    /// Finished rows.
    Memory(Memory),
    /// Rows whose numbers are still to be standardised, and the values of their lists.
    Disk {
        file: File,
        values: File,
        dir: PathBuf,
    },
}

/// Rows in memory.
#[derive(Default)]
pub(crate) struct Memory {
    /// The rows, in parts.
    pub(crate) parts: Vec<Vec<u32>>,
    /// The values of their lists, by bucket.
    pub(crate) values: Vec<Vec<u32>>,
}

/// In which order rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they are stored.
    Stored,
    /// Another order in each epoch, the same for the same seed.
    Shuffled {
        /// Decides the order.
        seed: u64,
        /// Decides it too.
        epoch: u64,
    },
}

impl RowSet {
    pub(crate) fn new(
        store: Store,
        rows: u64,
        labels: Vec<LabelCount>,
        finisher: Finisher,
        charge: Charge,
    ) -> Self {
        let values = match &store {
            Store::Memory(memory) => memory.values.iter().map(|v| v.len() as u64).sum(),
            Store::Disk { values, .. } => values.metadata().map_or(0, |file| file.len() / 4),
        };
        Self {
            inner: Arc::new(Inner {
                list_words: (values / rows.max(1)) as usize,
                store,
                rows,
                labels,
                finisher,
                funnel: Vec::new(),
                _charge: charge,
            }),
        }
    }

    /// The same rows, in which a NULL label of a task of `funnel` is 0 where that of an earlier one is.
    pub(crate) fn with_funnel(mut self, funnel: Vec<usize>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.funnel = funnel;
        }
        self
    }

    /// How many rows.
    pub fn rows(&self) -> u64 {
        self.inner.rows
    }

    /// What the labels of a task are like, behind an end of the funnel too.
    pub fn labels(&self, task: usize) -> &LabelCount {
        &self.inner.labels[task]
    }

    /// A hash of all rows, in whatever order.
    ///
    /// # Errors
    /// `Io` when spilled rows can't be read.
    pub fn digest(&self) -> Result<u64> {
        let mut batches = self.batches(1024, Order::Stored);
        let mut encoded = EncodedBatch::default();
        let mut sum = 0u64;
        while batches.next_into(&mut encoded)? {
            let rows = encoded.rows.max(1);
            let lengths = [encoded.ids.len(), encoded.dense.len(), encoded.labels.len()];
            let [ids, numbers, labels] = lengths.map(|values| values / rows);
            for row in 0..encoded.rows {
                let ids = encoded.ids[row * ids..][..ids].iter().map(|id| *id as u32);
                let numbers = encoded.dense[row * numbers..][..numbers].iter();
                let labels = encoded.labels[row * labels..][..labels].iter();
                let numbers = numbers.chain(labels).map(|number| number.to_bits());
                let lists = encoded.lists.iter().map(|list| list.row(row));
                let lists = lists.flat_map(|list| {
                    let ids = list.iter().map(|id| *id as u32);
                    std::iter::once(list.len() as u32).chain(ids)
                });
                let hash = ids
                    .chain(numbers)
                    .chain(lists)
                    .fold(0, |hash, word| mix(hash ^ u64::from(word)));
                sum = sum.wrapping_add(mix(hash));
            }
        }
        Ok(sum)
    }

    /// Rows in memory that consist of their number, an id.
    #[cfg(test)]
    pub fn of_numbers(count: u32) -> Self {
        let finisher = Finisher {
            ids: 1,
            labels: 1,
            ..Finisher::default()
        };
        let charge = Charge::new(Arc::new(budget::tests::Unlimited));
        let rows = Store::Memory(Memory {
            parts: vec![(0..count).collect()],
            ..Memory::default()
        });
        Self::new(rows, count.into(), Vec::new(), finisher, charge)
    }

    /// Rows in memory that consist of `numbers` numbers and a label.
    #[cfg(test)]
    pub fn of_numbers_and_label(count: u64, numbers: usize, values: &[f32]) -> Self {
        let finisher = Finisher {
            labels: numbers,
            tasks: 1,
            dense: numbers,
            ..Finisher::default()
        };
        let charge = Charge::new(Arc::new(budget::tests::Unlimited));
        let rows = Store::Memory(Memory {
            parts: vec![values.iter().map(|v| v.to_bits()).collect()],
            ..Memory::default()
        });
        Self::new(rows, count, Vec::new(), finisher, charge)
    }

    /// Whether rows are read from memory.
    #[cfg(test)]
    pub(crate) fn in_memory(&self) -> bool {
        matches!(self.inner.store, Store::Memory(_))
    }

    /// The numbers of all rows, 0 to [`RowSet::rows`], in another order for each seed and epoch.
    pub fn shuffled(&self, seed: u64, epoch: u64) -> Vec<i64> {
        permutation(self.rows(), seed, epoch)
    }

    /// All rows in batches of `batch_size`, the last one with what is left.
    pub fn batches(&self, batch_size: usize, order: Order) -> BatchIter {
        let words = self.inner.finisher.words().max(1);
        let segment_rows = (SEGMENT_WORDS / (words + self.inner.list_words)).max(1) as u64;
        let count = self.inner.rows.div_ceil(segment_rows);
        let mut segments: Vec<u64> = (0..count).collect();
        let random = match order {
            Order::Stored => None,
            Order::Shuffled { seed, epoch } => {
                let mut random = Draws::of_epoch(seed, epoch);
                random.shuffle(&mut segments);
                Some(random)
            }
        };
        let mut starts = vec![0];
        if let Store::Memory(Memory { parts, .. }) = &self.inner.store {
            starts.extend(parts.iter().scan(0, |sum, part| {
                *sum += (part.len() / words) as u64;
                Some(*sum)
            }));
        }
        BatchIter {
            inner: Arc::clone(&self.inner),
            batch_size: batch_size.max(1),
            segment_rows,
            segments: segments.into_iter(),
            random,
            starts,
            places: Vec::new(),
            next: 0,
            window: Vec::new(),
            values: Vec::new(),
        }
    }
}

/// Reads rows batch by batch. It owns what it reads, so it can move to another thread.
pub struct BatchIter {
    inner: Arc<Inner>,
    batch_size: usize,
    segment_rows: u64,
    /// Segments still to be read.
    segments: std::vec::IntoIter<u64>,
    /// Shuffles rows, unless they are read as stored.
    random: Option<Draws>,
    /// First row of each part in memory.
    starts: Vec<u64>,
    /// Where the rows of the window stand: part, and row in it.
    places: Vec<(u32, u32)>,
    /// The next of `places`.
    next: usize,
    /// Rows of the window, when they come from disk.
    window: Vec<u32>,
    /// The values of their lists.
    values: Vec<u32>,
}

impl BatchIter {
    /// Fills `batch` with the next rows; `false` when none are left.
    ///
    /// # Errors
    /// `Io` when spilled rows can't be read back.
    pub fn next_into(&mut self, batch: &mut EncodedBatch) -> Result<bool> {
        batch.clear(self.inner.finisher.lists);
        while batch.rows < self.batch_size {
            if self.next == self.places.len() && !self.load_window()? {
                break;
            }
            let count = (self.batch_size - batch.rows).min(self.places.len() - self.next);
            self.copy(count, batch);
            self.next += count;
            batch.rows += count;
        }
        Ok(batch.rows > 0)
    }

    /// Appends the next `count` rows of the window.
    fn copy(&self, count: usize, batch: &mut EncodedBatch) {
        let finisher = &self.inner.finisher;
        let (words, ids) = (finisher.words(), finisher.ids);
        let labels_at = finisher.labels_at();
        for &(part, row) in &self.places[self.next..self.next + count] {
            let part = match &self.inner.store {
                Store::Memory(memory) => &memory.parts[part as usize],
                Store::Disk { .. } => &self.window,
            };
            let row = &part[row as usize * words..(row as usize + 1) * words];
            batch.ids.extend(row[..ids].iter().map(|w| *w as i32));
            finisher.numbers_of(row, &mut batch.dense);
            let labels = batch.labels.len();
            batch.labels.extend(
                row[labels_at..][..finisher.tasks]
                    .iter()
                    .map(|w| f32::from_bits(*w)),
            );
            fill_funnel(&self.inner.funnel, &mut batch.labels[labels..]);
            if finisher.lists > 0 {
                self.copy_lists(row, &mut batch.lists);
            }
        }
    }

    /// Appends the lists of a row.
    fn copy_lists(&self, row: &[u32], lists: &mut [Lists<i32>]) {
        let (position, lengths) = self.inner.finisher.lists_of(row);
        let len = lengths.iter().map(|len| *len as usize).sum();
        let mut values = match &self.inner.store {
            Store::Memory(memory) => lists::at(&memory.values, position, len),
            Store::Disk { .. } => &self.values[position as usize..][..len],
        };
        for (list, len) in lists.iter_mut().zip(lengths) {
            let (ids, rest) = values.split_at(*len as usize);
            list.push(ids.iter().map(|id| *id as i32));
            values = rest;
        }
    }

    /// Goes on to the next few segments; `false` when there are none.
    fn load_window(&mut self) -> Result<bool> {
        self.places.clear();
        self.window.clear();
        self.values.clear();
        self.next = 0;
        for _ in 0..WINDOW_SEGMENTS {
            let Some(segment) = self.segments.next() else {
                break;
            };
            let from = segment * self.segment_rows;
            self.load_segment(from, (from + self.segment_rows).min(self.inner.rows))?;
        }
        if let Some(random) = &mut self.random {
            random.shuffle(&mut self.places);
        }
        Ok(!self.places.is_empty())
    }

    fn load_segment(&mut self, mut from: u64, to: u64) -> Result<()> {
        match &self.inner.store {
            Store::Memory(_) => {
                let mut part = self.starts.partition_point(|start| *start <= from) - 1;
                while from < to {
                    let (start, end) = (self.starts[part], self.starts[part + 1].min(to));
                    let rows = (from - start) as u32..(end.max(from) - start) as u32;
                    self.places.extend(rows.map(|row| (part as u32, row)));
                    from = end.max(from);
                    part += 1;
                }
            }
            Store::Disk { file, values, dir } => {
                let finisher = &self.inner.finisher;
                let staged = finisher.staged_words() * 4;
                let rows = (to - from) as usize;
                let buffer = read_words(file, from * staged as u64, rows * staged, dir)?;
                let at = self.window.len();
                let first = (at / finisher.words().max(1)) as u32;
                self.window.extend_from_slice(buffer.typed_data());
                let words = finisher.in_place(&mut self.window[at..]);
                self.window.truncate(at + words);
                if finisher.lists > 0 {
                    load_lists(
                        finisher,
                        &mut self.window[at..],
                        values,
                        dir,
                        &mut self.values,
                    )?;
                }
                self.places
                    .extend((0..rows as u32).map(|row| (0, first + row)));
            }
        }
        Ok(())
    }
}

/// Reads the lists of consecutive rows, and lets the rows say where among `values` they stand.
fn load_lists(
    finisher: &Finisher,
    rows: &mut [u32],
    file: &File,
    dir: &Path,
    values: &mut Vec<u32>,
) -> Result<()> {
    let words = finisher.words();
    let (mut first, mut end) = (None, 0);
    for row in rows.chunks_exact_mut(words) {
        let (position, lengths) = finisher.lists_of(row);
        let len: u64 = lengths.iter().map(|len| u64::from(*len)).sum();
        let first = *first.get_or_insert(position);
        end = position + len;
        finisher.move_lists(row, values.len() as u64 + position - first);
    }
    if let Some(first) = first {
        let buffer = read_words(file, first * 4, (end - first) as usize * 4, dir)?;
        values.extend_from_slice(buffer.typed_data());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature::rows::budget::tests::Unlimited;

    /// Ids in a row of the tests; wide rows make for few of them in a window.
    const WIDTH: usize = 64;

    /// Rows 0.. that consist of their number, in parts of different sizes.
    fn rows(parts: &[u32]) -> RowSet {
        let mut next = 0;
        let parts: Vec<Vec<u32>> = parts
            .iter()
            .map(|n| {
                next += n;
                (next - n..next).flat_map(|row| [row; WIDTH]).collect()
            })
            .collect();
        let finisher = Finisher {
            ids: WIDTH,
            labels: WIDTH,
            ..Finisher::default()
        };
        let charge = Charge::new(Arc::new(Unlimited));
        RowSet::new(
            Store::Memory(Memory {
                parts,
                ..Memory::default()
            }),
            next.into(),
            Vec::new(),
            finisher,
            charge,
        )
    }

    fn read(rows: &RowSet, batch_size: usize, order: Order) -> (Vec<i32>, Vec<usize>) {
        let mut batches = rows.batches(batch_size, order);
        let (mut ids, mut sizes, mut batch) = (Vec::new(), Vec::new(), EncodedBatch::default());
        while batches.next_into(&mut batch).unwrap() {
            ids.extend(batch.ids.iter().step_by(WIDTH));
            sizes.push(batch.rows);
        }
        (ids, sizes)
    }

    #[test]
    fn every_row_once_and_the_last_batch_smaller() {
        let set = rows(&[3, 0, 4, 1, 0]);
        let (ids, sizes) = read(&set, 3, Order::Stored);
        assert_eq!(ids, (0..8).collect::<Vec<_>>());
        assert_eq!(sizes, [3, 3, 2]);
        assert_eq!(read(&rows(&[]), 3, Order::Stored).1, [0usize; 0]);
    }

    #[test]
    fn a_shuffle_depends_on_seed_and_epoch_alone() {
        // More than one window, so that segments and rows are both shuffled.
        let n = (SEGMENT_WORDS * WINDOW_SEGMENTS / WIDTH + 10_000) as u32;
        let (one, other) = (rows(&[n]), rows(&[10, n - 20, 10]));
        let order = |seed, epoch| Order::Shuffled { seed, epoch };
        let (ids, sizes) = read(&one, 1 << 14, order(7, 0));
        assert_eq!(ids, read(&other, 1 << 14, order(7, 0)).0);
        assert_ne!(ids, read(&one, 1 << 14, order(7, 1)).0);
        assert_ne!(ids, read(&one, 1 << 14, order(8, 0)).0);
        assert_eq!(sizes[..4], [1 << 14; 4]);
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..n as i32).collect::<Vec<_>>());
        assert_ne!(ids, sorted);
        let mut numbers = rows(&[9]).shuffled(7, 0);
        assert_ne!(numbers, rows(&[9]).shuffled(7, 1));
        numbers.sort_unstable();
        assert_eq!(numbers, (0..9).collect::<Vec<_>>());
    }

    #[test]
    fn the_digest_is_of_the_rows_and_not_of_their_order() {
        let digest = |values: &[f32]| {
            let rows = values.len() as u64 / 3;
            RowSet::of_numbers_and_label(rows, 2, values)
                .digest()
                .unwrap()
        };
        let rows = [0.5, 1., 0., 0.25, 2., 1.];
        assert_eq!(digest(&rows), digest(&[0.25, 2., 1., 0.5, 1., 0.]));
        assert_ne!(digest(&rows), digest(&[0.5, 1., 1., 0.25, 2., 0.]));
        assert_ne!(digest(&rows), digest(&[1., 0.5, 0., 0.25, 2., 1.]));
    }
}
