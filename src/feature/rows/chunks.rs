//! Records of one partition, kept apart by the first bits of their hash, in memory or spilled.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use arrow::buffer::MutableBuffer;
use arrow::datatypes::ToByteSlice;

use crate::error::{Error, Result};

/// Records are kept apart by so many first bits of their hash.
const BUCKET_BITS: u32 = 8;

/// How many buckets there are. The order of rows does not depend on it.
pub(crate) const BUCKETS: usize = 1 << BUCKET_BITS;

/// Words in the largest chunk.
const LARGEST_CHUNK: usize = 16 << 10;

/// The bucket of a hash; buckets are in the order of hashes.
#[inline(always)]
pub(crate) fn bucket_of(hash: u64) -> usize {
    (hash >> (64 - BUCKET_BITS)) as usize
}

/// Records of `width` words, and as many more as their lists have values.
pub(crate) struct Chunks {
    width: usize,
    buckets: Vec<Bucket>,
    bytes: usize,
    rows: u64,
    dir: PathBuf,
    spill: Option<Spill>,
}

#[derive(Clone, Default)]
struct Bucket {
    chunks: Vec<Vec<u32>>,
    /// Words of chunks in memory.
    words: usize,
    /// Words of records, wherever they are.
    filled: u64,
    rows: u64,
}

/// A file without a name: it is gone when it is closed, however that happens.
struct Spill {
    file: File,
    end: u64,
    runs: Vec<Vec<Run>>,
}

/// Consecutive records of one bucket in a file.
#[derive(Clone, Copy)]
struct Run {
    offset: u64,
    bytes: usize,
}

impl Chunks {
    pub(crate) fn new(width: usize, dir: PathBuf) -> Self {
        Self {
            width,
            buckets: vec![Bucket::default(); BUCKETS],
            bytes: 0,
            rows: 0,
            dir,
            spill: None,
        }
    }

    /// Records kept, wherever.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Records of one bucket.
    pub(crate) fn bucket_rows(&self, bucket: usize) -> u64 {
        self.buckets[bucket].rows
    }

    /// Words of the records of one bucket.
    pub(crate) fn bucket_words(&self, bucket: usize) -> u64 {
        self.buckets[bucket].filled
    }

    /// Memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes written to disk.
    pub(crate) fn spilled_bytes(&self) -> u64 {
        self.spill.as_ref().map_or(0, |s| s.end)
    }

    /// Appends a record to its bucket.
    #[inline]
    pub(crate) fn push(&mut self, record: &[u32], hash: u64) {
        let bucket = &mut self.buckets[bucket_of(hash)];
        bucket.rows += 1;
        bucket.filled += record.len() as u64;
        self.rows += 1;
        if let Some(chunk) = bucket.chunks.last_mut()
            && chunk.capacity() - chunk.len() >= record.len()
        {
            chunk.extend_from_slice(record);
        } else {
            // Chunks grow with the bucket, so that little of the last one is in vain.
            let words = (bucket.words / 4).min(LARGEST_CHUNK);
            let records = (words / self.width).max(8);
            let mut chunk = Vec::with_capacity((records * self.width).max(record.len()));
            chunk.extend_from_slice(record);
            bucket.words += chunk.capacity();
            self.bytes += chunk.capacity() * 4;
            bucket.chunks.push(chunk);
        }
    }

    /// Writes everything that is in memory to disk.
    ///
    /// # Errors
    /// `Io` when the disk is full or the folder can't be written to.
    pub(crate) fn spill(&mut self) -> Result<()> {
        let mut spill = match self.spill.take() {
            Some(spill) => spill,
            None => Spill {
                file: temporary_file(&self.dir)?,
                end: 0,
                runs: vec![Vec::new(); BUCKETS],
            },
        };
        for (bucket, runs) in self.buckets.iter_mut().zip(&mut spill.runs) {
            let offset = spill.end;
            for chunk in bucket.chunks.drain(..) {
                let bytes = chunk.to_byte_slice();
                spill
                    .file
                    .write_all_at(bytes, spill.end)
                    .map_err(|e| spill_error(&self.dir, e))?;
                spill.end += bytes.len() as u64;
            }
            let bytes = (spill.end - offset) as usize;
            if bytes > 0 {
                runs.push(Run { offset, bytes });
            }
            bucket.chunks = Vec::new();
            bucket.words = 0;
        }
        self.bytes = 0;
        self.spill = Some(spill);
        Ok(())
    }

    /// Hands all records of a bucket to `visit`, many at a time.
    ///
    /// # Errors
    /// `Io` when a spilled run can't be read; what `visit` returns.
    pub(crate) fn visit(
        &self,
        bucket: usize,
        mut visit: impl FnMut(&[u32]) -> Result<()>,
    ) -> Result<()> {
        if let Some(spill) = &self.spill {
            for run in &spill.runs[bucket] {
                let buffer = read_words(&spill.file, run.offset, run.bytes, &self.dir)?;
                visit(buffer.typed_data())?;
            }
        }
        for chunk in &self.buckets[bucket].chunks {
            visit(chunk)?;
        }
        Ok(())
    }

    /// Takes the chunks of a bucket out of memory.
    pub(crate) fn take(&mut self, bucket: usize) -> Vec<Vec<u32>> {
        std::mem::take(&mut self.buckets[bucket].chunks)
    }
}

/// A file in `dir` that nobody else sees and that vanishes when it is closed.
///
/// # Errors
/// `Io` when the folder can't be made or written to.
pub(crate) fn temporary_file(dir: &Path) -> Result<File> {
    std::fs::create_dir_all(dir)
        .and_then(|()| tempfile::tempfile_in(dir))
        .map_err(|e| spill_error(dir, e))
}

/// The error of a write to the spill folder.
pub(crate) fn spill_error(dir: &Path, error: std::io::Error) -> Error {
    Error::io(format!("spilling encoded rows to {}", dir.display()), error)
}

/// Reads words back.
///
/// # Errors
/// `Io` when the file can't be read.
pub(crate) fn read_words(
    file: &File,
    offset: u64,
    bytes: usize,
    dir: &Path,
) -> Result<MutableBuffer> {
    let mut buffer = MutableBuffer::from_len_zeroed(bytes);
    file.read_exact_at(buffer.as_slice_mut(), offset)
        .map_err(|e| {
            Error::io(
                format!("reading spilled rows back from {}", dir.display()),
                e,
            )
        })?;
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(chunks: &Chunks) -> Vec<u32> {
        let mut all = Vec::new();
        for bucket in 0..BUCKETS {
            chunks
                .visit(bucket, |records| {
                    all.extend_from_slice(records);
                    Ok(())
                })
                .unwrap();
        }
        all
    }

    #[test]
    fn spilled_records_come_back_in_their_buckets() {
        let dir = tempfile::tempdir().unwrap();
        let mut chunks = Chunks::new(2, dir.path().join("spill"));
        let put = |chunks: &mut Chunks, n: u32| {
            let hash = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunks.push(&[n, bucket_of(hash) as u32], hash);
        };
        (0..5000).for_each(|n| put(&mut chunks, n));
        assert!(chunks.bytes() >= 5000 * 8);
        chunks.spill().unwrap();
        assert_eq!((chunks.bytes(), chunks.spilled_bytes()), (0, 40_000));
        (5000..6000).for_each(|n| put(&mut chunks, n));
        chunks.spill().unwrap();
        (6000..6100).for_each(|n| put(&mut chunks, n));

        let all = collect(&chunks);
        let buckets: Vec<_> = all.chunks(2).map(|r| r[1]).collect();
        assert!(buckets.is_sorted());
        let mut numbers: Vec<_> = all.chunks(2).map(|r| r[0]).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..6100).collect::<Vec<_>>());
        assert_eq!(chunks.rows(), 6100);
        assert_eq!(
            (0..BUCKETS).map(|b| chunks.bucket_rows(b)).sum::<u64>(),
            6100
        );
    }

    #[test]
    fn names_the_folder_that_can_not_be_written() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut chunks = Chunks::new(1, file.path().join("x"));
        chunks.push(&[1], 0);
        let error = chunks.spill().unwrap_err().to_string();
        assert!(error.starts_with("spilling encoded rows to "), "{error}");
    }
}
