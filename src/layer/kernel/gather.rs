//! Embeddings of a batch, side by side with its numbers.
//!
//! Shapes: B rows, C id columns, R rows of the table, D embedding width, N numbers, F = C * D + N.

use multiversion::multiversion;

use crate::tensor::element::Element;

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
        for (&id, field) in ids[b * columns..][..columns]
            .iter()
            .zip(fields.chunks_exact_mut(width))
        {
            let row = &table[id as usize * width..][..width];
            for (out, &value) in field.iter_mut().zip(row) {
                *out = E::narrow(value);
            }
        }
        for (out, &value) in rest
            .iter_mut()
            .zip(&numbers[b * num_numbers..][..num_numbers])
        {
            *out = E::narrow(value);
        }
    }
}
