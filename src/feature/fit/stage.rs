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
use crate::feature::rows::Store;
use crate::feature::rows::budget::Charge;
use crate::feature::rows::chunks::{BUCKETS, spill_error, temporary_file};
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
    /// Final ids: per partition and kept slot, by provisional id.
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
#[derive(Default)]
struct Part {
    train: Vec<u32>,
    eval: Vec<u32>,
    moments: Vec<Moments>,
}

/// Records of one bucket and the partition they come from.
type Records = Vec<(usize, Vec<Vec<u32>>)>;

impl Stage<'_> {
    /// Stages all rows in memory; the partitions' records are freed on the way.
    ///
    /// # Errors
    /// `Cancelled`.
    pub(crate) fn in_memory(&self, partitions: &mut [PartitionFitter]) -> Result<Staged> {
        let buckets: Vec<Records> = (0..BUCKETS)
            .map(|b| {
                let records = partitions.iter_mut().map(|p| p.chunks.take(b));
                records.enumerate().collect()
            })
            .collect();
        let parts = parallel::map(buckets, self.shared.options.threads, |records| {
            self.shared.check_stop()?;
            let mut part = Part {
                moments: vec![Moments::default(); self.cells.len()],
                ..Part::default()
            };
            self.stage(&records, &mut part);
            // The staged rows move into the memory of the records, which are larger.
            let mut chunks = records.into_iter().flat_map(|(_, chunks)| chunks);
            let train = refill(&mut chunks, &part.train, self.staged_words());
            let eval = refill(&mut chunks, &part.eval, self.staged_words());
            Ok((train, eval, part.moments))
        })?;
        let mut moments = vec![Moments::default(); self.cells.len()];
        let (mut train, mut eval) = (Vec::new(), Vec::new());
        for part in parts {
            train.extend(part.0);
            eval.extend(part.1);
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
        let (mut train, mut eval) = (Output::new(self)?, Output::new(self)?);
        let mut moments = vec![Moments::default(); self.cells.len()];
        for bucket in 0..BUCKETS {
            let rows: u64 = partitions
                .iter()
                .map(|p| p.chunks.bucket_rows(bucket))
                .sum();
            // Records, their order and the staged rows are held together.
            let bytes = rows as usize * (self.shared.record.words * 8 + 32);
            let before = charge.bytes();
            let pieces = pieces(charge, bytes);
            let mut of_bucket = vec![Moments::default(); self.cells.len()];
            for piece in 0..pieces {
                self.shared.check_stop()?;
                let records = self.read_piece(partitions, bucket, piece, pieces)?;
                let mut part = Part {
                    moments: of_bucket,
                    ..Part::default()
                };
                self.stage(&records, &mut part);
                train.append(&part.train)?;
                eval.append(&part.eval)?;
                of_bucket = part.moments;
            }
            merge_moments(&mut moments, &of_bucket);
            charge.shrink_to(before);
            partitions
                .iter_mut()
                .for_each(|p| drop(p.chunks.take(bucket)));
        }
        let store = |output: Output| Store::Disk {
            file: output.file,
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
                let rows = records.chunks_exact(record.words).filter(|row| {
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
            let all = chunks.iter().flat_map(|c| c.chunks_exact(record.words));
            rows.extend(all.map(|row| (record.hash_of(row), *partition as u32, row)));
        }
        rows.sort_unstable_by_key(|(hash, _, _)| *hash);
        part.train.reserve(rows.len() * self.staged_words());
        let mut staged = vec![0; self.staged_words()];
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

    /// Words of a staged row: final ids, then everything of the record up to its hash.
    fn staged_words(&self) -> usize {
        let record = &self.shared.record;
        self.kept.len() + record.hash - record.ids.len()
    }

    #[inline]
    fn stage_row(&self, partition: u32, row: &[u32], staged: &mut [u32]) {
        let record = &self.shared.record;
        let maps = &self.maps[partition as usize];
        for ((out, slot), map) in staged.iter_mut().zip(self.kept).zip(maps) {
            *out = map[row[*slot] as usize];
        }
        staged[self.kept.len()..].copy_from_slice(&row[record.ids.len()..record.hash]);
        let labels = staged.len() - (record.hash - record.labels);
        place_classes(&self.classes[partition as usize], &mut staged[labels..]);
    }

    #[inline]
    fn place(&self, hash: u64, row: &[u32], staged: &[u32], part: &mut Part) {
        let is_eval = self.rule.is_eval(hash, self.shared.record.key_of(row));
        self.put(is_eval, row, staged, part);
    }

    #[inline]
    fn put(&self, is_eval: bool, row: &[u32], staged: &[u32], part: &mut Part) {
        if is_eval {
            part.eval.extend_from_slice(staged);
            return;
        }
        for (moments, cell) in part.moments.iter_mut().zip(self.cells) {
            moments.add(cell.value(row));
        }
        part.train.extend_from_slice(staged);
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

/// Rows on their way to disk.
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

    fn append(&mut self, rows: &[u32]) -> Result<()> {
        let bytes = rows.to_byte_slice();
        let written = self.file.write_all_at(bytes, self.end);
        written.map_err(|e| spill_error(self.dir, e))?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}
