//! Many images as one: a grid with gaps.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use super::png::{MAX_SIDE, encode};
use crate::error::{Error, Result};

/// Pixels between images, and how bright they are.
const GAP: usize = 2;
const GAP_SHADE: u8 = 96;

/// Of the letters of labels.
const FONT: (FontWeight, RasterHeight) = (FontWeight::Regular, RasterHeight::Size16);
const LETTER: [usize; 2] = [RasterHeight::Size16.val(), get_raster_width(FONT.0, FONT.1)];

/// Letters of a label; longer ones end in a dot.
const MOST_LETTERS: usize = 16;

/// A row of a grid.
pub struct Row {
    /// What is written beside it; nothing where no row has a label.
    pub label: String,
    /// Pixels row by row.
    pub images: Vec<Vec<u8>>,
}

/// Draws rows of images, each of `height` rows of `width` pixels, as PNG bytes; what a row lacks stays
/// empty. Labels stand on the left.
///
/// # Errors
/// `Execution` when an image has another size, or all together are too large.
pub fn draw(rows: &[Row], width: usize, height: usize) -> Result<Vec<u8>> {
    let columns = rows.iter().map(|row| row.images.len()).max().unwrap_or(0);
    let labels: Vec<_> = rows.iter().map(|row| shortened(&row.label)).collect();
    let letters = labels.iter().map(|label| label.chars().count()).max();
    let (margin, line) = match letters.unwrap_or(0) {
        0 => (0, height),
        letters => (GAP + letters * LETTER[1], height.max(LETTER[0])),
    };
    let side = |count: usize, one: usize| count.saturating_mul(one + GAP).saturating_add(GAP);
    let (total_width, total_height) = (margin + side(columns, width), side(rows.len(), line));
    if total_width > MAX_SIDE || total_height > MAX_SIDE {
        return Err(Error::execution(format!(
            "a grid of {total_width} x {total_height} pixels is too large; both sides may have {MAX_SIDE}"
        )));
    }
    let mut pixels = vec![GAP_SHADE; total_width * total_height];
    let mut put = |image: &[u8], [top, left]: [usize; 2], width: usize| {
        for (y, line) in image.chunks_exact(width.max(1)).enumerate() {
            pixels[(top + y) * total_width + left..][..width].copy_from_slice(line);
        }
    };
    for (r, (row, label)) in rows.iter().zip(&labels).enumerate() {
        let top = GAP + r * (line + GAP);
        for (i, letter) in label.chars().enumerate() {
            let middle = top + line.saturating_sub(LETTER[0]) / 2;
            put(&shades(letter), [middle, GAP + i * LETTER[1]], LETTER[1]);
        }
        for (c, image) in row.images.iter().enumerate() {
            if image.len() != width * height {
                return Err(Error::execution(format!(
                    "an image of a grid has {} pixels where {width} x {height} are needed",
                    image.len()
                )));
            }
            put(image, [top, margin + GAP + c * (width + GAP)], width);
        }
    }
    encode(&pixels, total_width, total_height)
}

/// A label as long as there is room for.
fn shortened(label: &str) -> String {
    match label.chars().count() > MOST_LETTERS {
        true => label.chars().take(MOST_LETTERS - 1).chain(['.']).collect(),
        false => label.to_string(),
    }
}

/// A letter in white on the shade of gaps; one that the font lacks is a question mark.
fn shades(letter: char) -> Vec<u8> {
    let (weight, size) = FONT;
    let letter = get_raster(letter, weight, size).or_else(|| get_raster('?', weight, size));
    let of = |ink: &u8| GAP_SHADE + (u32::from(*ink) * u32::from(255 - GAP_SHADE) / 255) as u8;
    letter.map_or_else(Vec::new, |letter| letter.pixels().iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::png::decode;

    fn row(label: &str, images: &[&[u8]]) -> Row {
        Row {
            label: label.into(),
            images: images.iter().map(|image| image.to_vec()).collect(),
        }
    }

    #[test]
    fn images_stand_in_their_rows() {
        let rows = [row("", &[&[1, 2], &[3, 4]]), row("", &[&[5, 6]])];
        let bytes = draw(&rows, 2, 1).unwrap();
        let mut pixels = Vec::new();
        decode(&bytes, 10, 8, &mut pixels).unwrap();
        let line = |y: usize| &pixels[y * 10..][..10];
        let gap = GAP_SHADE;
        assert_eq!(line(2), [gap, gap, 1, 2, gap, gap, 3, 4, gap, gap]);
        assert_eq!(line(5), [gap, gap, 5, 6, gap, gap, gap, gap, gap, gap]);
        assert!(line(1).iter().chain(line(7)).all(|&pixel| pixel == gap));
        assert!(draw(&[row("", &[&[1]])], 2, 1).is_err());
        assert!(draw(&[row("", &[&[] as &[u8]; 9000])], 2, 1).is_err());
    }

    #[test]
    fn labels_stand_beside_their_rows() {
        let images: &[&[u8]] = &[&[9; 24 * 4]];
        let bytes = draw(&[row("1", images), row("boot", images)], 4, 24).unwrap();
        let margin = GAP + 4 * LETTER[1];
        let (width, height) = (margin + 4 + 2 * GAP, 2 * 24 + 3 * GAP);
        let mut pixels = Vec::new();
        decode(&bytes, width, height, &mut pixels).unwrap();
        let at = |y: usize, x: usize| pixels[y * width + x];
        assert_eq!(at(GAP, margin + GAP), 9);
        let letter = shades('1');
        let top = GAP + (24 - LETTER[0]) / 2;
        for y in 0..LETTER[0] {
            for x in 0..LETTER[1] {
                assert_eq!(at(top + y, GAP + x), letter[y * LETTER[1] + x]);
            }
        }
        assert!(letter.contains(&255) && letter.contains(&GAP_SHADE));
        // The second letter of the first row is none.
        assert_eq!(at(top + 8, GAP + LETTER[1]), GAP_SHADE);
        assert_eq!(shades('\u{4e00}'), shades('?'));
        assert_eq!(shortened("a label of many words"), "a label of many.");
    }
}
