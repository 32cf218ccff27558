//! Scaling.

use fast_image_resize::{ResizeOptions, Resizer};
use image::DynamicImage;

use crate::error::{ImageError, ImageErrorKind, ImageOperation};

/// Returns width and height of an image whose longest edge is at most this long, in the same proportions.
/// Images are never enlarged.
pub(super) fn fitted_size((width, height): (u32, u32), edge: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= edge {
        return (width, height);
    }
    let scale = |side: u32| {
        let scaled =
            (u64::from(side) * u64::from(edge) + u64::from(longest) / 2) / u64::from(longest);
        u32::try_from(scaled).unwrap_or(edge).max(1)
    };
    (scale(width), scale(height))
}

/// Scales an image, alpha premultiplied.
pub(super) fn resize(
    image: &DynamicImage,
    (width, height): (u32, u32),
) -> Result<DynamicImage, ImageError> {
    let mut scaled = DynamicImage::new(width, height, image.color());
    let done = Resizer::new().resize(image, &mut scaled, &ResizeOptions::new());
    done.map_err(|error| {
        let reason = "the image cannot be scaled";
        ImageError::new(ImageErrorKind::Unsupported, ImageOperation::Resize, reason)
            .with_source(error)
    })?;
    Ok(scaled)
}
