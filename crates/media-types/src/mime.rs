//! Normalized MIME types, and the four media types.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{ValueError, ValueKind};

/// The four types of media in a conversation.
///
/// ```
/// use media_types::{MediaType, Mime};
/// assert_eq!(Mime::IMAGE_PNG.media_type(), MediaType::Image);
/// assert_eq!("video".parse(), Ok(MediaType::Video));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaType {
    /// Images, still or animated.
    Image,
    /// Audio.
    Audio,
    /// Video.
    Video,
    /// Everything else: PDF, office files, text and data.
    Document,
}

impl MediaType {
    /// Returns the name in JSON: `image`, `audio`, `video` or `document`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MediaType {
    type Err = ValueError;

    fn from_str(s: &str) -> Result<Self, ValueError> {
        match s {
            "image" => Ok(Self::Image),
            "audio" => Ok(Self::Audio),
            "video" => Ok(Self::Video),
            "document" => Ok(Self::Document),
            _ => Err(ValueError::new(
                ValueKind::MediaType,
                "expected image, audio, video or document",
            )),
        }
    }
}

/// A MIME type in lower case, without parameters, with common aliases resolved.
///
/// ```
/// use media_types::Mime;
/// let mime: Mime = "IMAGE/JPG; q=1".parse()?;
/// assert_eq!(mime, Mime::IMAGE_JPEG);
/// assert_eq!(mime.extension(), "jpg");
/// # Ok::<(), media_types::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mime(Cow<'static, str>);

macro_rules! mimes {
    ($($name:ident, $text:literal, $ext:literal;)*) => {
        impl Mime {
            $(#[doc = concat!("`", $text, "`")]
            pub const $name: Mime = Mime(Cow::Borrowed($text));)*
        }
        /// All types with a known extension.
        const TABLE: &[(&str, &str)] = &[$(($text, $ext)),*];
    };
}

mimes! {
    IMAGE_PNG, "image/png", "png";
    IMAGE_JPEG, "image/jpeg", "jpg";
    IMAGE_GIF, "image/gif", "gif";
    IMAGE_WEBP, "image/webp", "webp";
    IMAGE_BMP, "image/bmp", "bmp";
    IMAGE_TIFF, "image/tiff", "tiff";
    IMAGE_HEIC, "image/heic", "heic";
    IMAGE_HEIF, "image/heif", "heif";
    IMAGE_AVIF, "image/avif", "avif";
    IMAGE_SVG, "image/svg+xml", "svg";
    IMAGE_ICO, "image/vnd.microsoft.icon", "ico";
    AUDIO_MPEG, "audio/mpeg", "mp3";
    AUDIO_WAV, "audio/wav", "wav";
    AUDIO_OGG, "audio/ogg", "ogg";
    AUDIO_OPUS, "audio/opus", "opus";
    AUDIO_FLAC, "audio/flac", "flac";
    AUDIO_MP4, "audio/mp4", "m4a";
    AUDIO_AAC, "audio/aac", "aac";
    AUDIO_AIFF, "audio/aiff", "aiff";
    AUDIO_AMR, "audio/amr", "amr";
    AUDIO_WEBM, "audio/webm", "weba";
    AUDIO_PCM, "audio/pcm", "pcm";
    AUDIO_L16, "audio/l16", "l16";
    VIDEO_MP4, "video/mp4", "mp4";
    VIDEO_WEBM, "video/webm", "webm";
    VIDEO_QUICKTIME, "video/quicktime", "mov";
    VIDEO_MPEG, "video/mpeg", "mpeg";
    VIDEO_MATROSKA, "video/x-matroska", "mkv";
    VIDEO_AVI, "video/x-msvideo", "avi";
    APPLICATION_PDF, "application/pdf", "pdf";
    APPLICATION_JSON, "application/json", "json";
    APPLICATION_XML, "application/xml", "xml";
    APPLICATION_ZIP, "application/zip", "zip";
    APPLICATION_RTF, "application/rtf", "rtf";
    APPLICATION_DOC, "application/msword", "doc";
    APPLICATION_DOCX, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx";
    APPLICATION_XLS, "application/vnd.ms-excel", "xls";
    APPLICATION_XLSX, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx";
    APPLICATION_PPT, "application/vnd.ms-powerpoint", "ppt";
    APPLICATION_PPTX, "application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx";
    TEXT_PLAIN, "text/plain", "txt";
    TEXT_HTML, "text/html", "html";
    TEXT_CSV, "text/csv", "csv";
    TEXT_MARKDOWN, "text/markdown", "md";
    OCTET_STREAM, "application/octet-stream", "bin";
}

/// Common aliases.
const ALIASES: &[(&str, &str)] = &[
    ("image/jpg", "image/jpeg"),
    ("image/pjpeg", "image/jpeg"),
    ("image/x-png", "image/png"),
    ("image/x-bmp", "image/bmp"),
    ("image/x-ms-bmp", "image/bmp"),
    ("image/tif", "image/tiff"),
    ("image/svg", "image/svg+xml"),
    ("image/x-icon", "image/vnd.microsoft.icon"),
    ("audio/mp3", "audio/mpeg"),
    ("audio/x-mp3", "audio/mpeg"),
    ("audio/x-mpeg", "audio/mpeg"),
    ("audio/x-wav", "audio/wav"),
    ("audio/wave", "audio/wav"),
    ("audio/vnd.wave", "audio/wav"),
    ("audio/x-aiff", "audio/aiff"),
    ("audio/x-flac", "audio/flac"),
    ("audio/m4a", "audio/mp4"),
    ("audio/x-m4a", "audio/mp4"),
    ("audio/x-aac", "audio/aac"),
    ("audio/x-ogg", "audio/ogg"),
    ("application/ogg", "audio/ogg"),
    ("video/mov", "video/quicktime"),
    ("video/avi", "video/x-msvideo"),
    ("video/mkv", "video/x-matroska"),
    ("video/matroska", "video/x-matroska"),
    ("application/x-pdf", "application/pdf"),
    ("application/x-zip-compressed", "application/zip"),
    ("text/xml", "application/xml"),
    ("text/rtf", "application/rtf"),
    ("text/json", "application/json"),
    ("text/x-markdown", "text/markdown"),
    ("binary/octet-stream", "application/octet-stream"),
];

/// Largest size of a type, in bytes (RFC 6838 allows 127 for each half).
const MAX_LEN: usize = 255;

impl Mime {
    /// Returns the text, such as `image/png`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the media type. All types except image, audio and video are documents.
    pub fn media_type(&self) -> MediaType {
        match self.0.split('/').next() {
            Some("image") => MediaType::Image,
            Some("audio") => MediaType::Audio,
            Some("video") => MediaType::Video,
            _ => MediaType::Document,
        }
    }

    /// Returns the usual file extension without a dot, or `bin` for an unknown type.
    pub fn extension(&self) -> &'static str {
        TABLE
            .iter()
            .find(|(mime, _)| *mime == self.0)
            .map_or("bin", |(_, ext)| ext)
    }

    /// Returns the usual type of files with an extension, in any case.
    pub fn from_extension(extension: &str) -> Option<Self> {
        let lower = extension.to_ascii_lowercase();
        let wanted = match lower.as_str() {
            "jpeg" | "jpe" => "jpg",
            "tif" => "tiff",
            "htm" => "html",
            "mpg" => "mpeg",
            "oga" => "ogg",
            "aif" => "aiff",
            "markdown" => "md",
            other => other,
        };
        TABLE
            .iter()
            .find(|(_, ext)| *ext == wanted)
            .map(|(mime, _)| Self(Cow::Borrowed(mime)))
    }

    /// Whether a browser may execute code in media of this type: SVG, HTML and XML. Serve such media as an
    /// attachment.
    pub fn is_active(&self) -> bool {
        matches!(
            self.0.as_ref(),
            "image/svg+xml" | "text/html" | "application/xml" | "application/xhtml+xml"
        )
    }
}

/// Whether a byte is allowed in a `restricted-name` of RFC 6838.
fn is_restricted_name(s: &str) -> bool {
    let mut bytes = s.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
}

impl FromStr for Mime {
    type Err = ValueError;

    fn from_str(s: &str) -> Result<Self, ValueError> {
        let essence = s.split(';').next().unwrap_or_default().trim();
        if essence.len() > MAX_LEN {
            return Err(ValueError::new(
                ValueKind::Mime,
                "the type is longer than 255 bytes",
            ));
        }
        let lower = essence.to_ascii_lowercase();
        let Some((top, sub)) = lower.split_once('/') else {
            return Err(ValueError::new(ValueKind::Mime, "expected type/subtype"));
        };
        if !is_restricted_name(top) || !is_restricted_name(sub) {
            return Err(ValueError::new(
                ValueKind::Mime,
                "expected a type and a subtype of letters, digits and !#$&-^_.+",
            ));
        }
        let known = ALIASES
            .iter()
            .find(|(alias, _)| *alias == lower)
            .map(|(_, mime)| *mime)
            .or_else(|| {
                TABLE
                    .iter()
                    .find(|(mime, _)| *mime == lower)
                    .map(|(mime, _)| *mime)
            });
        Ok(Self(known.map_or(Cow::Owned(lower), Cow::Borrowed)))
    }
}

impl fmt::Display for Mime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Mime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mime({})", self.0)
    }
}

impl Serialize for Mime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Mime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_case_and_aliases_are_normalised() {
        for (given, expected) in [
            ("image/png; x=y", "image/png"),
            ("IMAGE/PNG", "image/png"),
            (" image/jpg ", "image/jpeg"),
            ("audio/mp3", "audio/mpeg"),
            ("audio/x-wav", "audio/wav"),
            ("application/x-thing", "application/x-thing"),
        ] {
            assert_eq!(given.parse::<Mime>().unwrap().as_str(), expected);
        }
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for bad in [
            "",
            "image",
            "image/",
            "/png",
            "image/png/x",
            "im age/png",
            "image/p\0g",
            "a/../b",
            "image/\u{e9}",
        ] {
            assert!(bad.parse::<Mime>().is_err(), "{bad:?}");
        }
        assert!(
            format!("image/{}", "x".repeat(250))
                .parse::<Mime>()
                .is_err()
        );
    }

    #[test]
    fn extensions_are_known_or_bin() {
        for (mime, ext) in TABLE {
            let mime: Mime = mime.parse().unwrap();
            assert_eq!(mime.extension(), *ext);
            assert_eq!(Mime::from_extension(&ext.to_uppercase()), Some(mime));
        }
        assert_eq!("x/y".parse::<Mime>().unwrap().extension(), "bin");
        assert_eq!(Mime::from_extension("JPEG"), Some(Mime::IMAGE_JPEG));
        assert_eq!(Mime::from_extension("nope"), None);
    }
}
