//! Gray images of 8 bits as PNG bytes.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Encoder, Transformations};

use crate::error::{Error, Result};

/// The longest side of an image.
pub const MAX_SIDE: usize = 1 << 14;

/// An image of H rows of W pixels as PNG bytes.
///
/// # Errors
/// `Execution` when a side is 0 or longer than [`MAX_SIDE`], or there are not W * H pixels.
pub fn encode(pixels: &[u8], width: usize, height: usize) -> Result<Vec<u8>> {
    let sides = 1..=MAX_SIDE;
    if !sides.contains(&width) || !sides.contains(&height) {
        return Err(Error::execution(format!(
            "an image of {width} x {height} pixels can't be drawn; both sides have to be 1 to {MAX_SIDE}"
        )));
    }
    if pixels.len() != width * height {
        return Err(Error::execution(format!(
            "an image of {width} x {height} needs {} pixels, got {}",
            width * height,
            pixels.len()
        )));
    }
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    let fail = |e| Error::execution(format!("an image can't be written as PNG: {e}"));
    let mut writer = encoder.write_header().map_err(fail)?;
    writer.write_image_data(pixels).map_err(fail)?;
    writer.finish().map_err(fail)?;
    Ok(bytes)
}

/// Appends the pixels of a PNG of exactly this size; colours become gray by their luma, what is
/// transparent lies on black.
///
/// # Errors
/// `Execution` when the bytes are no PNG, or one of another size.
pub fn decode(bytes: &[u8], width: usize, height: usize, pixels: &mut Vec<u8>) -> Result<()> {
    let fail = |e| Error::execution(format!("the bytes of an image are no PNG: {e}"));
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(fail)?;
    let (found, wanted) = (reader.info().size(), (width as u32, height as u32));
    if found != wanted {
        // Before memory is taken: the header may say anything.
        return Err(Error::execution(format!(
            "a PNG has {} x {} pixels where {width} x {height} are needed",
            found.0, found.1
        )));
    }
    let size = reader
        .output_buffer_size()
        .ok_or_else(|| Error::execution("a PNG is too large"))?;
    let mut samples = vec![0; size];
    let frame = reader.next_frame(&mut samples).map_err(fail)?;
    let samples = &samples[..frame.buffer_size()];
    match frame.color_type {
        ColorType::Grayscale => pixels.extend_from_slice(samples),
        ColorType::GrayscaleAlpha => {
            pixels.extend(samples.chunks_exact(2).map(|s| on_black(s[0], s[1])));
        }
        ColorType::Rgb => pixels.extend(samples.chunks_exact(3).map(luma)),
        ColorType::Rgba => {
            pixels.extend(samples.chunks_exact(4).map(|s| on_black(luma(s), s[3])));
        }
        ColorType::Indexed => return Err(Error::internal("a palette was not resolved")),
    }
    Ok(())
}

fn on_black(gray: u8, alpha: u8) -> u8 {
    ((u32::from(gray) * u32::from(alpha) + 127) / 255) as u8
}

/// ITU-R BT.601.
fn luma(rgb: &[u8]) -> u8 {
    let sum = 299 * u32::from(rgb[0]) + 587 * u32::from(rgb[1]) + 114 * u32::from(rgb[2]);
    ((sum + 500) / 1000) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_survive_a_round_trip() {
        let pixels: Vec<u8> = (0..35).map(|i| (i * 37 % 256) as u8).collect();
        let bytes = encode(&pixels, 7, 5).unwrap();
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
        let mut out = Vec::new();
        decode(&bytes, 7, 5, &mut out).unwrap();
        assert_eq!(out, pixels);
    }

    #[test]
    fn colours_become_gray() {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(ColorType::Rgba);
        let mut writer = encoder.write_header().unwrap();
        writer
            .write_image_data(&[255, 0, 0, 255, 200, 200, 200, 51])
            .unwrap();
        writer.finish().unwrap();
        let mut out = Vec::new();
        decode(&bytes, 2, 1, &mut out).unwrap();
        // 0.299 * 255 = 76.2; 200 * 51 / 255 = 40
        assert_eq!(out, [76, 40]);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let text = encode(&[1, 2, 3], 2, 2).unwrap_err().to_string();
        assert_eq!(text, "an image of 2 x 2 needs 4 pixels, got 3");
        assert!(encode(&[], 0, 4).is_err());
        let mut out = Vec::new();
        let bytes = encode(&[1, 2], 2, 1).unwrap();
        let text = decode(&bytes, 1, 2, &mut out).unwrap_err().to_string();
        assert_eq!(text, "a PNG has 2 x 1 pixels where 1 x 2 are needed");
        for cut in [0, 5, 20, bytes.len() - 14] {
            assert!(decode(&bytes[..cut], 2, 1, &mut out).is_err(), "{cut}");
        }
        assert!(decode(b"not a PNG", 2, 1, &mut out).is_err());
    }
}
