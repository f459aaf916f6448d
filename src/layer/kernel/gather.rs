//! Embeddings of a batch, side by side with its numbers.
//!
//! Shapes: B rows, C id columns, R rows of the table, D embedding width, N numbers, F = C * D + N.

use multiversion::multiversion;

use super::LANES;
use crate::tensor::element::Element;
use crate::tensor::memory::prefetch;

/// Ids that are looked ahead, so that a table larger than the cache is not waited for row by row.
const AHEAD: usize = 64;

/// Writes `[B, F]`: for each row the embeddings of its ids, then its numbers. `table` is `[R, D]`, `ids`
/// `[B, C]` with values below R, `numbers` `[B, N]`.
#[multiversion(targets = "simd")]
pub fn gather<E: Element>(
    table: &[f32],
    width: usize,
    ids: &[i32],
    numbers: &[f32],
    rows: usize,
    out: &mut [E],
) {
    let (columns, num_numbers) = (ids.len() / rows.max(1), numbers.len() / rows.max(1));
    let total = columns * width + num_numbers;
    for b in 0..rows {
        let out = &mut out[b * total..][..total];
        let (fields, rest) = out.split_at_mut(columns * width);
        for (c, field) in fields.chunks_exact_mut(width).enumerate() {
            let at = b * columns + c;
            if let Some(&id) = ids.get(at + AHEAD) {
                prefetch(table, id as usize * width);
            }
            narrow(&table[ids[at] as usize * width..][..width], field);
        }
        narrow(&numbers[b * num_numbers..][..num_numbers], rest);
    }
}

/// Every value of `from` as an element.
#[inline(always)]
fn narrow<E: Element>(from: &[f32], to: &mut [E]) {
    let mut lanes = to.chunks_exact_mut(LANES);
    let mut values = from.chunks_exact(LANES);
    for (to, from) in lanes.by_ref().zip(values.by_ref()) {
        for i in 0..LANES {
            to[i] = E::narrow(from[i]);
        }
    }
    for (to, from) in lanes.into_remainder().iter_mut().zip(values.remainder()) {
        *to = E::narrow(*from);
    }
}
