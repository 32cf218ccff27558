//! Pixels from the formats that the service takes.

use std::io::Cursor;

/// The most pixels that are decoded; a file can claim more than memory holds.
const PIXEL_LIMIT: u64 = 150_000_000;

/// An image that was decoded.
#[derive(Debug)]
pub struct Image {
    /// Its format, as people write it.
    pub format: &'static str,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    pixels: Vec<u8>,
    /// Bytes a pixel.
    samples: usize,
}

impl Image {
    /// Returns three bytes a pixel; grey ones made three samples wide, alpha dropped.
    #[must_use]
    pub fn rgb(&self) -> Vec<u8> {
        self.every(1)
    }

    /// Returns what [`rgb`](Self::rgb) returns, of at most some ten thousand pixels, evenly spread: enough to tell the colors.
    #[must_use]
    pub fn thinned(&self) -> Vec<u8> {
        const ENOUGH: usize = 40_000;
        let total = self.pixels.len() / self.samples.max(1);
        // Odd, so that it does not keep hitting the same columns.
        self.every((total / ENOUGH) | 1)
    }

    fn every(&self, step: usize) -> Vec<u8> {
        let chosen = self.pixels.chunks_exact(self.samples.max(1)).step_by(step);
        chosen
            .flat_map(|pixel| match pixel {
                [grey] | [grey, _] => [*grey; 3],
                [red, green, blue, ..] => [*red, *green, *blue],
                [] => [0; 3],
            })
            .collect()
    }
}

/// Decodes a PNG, JPEG, GIF or WebP file of a size that memory holds, as far as it is sound.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Image> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => png(bytes),
        [0xff, 0xd8, 0xff, ..] => jpeg(bytes),
        [b'G', b'I', b'F', b'8', ..] => gif(bytes),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => webp(bytes),
        _ => None,
    }
}

fn small_enough(width: u32, height: u32) -> Option<()> {
    (u64::from(width) * u64::from(height) <= PIXEL_LIMIT).then_some(())
}

fn png(bytes: &[u8]) -> Option<Image> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let (width, height) = (reader.info().width, reader.info().height);
    small_enough(width, height)?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut pixels).ok()?;
    let samples = frame.color_type.samples();
    Some(Image {
        format: "PNG",
        width,
        height,
        pixels,
        samples,
    })
}

fn jpeg(bytes: &[u8]) -> Option<Image> {
    use zune_jpeg::zune_core::{
        bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions,
    };
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    let (width, height) = decoder.dimensions()?;
    let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    small_enough(width, height)?;
    let pixels = decoder.decode().ok()?;
    Some(Image {
        format: "JPEG",
        width,
        height,
        pixels,
        samples: 3,
    })
}

fn gif(bytes: &[u8]) -> Option<Image> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(Cursor::new(bytes)).ok()?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    small_enough(width, height)?;
    let pixels = decoder.read_next_frame().ok()??.buffer.to_vec();
    Some(Image {
        format: "GIF",
        width,
        height,
        pixels,
        samples: 4,
    })
}

fn webp(bytes: &[u8]) -> Option<Image> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).ok()?;
    let (width, height) = decoder.dimensions();
    small_enough(width, height)?;
    let samples = if decoder.has_alpha() { 4 } else { 3 };
    let mut pixels = vec![0; decoder.output_buffer_size()?];
    decoder.read_image(&mut pixels).ok()?;
    Some(Image {
        format: "WebP",
        width,
        height,
        pixels,
        samples,
    })
}
