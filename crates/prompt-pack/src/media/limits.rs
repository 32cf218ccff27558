//! The limits for one type of media.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use media_types::Mime;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

const BYTES_PER_MB: f64 = 1024.0 * 1024.0;

/// Limits for one type of media; what is not set is not limited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaLimits {
    max_bytes: Option<u64>,
    formats: Option<Vec<String>>,
    default_detail: Option<String>,
    requires_caption: bool,
    requires_metadata: bool,
    max_per_message: Option<NonZeroU64>,
    max_duration: Option<NonZeroU64>,
    max_pages: Option<NonZeroU64>,
}

impl MediaLimits {
    /// Creates limits of which none is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the largest decoded size of one item in bytes.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Sets the formats that are taken: subtypes, extensions or MIME types.
    #[must_use]
    pub fn with_formats<S: Into<String>>(mut self, formats: impl IntoIterator<Item = S>) -> Self {
        self.formats = Some(formats.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the largest number of items in one message; 0 counts as no limit.
    #[must_use]
    pub fn with_max_per_message(mut self, items: u64) -> Self {
        self.max_per_message = NonZeroU64::new(items);
        self
    }

    /// Returns the largest decoded size of one item in bytes. A pack writes it as `max_size_mb`,
    /// of 1,048,576 bytes each.
    #[must_use]
    pub fn max_bytes(&self) -> Option<u64> {
        self.max_bytes
    }

    /// Returns the formats that are taken, as the pack writes them: `jpeg`, `jpg`, `.jpg` and
    /// `image/jpeg` are the same.
    #[must_use]
    pub fn allowed_formats(&self) -> Option<&[String]> {
        self.formats.as_deref()
    }

    /// Whether media of this MIME type has one of the formats that are taken.
    #[must_use]
    pub fn allows(&self, mime: &Mime) -> bool {
        let is_listed =
            |formats: &Vec<String>| formats.iter().any(|format| is_format(mime, format));
        self.formats.as_ref().is_none_or(is_listed)
    }

    /// Returns the detail in which an image is shown to the model unless the message says
    /// otherwise.
    #[must_use]
    pub fn default_detail(&self) -> Option<&str> {
        self.default_detail.as_deref()
    }

    /// Whether every item needs a caption.
    #[must_use]
    pub fn requires_caption(&self) -> bool {
        self.requires_caption
    }

    /// Whether every item needs a title or a description; a caption counts.
    #[must_use]
    pub fn requires_metadata(&self) -> bool {
        self.requires_metadata
    }

    /// Returns the largest number of items of the type in one message, from `max_images_per_msg`
    /// or any other `max_..._per_msg`.
    #[must_use]
    pub fn max_per_message(&self) -> Option<u64> {
        self.max_per_message.map(NonZeroU64::get)
    }

    /// Returns the longest duration of one item.
    #[must_use]
    pub fn max_duration(&self) -> Option<Duration> {
        self.max_duration
            .map(|seconds| Duration::from_secs(seconds.get()))
    }

    /// Returns the largest number of pages of one document.
    #[must_use]
    pub fn max_pages(&self) -> Option<u64> {
        self.max_pages.map(NonZeroU64::get)
    }
}

/// Whether `format` is the subtype (`jpeg`), an extension with or without its dot, or the whole of
/// a MIME type.
fn is_format(mime: &Mime, format: &str) -> bool {
    let format = format.trim().trim_start_matches('.').to_ascii_lowercase();
    let (top, sub) = mime.as_str().split_once('/').unwrap_or_default();
    let is_mime = |text: &str| text.parse::<Mime>().is_ok_and(|other| other == *mime);
    if format.contains('/') {
        return is_mime(&format);
    }
    sub == format
        || is_mime(&format!("{top}/{format}"))
        || Mime::from_extension(&format).as_ref() == Some(mime)
}

impl<'de> Deserialize<'de> for MediaLimits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LimitsVisitor)
    }
}

/// By hand, because the limit of items has another name for each type of media.
struct LimitsVisitor;

impl<'de> Visitor<'de> for LimitsVisitor {
    type Value = MediaLimits;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MediaLimits, A::Error> {
        let mut limits = MediaLimits::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "max_size_mb" => {
                    limits.max_bytes = map.next_value::<Option<Megabytes>>()?.map(|size| size.0);
                }
                "allowed_formats" => limits.formats = map.next_value()?,
                "default_detail" => limits.default_detail = map.next_value()?,
                "require_caption" => {
                    limits.requires_caption = map.next_value::<Option<_>>()?.unwrap_or_default();
                }
                "require_metadata" => {
                    limits.requires_metadata = map.next_value::<Option<_>>()?.unwrap_or_default();
                }
                "max_duration_sec" => limits.max_duration = map.next_value()?,
                "max_pages" => limits.max_pages = map.next_value()?,
                key if is_item_limit(key) => {
                    limits.max_per_message = map.next_value()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(limits)
    }
}

fn is_item_limit(key: &str) -> bool {
    key.starts_with("max_") && (key.ends_with("_per_msg") || key.ends_with("_per_message"))
}

/// A size in bytes that a pack writes in megabytes.
struct Megabytes(u64);

impl<'de> Deserialize<'de> for Megabytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let megabytes = f64::deserialize(deserializer)?;
        if megabytes > 0.0 {
            // The cast saturates, so a limit beyond every size stays one.
            return Ok(Self((megabytes * BYTES_PER_MB) as u64));
        }
        Err(D::Error::custom("expected a size of more than 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_in_all_their_spellings() {
        let limits = |format: &str| MediaLimits::new().with_formats([format]);
        for (format, mime) in [
            ("jpeg", Mime::IMAGE_JPEG),
            ("jpg", Mime::IMAGE_JPEG),
            (".JPG", Mime::IMAGE_JPEG),
            ("image/jpg", Mime::IMAGE_JPEG),
            ("svg", Mime::IMAGE_SVG),
            ("tif", Mime::IMAGE_TIFF),
            ("mp3", Mime::AUDIO_MPEG),
            ("mpeg", Mime::AUDIO_MPEG),
            ("m4a", Mime::AUDIO_MP4),
            ("mp4", Mime::VIDEO_MP4),
            ("mov", Mime::VIDEO_QUICKTIME),
            ("pdf", Mime::APPLICATION_PDF),
            ("docx", Mime::APPLICATION_DOCX),
            ("txt", Mime::TEXT_PLAIN),
        ] {
            assert!(limits(format).allows(&mime), "{format}");
        }
        for (format, mime) in [
            ("png", Mime::IMAGE_JPEG),
            ("mp4", Mime::VIDEO_WEBM),
            ("image/png", Mime::IMAGE_JPEG),
            ("", Mime::IMAGE_PNG),
        ] {
            assert!(!limits(format).allows(&mime), "{format}");
        }
        assert!(!limits("bin").allows(&"application/x-own".parse().unwrap()));
    }
}
