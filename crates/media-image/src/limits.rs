//! What an image may cost.

use crate::error::{ImageError, ImageErrorKind, ImageOperation};
use crate::format::ImageFormat;
use crate::probe::ImageInfo;

/// Limits on the images that are decoded. They are checked against the header, before any pixel is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageLimits {
    max_bytes: u64,
    max_pixels: u64,
}

impl Default for ImageLimits {
    /// 64 MiB, and 50 million pixels.
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024 * 1024,
            max_pixels: 50_000_000,
        }
    }
}

impl ImageLimits {
    /// Creates the default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the largest size of an encoded image in bytes. Defaults to 64 MiB.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the largest number of pixels of a frame. Defaults to 50 million, which is a photo of 48
    /// megapixels.
    #[must_use]
    pub fn with_max_pixels(mut self, pixels: u64) -> Self {
        self.max_pixels = pixels;
        self
    }

    /// Returns the largest size of an encoded image in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Returns the largest number of pixels of a frame.
    pub fn max_pixels(&self) -> u64 {
        self.max_pixels
    }

    /// Checks the size of an encoded image.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn check_bytes(&self, bytes: u64) -> Result<(), ImageError> {
        match bytes <= self.max_bytes {
            true => Ok(()),
            false => Err(too_large(format!(
                "it has {bytes} bytes, and {} are permitted",
                self.max_bytes
            ))),
        }
    }

    /// Checks the number of pixels.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn check_pixels(&self, info: &ImageInfo) -> Result<(), ImageError> {
        match info.pixels() <= self.max_pixels {
            true => Ok(()),
            false => Err(too_large(format!(
                "it has {} x {} pixels, and {} are permitted",
                info.width, info.height, self.max_pixels
            ))),
        }
    }
}

/// Memory of a job that does not depend on the image.
const BASE_MEMORY: u64 = 4 * 1024 * 1024;

/// Returns the memory in bytes that is reserved to render an image: decoder, pixels, the copy that is
/// scaled, and both encoded forms.
///
/// The bytes of a pixel are the worst case of the decoders: coefficients of progressive JPEG, canvas and
/// frame of GIF, planes and canvas of WebP, and PNG with 16 bits a channel.
pub(crate) fn memory_of(info: &ImageInfo, len: u64) -> u64 {
    let bytes_per_pixel = match info.format {
        ImageFormat::Jpeg => 12,
        _ => 16,
    };
    let pixels = info.pixels().saturating_mul(bytes_per_pixel);
    let encoded = len.saturating_mul(3);
    pixels.saturating_add(encoded).saturating_add(BASE_MEMORY)
}

fn too_large(reason: String) -> ImageError {
    ImageError::new(ImageErrorKind::TooLarge, ImageOperation::Fit, reason)
}
