//! The orientation in EXIF data.

use super::tiff;
use crate::orientation::Orientation;

/// Returns the orientation that EXIF data says, or `Normal` if it says none.
pub(super) fn orientation(tiff: &[u8]) -> Orientation {
    let tiff = tiff.strip_prefix(b"Exif\0\0").unwrap_or(tiff);
    let tags = tiff::first_directory(tiff).unwrap_or_default();
    tags.orientation.unwrap_or_default()
}
