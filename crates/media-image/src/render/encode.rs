//! Writing pixels.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, GrayImage, ImageEncoder, ImageResult, Luma, Rgb, RgbImage};

use crate::error::{ImageError, ImageErrorKind, ImageOperation};
use crate::format::ImageFormat;

/// Writes an image with its color profile and no other metadata.
pub(super) fn encode(
    image: &DynamicImage,
    profile: Option<&[u8]>,
    format: ImageFormat,
    quality: u8,
) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    let done = match format {
        ImageFormat::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
            write(image, profile, encoder)
        }
        ImageFormat::WebP => write(image, profile, WebPEncoder::new_lossless(&mut bytes)),
        _ => {
            let (compression, filter) = (CompressionType::Default, FilterType::Adaptive);
            let encoder = PngEncoder::new_with_quality(&mut bytes, compression, filter);
            write(image, profile, encoder)
        }
    };
    match done {
        Ok(()) => Ok(bytes),
        Err(error) => {
            let reason = "the pixels cannot be written";
            let kind = ImageErrorKind::Unsupported;
            Err(ImageError::new(kind, ImageOperation::Encode, reason).with_source(error))
        }
    }
}

fn write(
    image: &DynamicImage,
    profile: Option<&[u8]>,
    mut encoder: impl ImageEncoder,
) -> ImageResult<()> {
    if let Some(profile) = profile {
        // An encoder without color profiles writes the pixels alone.
        let _ = encoder.set_icc_profile(profile.to_vec());
    }
    image.write_with_encoder(encoder)
}

/// Returns the image on white, without alpha.
pub(super) fn flatten(image: &DynamicImage) -> DynamicImage {
    let on_white = |channel: u8, alpha: u8| {
        let (channel, alpha) = (u32::from(channel), u32::from(alpha));
        u8::try_from((channel * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
    };
    let (width, height) = (image.width(), image.height());
    match image {
        DynamicImage::ImageLumaA8(pixels) => GrayImage::from_fn(width, height, |x, y| {
            let [gray, alpha] = pixels.get_pixel(x, y).0;
            Luma([on_white(gray, alpha)])
        })
        .into(),
        DynamicImage::ImageRgba8(pixels) => RgbImage::from_fn(width, height, |x, y| {
            let [red, green, blue, alpha] = pixels.get_pixel(x, y).0;
            Rgb([red, green, blue].map(|channel| on_white(channel, alpha)))
        })
        .into(),
        opaque => opaque.clone(),
    }
}

/// Whether any pixel is transparent.
pub(super) fn has_transparency(image: &DynamicImage) -> bool {
    match image {
        DynamicImage::ImageRgba8(image) => image.pixels().any(|pixel| pixel.0[3] != u8::MAX),
        DynamicImage::ImageLumaA8(image) => image.pixels().any(|pixel| pixel.0[1] != u8::MAX),
        _ => false,
    }
}
