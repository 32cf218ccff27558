//! The probe itself.

use super::info::ImageInfo;
use super::reader::malformed;
use super::{bmp, gif, heif, jpeg, png, tiff, webp};
use crate::error::{ImageError, ImageErrorKind, ImageOperation};
use crate::format::ImageFormat;

/// Number of bytes from the start of a file that are enough to probe almost all images. Photos begin
/// with up to a few segments of 64 KiB.
pub const PROBE_LEN: usize = 256 * 1024;

/// Returns what the first bytes of an image say about it. Nothing is decoded, and no memory is allocated.
///
/// Give the whole image, or its first [`PROBE_LEN`] bytes. The number of frames and the orientation may
/// be unknown if the bytes end early.
///
/// ```
/// use media_image::{ImageErrorKind, ImageFormat, probe};
///
/// let gif = b"GIF89a\x40\x01\xf0\x00\x00\x00\x00";
/// let info = probe(gif)?;
/// assert_eq!(info.format, ImageFormat::Gif);
/// assert_eq!((info.width, info.height), (320, 240));
/// assert_eq!(probe(b"plain text").unwrap_err().kind(), ImageErrorKind::UnknownFormat);
/// # Ok::<(), media_image::ImageError>(())
/// ```
///
/// # Errors
/// `UnknownFormat`; `Truncated` if the bytes end before the dimensions; `Malformed` if they contradict
/// their format or an edge is 0.
pub fn probe(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let format = ImageFormat::detect(bytes).ok_or_else(|| {
        ImageError::new(
            ImageErrorKind::UnknownFormat,
            ImageOperation::Probe,
            "the format is not known",
        )
    })?;
    let info = match format {
        ImageFormat::Png => png::probe(bytes),
        ImageFormat::Jpeg => jpeg::probe(bytes),
        ImageFormat::Gif => gif::probe(bytes),
        ImageFormat::WebP => webp::probe(bytes),
        ImageFormat::Bmp => bmp::probe(bytes),
        ImageFormat::Tiff => tiff::probe(bytes),
        ImageFormat::Heic | ImageFormat::Avif => heif::probe(bytes, format),
    }?;
    if info.width == 0 || info.height == 0 {
        return Err(malformed("an edge is 0"));
    }
    Ok(info)
}
