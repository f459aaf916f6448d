//! Rows that repeat many times, and how a random split divides their copies.
//!
//! A random split goes by the hash of a row, which puts all copies of a row, label included, on one
//! side. Where a few contents make up most of the rows, as when all features have few values, the
//! sides would differ in everything. So copies of contents that repeat often are divided one by one:
//! as they are equal, only their number on each side matters.

use std::collections::HashMap;

use super::parallel;
use super::{PartitionFitter, Shared};
use crate::error::Result;
use crate::feature::rows::chunks::BUCKETS;

/// Contents with more copies than this are divided.
const MANY: usize = 8;

/// How many copies of each often repeated content are held back.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// By hash, over all partitions.
    total: HashMap<u64, u32>,
    /// By hash, of each partition's own copies.
    of_partition: Vec<HashMap<u64, u32>>,
    /// Rows of such contents in each bucket.
    bucket_rows: Vec<u64>,
}

/// A content: its hash, and its copies by partition.
type Content = (u64, Vec<(usize, u32)>);

impl Repeats {
    /// Finds the contents that repeat often, and holds back about `share` of their copies.
    ///
    /// # Errors
    /// `Io` when spilled rows can't be read, `Cancelled`.
    pub(crate) fn find(
        shared: &Shared,
        partitions: &[PartitionFitter],
        share: f64,
    ) -> Result<Self> {
        let buckets = (0..BUCKETS).collect();
        let found = parallel::map(buckets, shared.options.threads, |bucket| {
            shared.check_stop()?;
            contents(shared, partitions, bucket)
        })?;
        let mut repeats = Self {
            of_partition: vec![HashMap::new(); partitions.len()],
            bucket_rows: vec![0; BUCKETS],
            ..Self::default()
        };
        for (bucket, contents) in found.into_iter().enumerate() {
            for (hash, copies) in contents {
                let rows: u32 = copies.iter().map(|(_, rows)| rows).sum();
                repeats.bucket_rows[bucket] += u64::from(rows);
                // The fraction of a row is rounded up or down by the hash, so that none is favoured.
                let chance =
                    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1u64 << 53) as f64;
                let held = ((f64::from(rows) * share + chance) as u32).min(rows);
                repeats.total.insert(hash, held);
                let mut left = held;
                for (partition, rows) in copies {
                    let held = rows.min(left);
                    left -= held;
                    repeats.of_partition[partition].insert(hash, held);
                }
            }
        }
        Ok(repeats)
    }

    /// Whether the copies of this hash are divided here.
    pub(crate) fn contains(&self, hash: u64) -> bool {
        self.total.contains_key(&hash)
    }

    /// Copies of this hash that are held back; none when the hash decides by itself.
    pub(crate) fn held(&self, hash: u64) -> Option<u32> {
        self.total.get(&hash).copied()
    }

    /// What is to be held back of the copies in one partition, to be counted down.
    pub(crate) fn of_partition(&self, partition: usize) -> HashMap<u64, u32> {
        self.of_partition
            .get(partition)
            .cloned()
            .unwrap_or_default()
    }

    /// Rows in a bucket that are divided here.
    pub(crate) fn rows_of(&self, bucket: usize) -> u64 {
        self.bucket_rows.get(bucket).copied().unwrap_or_default()
    }

    /// Rows that are held back here.
    pub(crate) fn total_held(&self) -> u64 {
        self.total.values().map(|held| u64::from(*held)).sum()
    }
}

/// The contents of one bucket that repeat often, by rising hash.
fn contents(
    shared: &Shared,
    partitions: &[PartitionFitter],
    bucket: usize,
) -> Result<Vec<Content>> {
    let record = &shared.record;
    let mut rows: Vec<(u64, usize)> = Vec::new();
    for (at, partition) in partitions.iter().enumerate() {
        partition.chunks.visit(bucket, |records| {
            let records = record.all(records);
            rows.extend(records.map(|row| (record.hash_of(row), at)));
            Ok(())
        })?;
    }
    rows.sort_unstable();
    let often = rows.chunk_by(|a, b| a.0 == b.0).filter(|c| c.len() > MANY);
    Ok(often
        .map(|copies| {
            let by_partition = copies.chunk_by(|a, b| a.1 == b.1);
            let counts = by_partition.map(|c| (c[0].1, c.len() as u32)).collect();
            (copies[0].0, counts)
        })
        .collect())
}
