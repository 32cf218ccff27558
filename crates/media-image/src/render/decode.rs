//! Reading pixels.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use crate::error::{ImageError, ImageErrorKind, ImageOperation};
use crate::format::ImageFormat;
use crate::limits::memory_of;
use crate::probe::ImageInfo;

/// The pixels of the first frame, 8 bits a channel, as they are stored.
pub(super) struct Pixels {
    pub(super) image: DynamicImage,
    /// Color profile, if it is one of these channels.
    pub(super) profile: Option<Vec<u8>>,
}

/// Decodes the first frame. The image was checked against the limits.
pub(super) fn decode(bytes: &[u8], info: &ImageInfo) -> Result<Pixels, ImageError> {
    let format = match info.format {
        ImageFormat::Png => image::ImageFormat::Png,
        ImageFormat::Jpeg => image::ImageFormat::Jpeg,
        ImageFormat::Gif => image::ImageFormat::Gif,
        ImageFormat::WebP => image::ImageFormat::WebP,
        _ => {
            let reason = "this format can only be probed";
            let kind = ImageErrorKind::Unsupported;
            return Err(ImageError::new(kind, ImageOperation::Decode, reason));
        }
    };
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(info.width);
    limits.max_image_height = Some(info.height);
    limits.max_alloc = Some(memory_of(info, bytes.len() as u64));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let is_gray = !decoder.color_type().has_color();
    let profile = decoder.icc_profile().ok().flatten();
    let profile = profile.filter(|profile| is_profile_of(profile, is_gray));
    let image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    if (image.width(), image.height()) != (info.width, info.height) {
        let reason = "the pixels have other dimensions than the header";
        let kind = ImageErrorKind::Malformed;
        return Err(ImageError::new(kind, ImageOperation::Decode, reason));
    }
    Ok(Pixels {
        image: with_8_bits(image),
        profile,
    })
}

/// Whether a color profile describes the channels that the decoder gives: CMYK is converted by it.
fn is_profile_of(profile: &[u8], is_gray: bool) -> bool {
    let expected: &[u8] = if is_gray { b"GRAY" } else { b"RGB " };
    profile.get(16..20) == Some(expected)
}

fn with_8_bits(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageLuma8(_)
        | DynamicImage::ImageLumaA8(_)
        | DynamicImage::ImageRgb8(_)
        | DynamicImage::ImageRgba8(_) => image,
        DynamicImage::ImageLuma16(_) => image.into_luma8().into(),
        DynamicImage::ImageLumaA16(_) => image.into_luma_alpha8().into(),
        other if other.color().has_alpha() => other.into_rgba8().into(),
        other => other.into_rgb8().into(),
    }
}

fn failed(error: image::ImageError) -> ImageError {
    let (kind, reason) = match &error {
        image::ImageError::Limits(_) => (
            ImageErrorKind::TooLarge,
            "it needs more memory than its header says",
        ),
        image::ImageError::Unsupported(_) => (
            ImageErrorKind::Unsupported,
            "this variant of the format is not supported",
        ),
        image::ImageError::IoError(_) => (ImageErrorKind::Truncated, "the bytes end too early"),
        _ => (ImageErrorKind::Malformed, "the pixels are damaged"),
    };
    ImageError::new(kind, ImageOperation::Decode, reason).with_source(error)
}
