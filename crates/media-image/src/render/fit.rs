//! Making an image fit.

use std::borrow::Cow;

use bytes::Bytes;
use image::DynamicImage;
use image::metadata::Orientation as Turn;

use super::decode::{Pixels, decode};
use super::encode::{encode, flatten, has_transparency};
use super::resize::{fitted_size, resize};
use crate::error::{ImageError, ImageErrorKind, ImageOperation};
use crate::format::ImageFormat;
use crate::limits::ImageLimits;
use crate::orientation::Orientation;
use crate::probe::{ImageInfo, probe};
use crate::profile::Profile;
use crate::strip::strip_metadata;

/// Edge in pixels below which an image is not made smaller to save bytes.
const SMALLEST_EDGE: u32 = 16;

/// What [`fit`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FitOutcome {
    /// The original fits and has no metadata.
    Unchanged,
    /// The original fits without its metadata. Its pixels and frames were kept.
    Stripped,
    /// The first frame was written again.
    Rendered,
}

/// An image that fits a profile.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FittedImage {
    /// The encoded image, without metadata.
    pub bytes: Bytes,
    /// Format of the encoded image.
    pub format: ImageFormat,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// What was done.
    pub outcome: FitOutcome,
}

/// Makes an image fit a profile.
///
/// The result is never larger than the original, neither in pixels nor in bytes, has no metadata but its
/// color profile, and is stored as it is shown. An image that fits keeps its pixels and frames. Otherwise
/// the first frame is scaled and written: as PNG or lossless WebP if it is transparent, and as JPEG or PNG
/// if not, whichever is smaller. Where it has too many bytes, first the quality of JPEG is lowered, then the
/// edge.
///
/// This blocks for as long as the work takes; [`ImageWorkers`](crate::ImageWorkers) does it on threads of
/// its own.
///
/// # Errors
/// As [`probe`]; `TooLarge` beyond the limits, `Unsupported` for formats that are only probed,
/// `Truncated` or `Malformed` for damaged pixels, `CannotFit` if no rendition is small enough.
pub fn fit(
    image: &Bytes,
    profile: &Profile,
    limits: &ImageLimits,
) -> Result<FittedImage, ImageError> {
    limits.check_bytes(image.len() as u64)?;
    let info = probe(image)?;
    if let Some(fitted) = keep(image, &info, profile) {
        return Ok(fitted);
    }
    limits.check_pixels(&info)?;
    let pixels = decode(image, &info)?;
    let original = image.len() as u64;
    let max_bytes = profile
        .max_bytes()
        .map_or(original, |limit| limit.min(original));
    render(pixels, &info, profile, max_bytes)
}

/// Returns the original without its metadata, if it fits.
fn keep(image: &Bytes, info: &ImageInfo, profile: &Profile) -> Option<FittedImage> {
    // Metadata may be what makes it too large.
    if !profile.is_met_by(info, 0) {
        return None;
    }
    let stripped = strip_metadata(image).ok()?;
    if !profile.is_met_by(info, stripped.len() as u64) {
        return None;
    }
    let (bytes, outcome) = match stripped == *image {
        true => (image.clone(), FitOutcome::Unchanged),
        false => (stripped, FitOutcome::Stripped),
    };
    Some(FittedImage {
        bytes,
        format: info.format,
        width: info.width,
        height: info.height,
        outcome,
    })
}

fn render(
    pixels: Pixels,
    info: &ImageInfo,
    profile: &Profile,
    max_bytes: u64,
) -> Result<FittedImage, ImageError> {
    let Pixels {
        image,
        profile: color,
    } = pixels;
    let size = (image.width(), image.height());
    let mut edge = profile
        .longest_edge()
        .unwrap_or(u32::MAX)
        .min(info.longest_edge());
    // Smaller and smaller images are made of the first that is scaled, not of the original.
    let mut source = image;
    loop {
        let target = fitted_size(size, edge);
        if target != (source.width(), source.height()) {
            source = resize(&source, target)?;
        }
        let mut shown = Cow::Borrowed(&source);
        if info.orientation != Orientation::Normal {
            shown.to_mut().apply_orientation(turn(info.orientation));
        }
        if let Some((bytes, format)) =
            encode_within(&shown, color.as_deref(), info, profile, max_bytes)?
        {
            return Ok(FittedImage {
                bytes: bytes.into(),
                format,
                width: shown.width(),
                height: shown.height(),
                outcome: FitOutcome::Rendered,
            });
        }
        if edge <= SMALLEST_EDGE {
            let reason =
                format!("no rendition has at most {max_bytes} bytes in an accepted format");
            return Err(ImageError::new(
                ImageErrorKind::CannotFit,
                ImageOperation::Fit,
                reason,
            ));
        }
        edge = (edge / 4 * 3).max(SMALLEST_EDGE);
    }
}

/// Returns the smallest encoding in an accepted format, if it has few enough bytes. Of JPEG, the best quality
/// that has few enough bytes is used.
fn encode_within(
    image: &DynamicImage,
    color: Option<&[u8]>,
    info: &ImageInfo,
    profile: &Profile,
    max_bytes: u64,
) -> Result<Option<(Vec<u8>, ImageFormat)>, ImageError> {
    let is_transparent = has_transparency(image);
    let accepts = |format| profile.formats().contains(&format);
    let is_lossy = info.format == ImageFormat::Jpeg;
    let mut lossless = vec![ImageFormat::Png, ImageFormat::WebP];
    lossless.retain(|format| accepts(*format));
    // Photos do not become smaller without loss.
    if is_lossy && accepts(ImageFormat::Jpeg) {
        lossless.clear();
    }
    let flat = if is_transparent || !image.color().has_alpha() {
        None
    } else {
        Some(flatten(image))
    };
    let pixels = flat.as_ref().unwrap_or(image);
    let mut best: Option<(Vec<u8>, ImageFormat)> = None;
    let mut offer = |bytes: Vec<u8>, format| {
        let fits = bytes.len() as u64 <= max_bytes;
        let is_smaller = best
            .as_ref()
            .is_none_or(|(best, _)| bytes.len() < best.len());
        if fits && is_smaller {
            best = Some((bytes, format));
        }
        fits
    };
    let mut has_lossless = false;
    for format in lossless {
        has_lossless |= offer(encode(pixels, color, format, profile.quality())?, format);
    }
    // JPEG has no transparency: it comes last.
    if accepts(ImageFormat::Jpeg) && !(is_transparent && has_lossless) {
        let flat = is_transparent.then(|| flatten(image));
        let pixels = flat.as_ref().unwrap_or(pixels);
        let quality = profile.quality();
        for quality in [quality, quality.min(70), quality.min(50)] {
            let format = ImageFormat::Jpeg;
            if offer(encode(pixels, color, format, quality)?, format) {
                break;
            }
        }
    }
    Ok(best)
}

fn turn(orientation: Orientation) -> Turn {
    match orientation {
        Orientation::Normal => Turn::NoTransforms,
        Orientation::FlipHorizontal => Turn::FlipHorizontal,
        Orientation::Rotate180 => Turn::Rotate180,
        Orientation::FlipVertical => Turn::FlipVertical,
        Orientation::Transpose => Turn::Rotate90FlipH,
        Orientation::Rotate90 => Turn::Rotate90,
        Orientation::Transverse => Turn::Rotate270FlipH,
        Orientation::Rotate270 => Turn::Rotate270,
    }
}
