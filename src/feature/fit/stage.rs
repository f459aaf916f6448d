//! Brings records into their final order and gives them their final ids, bucket by bucket.

use std::fs::File;
use std::os::unix::fs::FileExt;

use arrow::datatypes::ToByteSlice;

use super::moments::{Cell, Moments};
use super::parallel;
use super::repeats::Repeats;
use super::split::Rule;
use super::{PartitionFitter, Shared};
use crate::error::Result;
use crate::feature::rows::budget::Charge;
use crate::feature::rows::chunks::{BUCKETS, Chunks, spill_error, temporary_file};
use crate::feature::rows::lists::{self, Staging, first_of_bucket};
use crate::feature::rows::{Memory, Store};
use crate::feature::value::label::{ClassMaps, place_classes};

/// Smallest working space for a bucket from disk.
const FLOOR_BYTES: usize = 4 << 20;

/// What staging needs to know.
pub(crate) struct Stage<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) rule: Rule,
    /// Copies that are divided one by one.
    pub(crate) repeats: &'a Repeats,
    /// Id slots that are kept.
    pub(crate) kept: &'a [usize],
    /// Lists that are kept.
    pub(crate) lists: &'a [usize],
    /// Final ids: per partition and kept slot, then kept list, by provisional id.
    pub(crate) maps: &'a [Vec<Vec<u32>>],
    /// Final numbers of classes.
    pub(crate) classes: &'a ClassMaps,
    /// Numbers of a record, in the order of their words.
    pub(crate) cells: &'a [Cell],
}

/// Rows with final ids, numbers still raw.
pub(crate) struct Staged {
    pub(crate) train: Store,
    pub(crate) eval: Store,
    /// Per cell, over the training rows.
    pub(crate) moments: Vec<Moments>,
}

/// One bucket, staged.
struct Part {
    train: Staging,
    eval: Staging,
    moments: Vec<Moments>,
}

impl Part {
    /// Nothing yet; `first` has the positions of the values that lists will have, on each side.
    fn new(first: [u64; 2], moments: Vec<Moments>) -> Self {
        let [train, eval] = first.map(|first| Staging {
            first,
            ..Staging::default()
        });
        Self {
            train,
            eval,
            moments,
        }
    }
}

/// A row with final ids, and the values of its lists one behind the other.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct StagedRow {
    words: Vec<u32>,
    values: Vec<u32>,
}

/// Records of one bucket and the partition they come from.
type Records = Vec<(usize, Vec<Vec<u32>>)>;

impl Stage<'_> {
    /// Stages all rows in memory; the partitions' records are freed on the way.
    ///
    /// # Errors
    /// `Cancelled`.
    pub(crate) fn in_memory(&self, partitions: &mut [PartitionFitter]) -> Result<Staged> {
        let buckets: Vec<(usize, Records)> = (0..BUCKETS)
            .map(|b| {
                let records = partitions.iter_mut().map(|p| p.chunks.take(b));
                (b, records.enumerate().collect())
            })
            .collect();
        let parts = parallel::map(buckets, self.shared.options.threads, |(bucket, records)| {
            self.shared.check_stop()?;
            let moments = vec![Moments::default(); self.cells.len()];
            let mut part = Part::new([first_of_bucket(bucket); 2], moments);
            self.stage(&records, &mut part);
            // The staged rows move into the memory of the records, which are larger.
            let mut chunks = records.into_iter().flat_map(|(_, chunks)| chunks);
            let mut side = |side: Staging| {
                let rows = refill(&mut chunks, &side.rows, self.staged_words());
                (rows, side.values)
            };
            Ok((side(part.train), side(part.eval), part.moments))
        })?;
        let mut moments = vec![Moments::default(); self.cells.len()];
        let (mut train, mut eval) = (Memory::default(), Memory::default());
        for part in parts {
            for (all, (rows, values)) in [(&mut train, part.0), (&mut eval, part.1)] {
                all.parts.extend(rows);
                all.values.push(values);
            }
            merge_moments(&mut moments, &part.2);
        }
        Ok(Staged {
            train: Store::Memory(train),
            eval: Store::Memory(eval),
            moments,
        })
    }

    /// Stages rows of which at least some are on disk; the result is on disk.
    ///
    /// # Errors
    /// `Io` when files can't be read or written, `Cancelled`.
    pub(crate) fn on_disk(
        &self,
        partitions: &mut [PartitionFitter],
        charge: &mut Charge,
    ) -> Result<Staged> {
        let dir = &self.shared.spill_dir;
        let (mut train, mut eval) = (Side::new(self)?, Side::new(self)?);
        let mut moments = vec![Moments::default(); self.cells.len()];
        for bucket in 0..BUCKETS {
            let sum = |of: fn(&Chunks, usize) -> u64| {
                let chunks = partitions.iter().map(|p| of(&p.chunks, bucket));
                chunks.sum::<u64>()
            };
            let rows = sum(Chunks::bucket_rows);
            // Records, their order and the staged rows are held together.
            let words = sum(Chunks::bucket_words);
            let bytes = words as usize * 8 + rows as usize * 32;
            let before = charge.bytes();
            let pieces = pieces(charge, bytes);
            let mut of_bucket = vec![Moments::default(); self.cells.len()];
            for piece in 0..pieces {
                self.shared.check_stop()?;
                let records = self.read_piece(partitions, bucket, piece, pieces)?;
                let first = [&train, &eval].map(|side| side.values.end / 4);
                let mut part = Part::new(first, of_bucket);
                self.stage(&records, &mut part);
                for (side, rows) in [(&mut train, &part.train), (&mut eval, &part.eval)] {
                    side.rows.append(&rows.rows)?;
                    side.values.append(&rows.values)?;
                }
                of_bucket = part.moments;
            }
            merge_moments(&mut moments, &of_bucket);
            charge.shrink_to(before);
            partitions
                .iter_mut()
                .for_each(|p| drop(p.chunks.take(bucket)));
        }
        let store = |side: Side| Store::Disk {
            file: side.rows.file,
            values: side.values.file,
            dir: dir.clone(),
        };
        Ok(Staged {
            train: store(train),
            eval: store(eval),
            moments,
        })
    }

    /// Reads the records of one of `pieces` equal ranges of the hashes of a bucket.
    fn read_piece(
        &self,
        partitions: &[PartitionFitter],
        bucket: usize,
        piece: u64,
        pieces: u64,
    ) -> Result<Records> {
        let record = &self.shared.record;
        let mut all = Vec::with_capacity(partitions.len());
        for (at, partition) in partitions.iter().enumerate() {
            let mut chunks = Vec::new();
            partition.chunks.visit(bucket, |records| {
                if pieces == 1 {
                    chunks.push(records.to_vec());
                    return Ok(());
                }
                let rows = record.all(records).filter(|row| {
                    let below = u128::from(record.hash_of(row) << 8);
                    (below * u128::from(pieces)) >> 64 == u128::from(piece)
                });
                chunks.push(rows.flatten().copied().collect());
                Ok(())
            })?;
            all.push((at, chunks));
        }
        Ok(all)
    }

    /// Sorts records by hash and appends them to `part`.
    fn stage(&self, records: &Records, part: &mut Part) {
        let record = &self.shared.record;
        let mut rows: Vec<(u64, u32, &[u32])> = Vec::new();
        for (partition, chunks) in records {
            let all = chunks.iter().flat_map(|c| record.all(c));
            rows.extend(all.map(|row| (record.hash_of(row), *partition as u32, row)));
        }
        rows.sort_unstable_by_key(|(hash, _, _)| *hash);
        part.train.rows.reserve(rows.len() * self.staged_words());
        let mut staged = StagedRow {
            words: vec![0; self.staged_words()],
            values: Vec::new(),
        };
        for group in rows.chunk_by(|a, b| a.0 == b.0) {
            if let [(hash, partition, row)] = group {
                self.stage_row(*partition, row, &mut staged);
                self.place(*hash, row, &staged, part);
                continue;
            }
            let held = self.repeats.held(group[0].0);
            // Rows of one hash are nearly always equal; if not, their content decides.
            let mut same: Vec<_> = group
                .iter()
                .map(|(hash, partition, row)| {
                    self.stage_row(*partition, row, &mut staged);
                    (staged.clone(), *hash, *row)
                })
                .collect();
            same.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            for (i, (staged, hash, row)) in same.iter().enumerate() {
                match held {
                    Some(held) => self.put((i as u32) < held, row, staged, part),
                    None => self.place(*hash, row, staged, part),
                }
            }
        }
    }

    /// Words of a staged row: final ids, then everything of the record up to its hash, and where its lists
    /// stand.
    fn staged_words(&self) -> usize {
        let record = &self.shared.record;
        self.kept.len() + record.hash - record.ids + lists::words(self.lists.len())
    }

    #[inline]
    fn stage_row(&self, partition: u32, row: &[u32], staged: &mut StagedRow) {
        let record = &self.shared.record;
        let maps = &self.maps[partition as usize];
        let words = &mut staged.words;
        for ((out, slot), map) in words.iter_mut().zip(self.kept).zip(maps) {
            *out = map[row[*slot] as usize];
        }
        let fixed = self.kept.len() + record.hash - record.ids;
        words[self.kept.len()..fixed].copy_from_slice(&row[record.ids..record.hash]);
        let labels = fixed - (record.hash - record.labels);
        place_classes(&self.classes[partition as usize], &mut words[labels..fixed]);
        if !self.lists.is_empty() {
            self.stage_lists(&maps[self.kept.len()..], row, staged);
        }
    }

    fn stage_lists(&self, maps: &[Vec<u32>], row: &[u32], staged: &mut StagedRow) {
        let first = staged.words.len() - self.lists.len();
        let lengths = &mut staged.words[first..];
        let mut kept = self.lists.iter().zip(maps).zip(lengths).peekable();
        staged.values.clear();
        for (at, list) in self.shared.record.lists(row).enumerate() {
            if let Some(((_, map), length)) = kept.next_if(|((kept, _), _)| **kept == at) {
                *length = list.len() as u32;
                staged
                    .values
                    .extend(list.iter().map(|id| map[*id as usize]));
            }
        }
    }

    #[inline]
    fn place(&self, hash: u64, row: &[u32], staged: &StagedRow, part: &mut Part) {
        let is_eval = self.rule.is_eval(hash, self.shared.record.key_of(row));
        self.put(is_eval, row, staged, part);
    }

    #[inline]
    fn put(&self, is_eval: bool, row: &[u32], staged: &StagedRow, part: &mut Part) {
        let (lists, StagedRow { words, values }) = (self.lists.len(), staged);
        if is_eval {
            part.eval.push(words, lists, values);
            return;
        }
        for (moments, cell) in part.moments.iter_mut().zip(self.cells) {
            moments.add(cell.value(row));
        }
        part.train.push(words, lists, values);
    }
}

/// Writes rows into chunks that are no longer needed, and into a new one if they do not suffice.
fn refill(
    chunks: &mut impl Iterator<Item = Vec<u32>>,
    mut rows: &[u32],
    width: usize,
) -> Vec<Vec<u32>> {
    let mut filled = Vec::new();
    while !rows.is_empty() {
        let mut chunk = chunks.next().unwrap_or_default();
        chunk.clear();
        let room = chunk.capacity() / width * width;
        let (now, later) = rows.split_at(if room == 0 {
            rows.len()
        } else {
            room.min(rows.len())
        });
        chunk.extend_from_slice(now);
        filled.push(chunk);
        rows = later;
    }
    filled
}

/// Into how many pieces a bucket of `bytes` is cut to fit the budget; one of them is charged.
fn pieces(charge: &mut Charge, bytes: usize) -> u64 {
    let before = charge.bytes();
    let mut pieces = 1;
    loop {
        let piece = bytes / pieces as usize;
        if charge.ensure(before + piece) || piece <= FLOOR_BYTES {
            return pieces;
        }
        pieces *= 2;
    }
}

fn merge_moments(all: &mut [Moments], part: &[Moments]) {
    all.iter_mut()
        .zip(part)
        .for_each(|(all, part)| all.merge(part));
}

/// One side of the split on its way to disk.
struct Side<'a> {
    rows: Output<'a>,
    /// The values of lists.
    values: Output<'a>,
}

impl<'a> Side<'a> {
    fn new(stage: &'a Stage<'_>) -> Result<Self> {
        Ok(Self {
            rows: Output::new(stage)?,
            values: Output::new(stage)?,
        })
    }
}

/// Words on their way to disk.
struct Output<'a> {
    file: File,
    end: u64,
    dir: &'a std::path::Path,
}

impl<'a> Output<'a> {
    fn new(stage: &'a Stage<'_>) -> Result<Self> {
        let dir = stage.shared.spill_dir.as_path();
        Ok(Self {
            file: temporary_file(dir)?,
            end: 0,
            dir,
        })
    }

    fn append(&mut self, words: &[u32]) -> Result<()> {
        let bytes = words.to_byte_slice();
        let written = self.file.write_all_at(bytes, self.end);
        written.map_err(|e| spill_error(self.dir, e))?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}
