//! What is known of an image.

use crate::format::ImageFormat;
use crate::orientation::Orientation;

/// The number of frames of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Frames {
    /// One frame.
    One,
    /// Several frames, and how many if the bytes say so.
    Several(Option<u32>),
    /// Not known from these bytes.
    Unknown,
}

/// What the first bytes of an image say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ImageInfo {
    /// Format, by the bytes.
    pub format: ImageFormat,
    /// Width of the stored pixels, at least 1.
    pub width: u32,
    /// Height of the stored pixels, at least 1.
    pub height: u32,
    /// How the pixels are turned before they are shown. [`Orientation::Normal`] if these bytes do not say.
    pub orientation: Orientation,
    /// Number of frames.
    pub frames: Frames,
}

impl ImageInfo {
    pub(super) fn new(format: ImageFormat, width: u32, height: u32) -> Self {
        Self {
            format,
            width,
            height,
            orientation: Orientation::Normal,
            frames: Frames::One,
        }
    }

    /// Returns width and height as the image is shown.
    pub fn display_size(&self) -> (u32, u32) {
        match self.orientation.swaps_sides() {
            true => (self.height, self.width),
            false => (self.width, self.height),
        }
    }

    /// Returns the number of pixels of a frame.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Returns the longest edge in pixels.
    pub fn longest_edge(&self) -> u32 {
        self.width.max(self.height)
    }

    /// Whether the image has several frames.
    pub fn is_animated(&self) -> bool {
        matches!(self.frames, Frames::Several(_))
    }
}
