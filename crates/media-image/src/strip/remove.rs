//! The removal itself.

use bytes::Bytes;

use super::{gif, jpeg, png, webp};
use crate::error::{ImageError, ImageErrorKind, ImageOperation};
use crate::format::ImageFormat;

/// Returns a copy of an image without its metadata. Pixels, frames and color profile stay as they are.
///
/// What is removed: EXIF with its position and its thumbnail, XMP, IPTC, comments, texts, times, chunks of
/// unknown kind, and everything after the end of the image, such as the second file of a polyglot. The
/// orientation is part of EXIF, so that an image that is turned must be [rendered](crate::fit) instead.
/// The result is never larger than the original.
///
/// # Errors
/// `UnknownFormat`, `Unsupported` for formats that are only probed, `Truncated` or `Malformed`.
pub fn strip_metadata(image: &[u8]) -> Result<Bytes, ImageError> {
    let refuse = |kind, reason| ImageError::new(kind, ImageOperation::Strip, reason);
    let format = ImageFormat::detect(image)
        .ok_or_else(|| refuse(ImageErrorKind::UnknownFormat, "the format is not known"))?;
    let mut kept = Vec::with_capacity(image.len());
    let done = match format {
        ImageFormat::Png => png::strip(image, &mut kept),
        ImageFormat::Jpeg => jpeg::strip(image, &mut kept),
        ImageFormat::Gif => gif::strip(image, &mut kept),
        ImageFormat::WebP => webp::strip(image, &mut kept),
        _ => Err(refuse(
            ImageErrorKind::Unsupported,
            "metadata of this format cannot be removed",
        )),
    };
    done.map_err(|error| error.with_operation(ImageOperation::Strip))?;
    Ok(kept.into())
}
