//! Working space of the encoder: columns side by side, turned into rows in tiles.

use super::lists::Lists;

/// Rows that are turned at once: sixteen 32-bit values fill a line of the cache.
const TILE: usize = 16;

/// Buffers that keep their memory from batch to batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    /// Column-major values; column `c` starts at `c * stride`.
    pub(crate) words: Vec<u32>,
    pub(crate) stride: usize,
    /// Hash of every row.
    pub(crate) hashes: Vec<u64>,
    pub(crate) numbers: Vec<f64>,
    /// Lists of the rows.
    pub(crate) lists: Vec<Lists<u32>>,
}

impl Scratch {
    /// Makes room for `columns` columns of `rows` values; what stood there is of no meaning.
    pub(crate) fn resize(&mut self, columns: usize, rows: usize) {
        // An odd number of cache lines keeps columns from falling onto the same place in a cache.
        self.stride = (rows / 32 * 2 + 3) * 16;
        let len = columns * self.stride;
        if self.words.len() < len {
            self.words.resize(len, 0);
        }
    }

    /// Memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * 4
            + self.hashes.capacity() * 8
            + self.numbers.capacity() * 8
            + self.lists.iter().map(Lists::bytes).sum::<usize>()
    }
}

/// The first `rows` values of a column.
pub(crate) fn column(words: &mut [u32], stride: usize, at: usize, rows: usize) -> &mut [u32] {
    &mut words[at * stride..at * stride + rows]
}

/// Hands `take` tiles of rows: the first row's number and the rows' values, row-major.
pub(crate) fn for_each_tile(
    words: &[u32],
    stride: usize,
    columns: std::ops::Range<usize>,
    rows: usize,
    mut take: impl FnMut(usize, &[u32]),
) {
    let width = columns.len();
    let mut tile = vec![0; TILE * width];
    for from in (0..rows).step_by(TILE) {
        let count = TILE.min(rows - from);
        for (to, c) in columns.clone().enumerate() {
            let source = &words[c * stride + from..c * stride + from + TILE];
            for (row, value) in source.iter().enumerate() {
                tile[row * width + to] = *value;
            }
        }
        take(from, &tile[..count * width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_columns_into_rows() {
        for rows in [1, 15, 16, 17, 100] {
            let mut scratch = Scratch::default();
            scratch.resize(3, rows);
            for c in 0..3 {
                let values = column(&mut scratch.words, scratch.stride, c, rows);
                for (row, value) in values.iter_mut().enumerate() {
                    *value = (row * 10 + c) as u32;
                }
            }
            let mut seen = Vec::new();
            for_each_tile(&scratch.words, scratch.stride, 1..3, rows, |from, tile| {
                assert_eq!(from * 2, seen.len());
                seen.extend_from_slice(tile);
            });
            let expected: Vec<_> = (0..rows as u32)
                .flat_map(|r| [r * 10 + 1, r * 10 + 2])
                .collect();
            assert_eq!(seen, expected);
        }
    }
}
