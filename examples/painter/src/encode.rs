//! Pixels to a file.

use thiserror::Error;

use super::Size;

/// The file formats that OpenAI's images endpoint offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputFormat {
    /// Lossless.
    #[default]
    Png,
    /// Lossy, at quality 90.
    Jpeg,
    /// Lossless.
    Webp,
}

impl OutputFormat {
    /// Reads the value of `output_format`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "png" => Some(Self::Png),
            "jpeg" => Some(Self::Jpeg),
            "webp" => Some(Self::Webp),
            _ => None,
        }
    }

    /// The value of `output_format`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }
}

/// The encoder refused the pixels.
#[derive(Debug, Error)]
#[error("cannot encode the image as {format}")]
pub struct EncodeError {
    format: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

pub(super) fn encode(rgb: &[u8], size: Size, format: OutputFormat) -> Result<Vec<u8>, EncodeError> {
    let encoded = match format {
        OutputFormat::Png => png(rgb, size).map_err(Into::into),
        OutputFormat::Jpeg => jpeg(rgb, size).map_err(Into::into),
        OutputFormat::Webp => webp(rgb, size).map_err(Into::into),
    };
    encoded.map_err(|source| EncodeError {
        format: format.name(),
        source,
    })
}

fn png(rgb: &[u8], size: Size) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::with_capacity(rgb.len() / 2);
    let mut encoder = png::Encoder::new(&mut file, size.width(), size.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()?;
    Ok(file)
}

fn jpeg(rgb: &[u8], size: Size) -> Result<Vec<u8>, jpeg_encoder::EncodingError> {
    let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
    let mut file = Vec::with_capacity(rgb.len() / 4);
    jpeg_encoder::Encoder::new(&mut file, 90).encode(
        rgb,
        side(size.width()),
        side(size.height()),
        jpeg_encoder::ColorType::Rgb,
    )?;
    Ok(file)
}

fn webp(rgb: &[u8], size: Size) -> Result<Vec<u8>, image_webp::EncodingError> {
    let mut file = Vec::with_capacity(rgb.len() / 2);
    image_webp::WebPEncoder::new(&mut file).encode(
        rgb,
        size.width(),
        size.height(),
        image_webp::ColorType::Rgb8,
    )?;
    Ok(file)
}
