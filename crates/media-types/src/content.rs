//! Media content: a type, a source and attributes.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::base64;
use crate::detail::Detail;
use crate::error::{ContentError, ValueError, ValueKind};
use crate::known_hash::KnownHash;
use crate::mime::{MediaType, Mime};
use crate::reference::StorageReference;
use crate::reserved::RESERVED;
use crate::sha256::Sha256;
use crate::source::MediaSource;
use crate::url::MediaUrl;

/// A media item of a message: its type, the source of its bytes, and attributes.
///
/// Attributes, including those that this crate does not know, survive a change of source and a round
/// trip through JSON. `Debug` prints sizes, never bytes.
///
/// ```
/// use media_types::{MediaContent, Mime};
/// let photo = MediaContent::from_bytes(Mime::IMAGE_JPEG, vec![0xff, 0xd8, 0xff])
///     .with_caption("the old harbor")
///     .with_width(640);
/// assert_eq!(photo.size(), Some(3));
/// assert_eq!(photo.caption(), Some("the old harbor"));
/// ```
#[derive(Clone, PartialEq)]
pub struct MediaContent {
    media_type: MediaType,
    mime: Mime,
    source: MediaSource,
    attributes: Map<String, Value>,
    /// Of inline bytes only.
    hash: Option<KnownHash>,
}

impl MediaContent {
    /// Creates content from a type and a source.
    pub fn new(mime: Mime, source: MediaSource) -> Self {
        Self {
            media_type: mime.media_type(),
            mime,
            hash: KnownHash::of(&source),
            source,
            attributes: Map::new(),
        }
    }

    /// Creates content from bytes.
    pub fn from_bytes(mime: Mime, bytes: impl Into<Bytes>) -> Self {
        Self::new(mime, MediaSource::Inline(bytes.into()))
    }

    /// Creates content from base64 text or a `data:` URI. The type of a `data:` URI is ignored in favor of
    /// `mime`.
    ///
    /// # Errors
    /// Fails for invalid base64, with the offset.
    pub fn from_base64(mime: Mime, text: &str) -> Result<Self, ContentError> {
        let (offset, payload) = match base64::split_data_uri(text) {
            Some(split) => {
                let (_, payload) = split?;
                (text.len() - payload.len(), payload)
            }
            None => (0, text),
        };
        let bytes =
            base64::decode(payload.as_bytes()).map_err(|error| error.shifted(offset as u64))?;
        Ok(Self::from_bytes(mime, bytes))
    }

    /// Creates content from a `data:` URI (RFC 2397) with base64, of the type that the URI names, else
    /// of the type that the bytes show, else `application/octet-stream`.
    ///
    /// # Errors
    /// Returns [`ContentError`] for text that is not a `data:` URI with base64, that names an invalid
    /// type, or that does not decode, with the offset in `uri`.
    ///
    /// ```
    /// use media_types::{MediaContent, Mime};
    /// let content = MediaContent::from_data_uri("data:image/png;base64,iVBORw0KGgo=")?;
    /// assert_eq!(content.mime(), &Mime::IMAGE_PNG);
    /// assert_eq!(content.size(), Some(8));
    /// # Ok::<(), media_types::ContentError>(())
    /// ```
    pub fn from_data_uri(uri: &str) -> Result<Self, ContentError> {
        let Some(split) = base64::split_data_uri(uri) else {
            return Err(ValueError::new(ValueKind::Content, "not a data: URI").into());
        };
        let (mime, payload) = split?;
        let offset = (uri.len() - payload.len()) as u64;
        let bytes = base64::decode(payload.as_bytes()).map_err(|error| error.shifted(offset))?;
        let mime = mime
            .or_else(|| crate::sniff::sniff(&bytes))
            .unwrap_or(Mime::OCTET_STREAM);
        Ok(Self::from_bytes(mime, bytes))
    }

    /// Creates content from a file of the host.
    pub fn from_path(mime: Mime, path: impl AsRef<Path>) -> Self {
        Self::new(mime, MediaSource::File(path.as_ref().to_owned()))
    }

    /// Creates content from a URL.
    pub fn from_url(mime: Mime, url: MediaUrl) -> Self {
        Self::new(mime, MediaSource::Url(url))
    }

    /// Creates content from a reference.
    pub fn from_reference(mime: Mime, reference: StorageReference) -> Self {
        Self::new(mime, MediaSource::Stored(reference))
    }

    /// Returns the MIME type.
    pub fn mime(&self) -> &Mime {
        &self.mime
    }

    /// Returns the media type: image, audio, video or document.
    pub fn media_type(&self) -> MediaType {
        self.media_type
    }

    /// Returns the source of the bytes.
    pub fn source(&self) -> &MediaSource {
        &self.source
    }

    /// Returns the reference, if the bytes are in a store.
    pub fn reference(&self) -> Option<&StorageReference> {
        match &self.source {
            MediaSource::Stored(reference) => Some(reference),
            _ => None,
        }
    }

    /// Returns the bytes, if they are inline.
    pub fn inline(&self) -> Option<&Bytes> {
        match &self.source {
            MediaSource::Inline(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns the SHA-256 of inline bytes; `None` for any other source.
    ///
    /// `hash` computes it from the bytes the first time: it has to be the hash of all of them, for it is
    /// kept with this content and its clones, and not computed again.
    pub fn inline_sha256(&self, hash: impl FnOnce(&Bytes) -> Sha256) -> Option<Sha256> {
        let bytes = self.inline()?;
        let known = self.hash.as_ref()?;
        Some(known.get_or_init(|| hash(bytes)))
    }

    /// Returns the SHA-256 of inline bytes, if it was computed by [`inline_sha256`](Self::inline_sha256).
    pub fn known_inline_sha256(&self) -> Option<Sha256> {
        self.hash.as_ref()?.get()
    }

    /// Returns the size of the media in bytes, if it is known without I/O.
    pub fn size(&self) -> Option<u64> {
        match &self.source {
            MediaSource::Inline(bytes) => Some(bytes.len() as u64),
            MediaSource::Stored(reference) => reference.size(),
            _ => None,
        }
    }

    /// Replaces the source. All attributes stay.
    #[must_use]
    pub fn with_source(mut self, source: MediaSource) -> Self {
        self.hash = KnownHash::of(&source);
        self.source = source;
        self
    }

    /// Sets the media type, if it does not follow from the MIME type.
    #[must_use]
    pub fn with_media_type(mut self, media_type: MediaType) -> Self {
        self.media_type = media_type;
        self
    }

    /// Returns the level of detail for models.
    pub fn detail(&self) -> Option<Detail> {
        self.text("detail").and_then(|word| word.parse().ok())
    }

    /// Sets the level of detail for models.
    #[must_use]
    pub fn with_detail(self, detail: Detail) -> Self {
        self.with_attribute("detail", detail.as_str())
    }

    /// Returns the caption.
    pub fn caption(&self) -> Option<&str> {
        self.text("caption")
    }

    /// Sets the caption.
    #[must_use]
    pub fn with_caption(self, caption: impl Into<String>) -> Self {
        self.with_attribute("caption", caption.into())
    }

    /// Returns the original file name. It is data, never a path.
    pub fn filename(&self) -> Option<&str> {
        self.text("filename")
    }

    /// Sets the original file name.
    #[must_use]
    pub fn with_filename(self, name: impl Into<String>) -> Self {
        self.with_attribute("filename", name.into())
    }

    /// Returns the transcript.
    pub fn transcript(&self) -> Option<&str> {
        self.text("transcript")
    }

    /// Sets the transcript.
    #[must_use]
    pub fn with_transcript(self, transcript: impl Into<String>) -> Self {
        self.with_attribute("transcript", transcript.into())
    }

    /// Returns the width in pixels.
    pub fn width(&self) -> Option<u32> {
        self.number("width")
    }

    /// Sets the width in pixels.
    #[must_use]
    pub fn with_width(self, pixels: u32) -> Self {
        self.with_attribute("width", pixels)
    }

    /// Returns the height in pixels.
    pub fn height(&self) -> Option<u32> {
        self.number("height")
    }

    /// Sets the height in pixels.
    #[must_use]
    pub fn with_height(self, pixels: u32) -> Self {
        self.with_attribute("height", pixels)
    }

    /// Returns the playing time.
    pub fn duration(&self) -> Option<Duration> {
        self.attributes
            .get("duration")
            .and_then(Value::as_f64)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    /// Sets the playing time, which is written in seconds.
    #[must_use]
    pub fn with_duration(self, duration: Duration) -> Self {
        if duration.subsec_nanos() == 0 {
            self.with_attribute("duration", duration.as_secs())
        } else {
            self.with_attribute("duration", duration.as_secs_f64())
        }
    }

    /// Returns an attribute by its name in JSON, such as `fps` or `format`.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.get(name)
    }

    /// Sets an attribute by its name in JSON.
    ///
    /// The fields for type and source (`type`, `mime_type`, `data`, `storage_reference`, `file_path`,
    /// `url`, `provider_file`) are not attributes; setting them has no effect.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        if !RESERVED.contains(&name.as_str()) {
            self.attributes.insert(name, value.into());
        }
        self
    }

    /// Returns all attributes.
    pub fn attributes(&self) -> &Map<String, Value> {
        &self.attributes
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.attributes
            .get(name)
            .and_then(Value::as_u64)
            .and_then(|n| n.try_into().ok())
    }
}

impl fmt::Debug for MediaContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaContent")
            .field("mime", &self.mime)
            .field("source", &self.source)
            .field("attributes", &self.attributes.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_and_data_uris_become_inline_bytes() {
        for text in [
            "aGVsbG8=",
            "aGVsbG8",
            "aGVs\r\nbG8=",
            "data:image/png;base64,aGVsbG8=",
        ] {
            let content = MediaContent::from_base64(Mime::IMAGE_PNG, text).unwrap();
            assert_eq!(content.inline().unwrap(), "hello");
            assert_eq!(content.size(), Some(5));
        }
        let error = MediaContent::from_base64(Mime::IMAGE_PNG, "data:;base64,aG*").unwrap_err();
        assert!(
            matches!(&error, ContentError::Base64(e) if e.offset() == 15),
            "{error:?}"
        );
        let empty = MediaContent::from_base64(Mime::IMAGE_PNG, "").unwrap();
        assert_eq!(empty.size(), Some(0));
    }

    #[test]
    fn a_data_uri_brings_its_type() {
        let of = |uri: &str| MediaContent::from_data_uri(uri).map(|content| content.mime().clone());
        assert_eq!(of("data:audio/WAV;x=1;BASE64,AAAA"), Ok(Mime::AUDIO_WAV));
        assert_eq!(of("data:;base64,iVBORw0KGgo="), Ok(Mime::IMAGE_PNG));
        assert_eq!(of("data:;base64,AAAA"), Ok(Mime::OCTET_STREAM));
        for bad in ["AAAA", "data:image/png,AAAA", "data:x;base64,AAAA"] {
            assert!(matches!(of(bad), Err(ContentError::Value(_))), "{bad}");
        }
        let cut = of("data:image/png;base64,AAAA****").unwrap_err();
        assert!(matches!(cut, ContentError::Base64(error) if error.offset() == 26));
    }

    #[test]
    fn attributes_survive_a_change_of_source() {
        let reference = StorageReference::builder("file", "a").build().unwrap();
        let content = MediaContent::from_bytes(Mime::VIDEO_MP4, vec![1])
            .with_detail(Detail::High)
            .with_caption("c")
            .with_filename("f.mp4")
            .with_transcript("t")
            .with_width(3)
            .with_height(4)
            .with_duration(Duration::from_millis(1500))
            .with_attribute("fps", 25)
            .with_attribute("url", "https://elsewhere.example")
            .with_source(MediaSource::Stored(reference));
        assert_eq!(content.detail(), Some(Detail::High));
        assert_eq!(content.caption(), Some("c"));
        assert_eq!(content.filename(), Some("f.mp4"));
        assert_eq!(content.transcript(), Some("t"));
        assert_eq!((content.width(), content.height()), (Some(3), Some(4)));
        assert_eq!(content.duration(), Some(Duration::from_millis(1500)));
        assert_eq!(content.attribute("fps"), Some(&Value::from(25)));
        assert_eq!(content.attribute("url"), None);
    }

    #[test]
    fn debug_prints_sizes_only() {
        let content = MediaContent::from_bytes(Mime::TEXT_PLAIN, "secret bytes")
            .with_caption("private words");
        let shown = format!("{content:?}");
        assert!(shown.contains("12 bytes"));
        assert!(!shown.contains("secret") && !shown.contains("private"));
    }
}
