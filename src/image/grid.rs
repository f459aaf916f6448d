//! Many images as one: a grid with gaps.

use super::png::{MAX_SIDE, encode};
use crate::error::{Error, Result};

/// Pixels between images, and how bright they are.
const GAP: usize = 2;
const GAP_SHADE: u8 = 96;

/// Draws rows of images, each of `height` rows of `width` pixels, as PNG bytes; what a row lacks stays
/// empty.
///
/// # Errors
/// `Execution` when an image has another size, or all together are too large.
pub fn draw(rows: &[Vec<Vec<u8>>], width: usize, height: usize) -> Result<Vec<u8>> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let side = |count: usize, one: usize| count.saturating_mul(one + GAP).saturating_add(GAP);
    let (total_width, total_height) = (side(columns, width), side(rows.len(), height));
    if total_width > MAX_SIDE || total_height > MAX_SIDE {
        return Err(Error::execution(format!(
            "a grid of {total_width} x {total_height} pixels is too large; both sides may have {MAX_SIDE}"
        )));
    }
    let mut pixels = vec![GAP_SHADE; total_width * total_height];
    for (r, row) in rows.iter().enumerate() {
        for (c, image) in row.iter().enumerate() {
            if image.len() != width * height {
                return Err(Error::execution(format!(
                    "an image of a grid has {} pixels where {width} x {height} are needed",
                    image.len()
                )));
            }
            let (top, left) = (GAP + r * (height + GAP), GAP + c * (width + GAP));
            for (y, line) in image.chunks_exact(width.max(1)).enumerate() {
                pixels[(top + y) * total_width + left..][..width].copy_from_slice(line);
            }
        }
    }
    encode(&pixels, total_width, total_height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::png::decode;

    #[test]
    fn images_stand_in_their_rows() {
        let rows = [vec![vec![1, 2], vec![3, 4]], vec![vec![5, 6]]];
        let bytes = draw(&rows, 2, 1).unwrap();
        let mut pixels = Vec::new();
        decode(&bytes, 10, 8, &mut pixels).unwrap();
        let line = |y: usize| &pixels[y * 10..][..10];
        let gap = GAP_SHADE;
        assert_eq!(line(2), [gap, gap, 1, 2, gap, gap, 3, 4, gap, gap]);
        assert_eq!(line(5), [gap, gap, 5, 6, gap, gap, gap, gap, gap, gap]);
        assert!(line(1).iter().chain(line(7)).all(|&pixel| pixel == gap));
        assert!(draw(&[vec![vec![1]]], 2, 1).is_err());
        assert!(draw(&[vec![Vec::new(); 9000]], 2, 1).is_err());
    }
}
