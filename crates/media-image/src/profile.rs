//! What an image must be like.

use crate::format::ImageFormat;
use crate::orientation::Orientation;
use crate::probe::ImageInfo;

/// What becomes of an image with several frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Animation {
    /// It stays animated where the original fits the profile without its metadata; otherwise its first frame is
    /// rendered. Animations are never scaled.
    #[default]
    Keep,
    /// Its first frame is rendered.
    FirstFrame,
}

/// What an image must be like: the longest edge, the number of bytes, and the format.
///
/// ```
/// use media_image::{ImageFormat, Profile};
///
/// // What a model takes.
/// let model = Profile::new()
///     .with_longest_edge(2000)
///     .with_max_bytes(5 * 1024 * 1024)
///     .with_formats([ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP]);
/// let thumbnail = Profile::thumbnail(320);
/// # let _ = (model, thumbnail);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    longest_edge: Option<u32>,
    max_bytes: Option<u64>,
    formats: Vec<ImageFormat>,
    animation: Animation,
    quality: u8,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            longest_edge: None,
            max_bytes: None,
            formats: vec![
                ImageFormat::Jpeg,
                ImageFormat::Png,
                ImageFormat::WebP,
                ImageFormat::Gif,
            ],
            animation: Animation::default(),
            quality: 85,
        }
    }
}

impl Profile {
    /// Creates a profile that every JPEG, PNG, WebP and GIF fits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates the profile of thumbnails: JPEG or PNG of a longest edge in pixels, of the first frame.
    pub fn thumbnail(longest_edge: u32) -> Self {
        Self::new()
            .with_longest_edge(longest_edge)
            .with_formats([ImageFormat::Jpeg, ImageFormat::Png])
            .with_animation(Animation::FirstFrame)
            .with_quality(80)
    }

    /// Sets the longest edge in pixels, at least 1. Defaults to no limit.
    #[must_use]
    pub fn with_longest_edge(mut self, pixels: u32) -> Self {
        self.longest_edge = Some(pixels.max(1));
        self
    }

    /// Sets the largest size in bytes. Defaults to no limit.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Sets the formats that an image may have. GIF is accepted, but never written. Defaults to JPEG, PNG,
    /// WebP and GIF.
    #[must_use]
    pub fn with_formats(mut self, formats: impl IntoIterator<Item = ImageFormat>) -> Self {
        self.formats = formats.into_iter().collect();
        self
    }

    /// Sets what becomes of an image with several frames. Defaults to [`Animation::Keep`].
    #[must_use]
    pub fn with_animation(mut self, animation: Animation) -> Self {
        self.animation = animation;
        self
    }

    /// Sets the quality of JPEG, from 1 to 100. It is lowered where the size requires it. Defaults to 85.
    #[must_use]
    pub fn with_quality(mut self, quality: u8) -> Self {
        self.quality = quality.clamp(1, 100);
        self
    }

    /// Returns the longest edge in pixels.
    pub fn longest_edge(&self) -> Option<u32> {
        self.longest_edge
    }

    /// Returns the largest size in bytes.
    pub fn max_bytes(&self) -> Option<u64> {
        self.max_bytes
    }

    /// Returns the formats that an image may have.
    pub fn formats(&self) -> &[ImageFormat] {
        &self.formats
    }

    /// Returns what becomes of an image with several frames.
    pub fn animation(&self) -> Animation {
        self.animation
    }

    /// Returns the quality of JPEG, from 1 to 100.
    pub fn quality(&self) -> u8 {
        self.quality
    }

    /// Whether an image of this size in bytes fits, apart from its metadata.
    pub fn is_met_by(&self, info: &ImageInfo, bytes: u64) -> bool {
        let is_still = !info.is_animated() || self.animation == Animation::Keep;
        is_still
            && info.orientation == Orientation::Normal
            && self.formats.contains(&info.format)
            && self.max_bytes.is_none_or(|limit| bytes <= limit)
            && self
                .longest_edge
                .is_none_or(|limit| info.longest_edge() <= limit)
    }
}
