//! The limits for one type of media.

use std::num::NonZeroU64;

use media_types::Mime;
use serde::{Deserialize, Deserializer, de};

const BYTES_PER_MB: f64 = 1024.0 * 1024.0;

/// Limits for one type of media; what is `None` is not limited.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MediaLimits {
    /// The largest size of one item in MiB of 1,048,576 decoded bytes.
    #[serde(deserialize_with = "read_size")]
    pub max_size_mb: Option<f64>,
    /// The formats that are taken: `jpeg`, `jpg`, `.jpg` and `image/jpeg` are the same.
    pub allowed_formats: Option<Vec<String>>,
    /// The detail in which an image is shown to the model unless the message says otherwise.
    pub default_detail: Option<String>,
    /// Whether every item needs a caption.
    pub require_caption: bool,
    /// Whether every item needs a title or a description; a caption counts.
    pub require_metadata: bool,
    /// The largest number of items of the type in one message. Packs name the type in it, as in
    /// `max_images_per_msg`.
    #[serde(
        alias = "max_images_per_msg",
        alias = "max_images_per_message",
        alias = "max_audio_per_msg",
        alias = "max_audio_per_message",
        alias = "max_videos_per_msg",
        alias = "max_videos_per_message",
        alias = "max_documents_per_msg",
        alias = "max_documents_per_message",
        alias = "max_per_msg"
    )]
    pub max_per_message: Option<NonZeroU64>,
    /// The longest duration of one item in seconds.
    pub max_duration_sec: Option<NonZeroU64>,
    /// The largest number of pages of one document.
    pub max_pages: Option<NonZeroU64>,
}

impl MediaLimits {
    /// Returns the largest size of one item in decoded bytes.
    #[must_use]
    pub fn max_bytes(&self) -> Option<u64> {
        // The cast saturates, so a limit beyond every size stays one.
        self.max_size_mb.map(|size| (size * BYTES_PER_MB) as u64)
    }

    /// Whether media of this MIME type has one of the formats that are taken.
    #[must_use]
    pub fn allows(&self, mime: &Mime) -> bool {
        let formats = self.allowed_formats.as_ref();
        formats.is_none_or(|formats| formats.iter().any(|format| is_format(mime, format)))
    }
}

fn read_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    match Option::deserialize(deserializer)? {
        Some(size) if size <= 0.0 => Err(de::Error::custom("expected a size of more than 0")),
        size => Ok(size),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_in_all_their_spellings() {
        let limits = |format: &str| MediaLimits {
            allowed_formats: Some(vec![format.to_owned()]),
            ..MediaLimits::default()
        };
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
