//! Images, documents and audio from files of the user, as parts of messages.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use media_storage::Sha256Hasher;
use media_types::{MediaContent, MediaType, Mime, Sha256, sniff};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::errors::Failure;
use crate::sizes::human;

/// The largest file that is read.
const LIMIT: u64 = 40_000_000;

/// The kind of file that an example asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An image.
    Image,
    /// A PDF document.
    Pdf,
    /// A recording: WAV or MP3.
    Audio,
}

impl Kind {
    fn holds(self, mime: &Mime) -> bool {
        match self {
            Self::Image => mime.media_type() == MediaType::Image,
            Self::Pdf => *mime == Mime::APPLICATION_PDF,
            Self::Audio => [Mime::AUDIO_WAV, Mime::AUDIO_MPEG].contains(mime),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Pdf => "PDF document",
            Self::Audio => "WAV or MP3",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Image => "Give PNG, JPEG, GIF or WebP files",
            Self::Pdf => "Give a PDF file",
            Self::Audio => "Give a WAV or MP3 file",
        }
    }
}

/// A file that goes with a message.
#[derive(Clone)]
pub struct Attachment {
    name: String,
    mime: Mime,
    bytes: Bytes,
    sha256: Sha256,
}

impl Attachment {
    /// Creates an attachment of bytes that are in memory.
    pub fn new(name: impl Into<String>, mime: Mime, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            name: name.into(),
            mime,
            sha256: Sha256Hasher::digest(&bytes),
            bytes,
        }
    }

    /// Reads a file; its type comes from the bytes, not from the name.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or is of another kind.
    pub async fn read(path: &Path, kind: Kind) -> Result<Self, Failure> {
        let shown = path.display();
        let unreadable = |error| {
            Failure::new(
                format!("cannot read {shown}"),
                "Check the path and that the file may be read",
            )
            .with_source(error)
        };
        let metadata = tokio::fs::metadata(path).await.map_err(unreadable)?;
        if !metadata.is_file() {
            let what = format!("{shown} is not a file");
            return Err(Failure::new(what, kind.advice()));
        }
        let mut bytes = Vec::new();
        // The file may be larger by now than it said.
        let file = File::open(path).await.map_err(unreadable)?;
        file.take(LIMIT + 1)
            .read_to_end(&mut bytes)
            .await
            .map_err(unreadable)?;
        let size = metadata.len().max(bytes.len() as u64);
        if size > LIMIT {
            let (size, limit) = (human(size), human(LIMIT));
            let what = format!("{shown} is too large: {size} of at most {limit}");
            return Err(Failure::new(what, "Give a smaller file"));
        }
        let Some(mime) = sniff(&bytes).filter(|mime| kind.holds(mime)) else {
            let what = format!("{shown} is no {}", kind.name());
            return Err(Failure::new(what, kind.advice()));
        };
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self::new(name.to_string_lossy(), mime, bytes))
    }

    /// Reads files, and fails at the first that cannot be read.
    ///
    /// # Errors
    /// As [`Attachment::read`].
    pub async fn read_all(paths: &[PathBuf], kind: Kind) -> Result<Vec<Self>, Failure> {
        let mut attachments = Vec::with_capacity(paths.len());
        for path in paths {
            attachments.push(Self::read(path, kind).await?);
        }
        Ok(attachments)
    }

    /// The file as part of a message.
    #[must_use]
    pub fn content(&self) -> MediaContent {
        MediaContent::from_bytes(self.mime.clone(), self.bytes.clone())
            .with_filename(self.name.as_str())
    }
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = self.sha256.to_hex();
        let start = hash.get(..16).unwrap_or(&hash);
        let size = self.bytes.len();
        write!(
            f,
            "{}: {}, {size} bytes ({}), SHA-256 {start}…",
            self.name,
            self.mime,
            human(size as u64)
        )
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name, mime, bytes, ..
        } = self;
        f.debug_struct("Attachment")
            .field("name", name)
            .field("mime", mime)
            .field("bytes", &bytes.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use painter::{OutputFormat, Size, paint};

    #[tokio::test]
    async fn bytes_decide_what_a_file_is() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        let (right, wrong) = (path("image.txt"), path("text.png"));
        let bytes = paint("coffee", 0, Size::new(32, 32).unwrap(), OutputFormat::Webp).unwrap();
        std::fs::write(&right, &bytes).unwrap();
        std::fs::write(&wrong, "this is no image").unwrap();
        let image = Attachment::read(&right, Kind::Image).await.unwrap();
        assert_eq!(image.content().mime(), &Mime::IMAGE_WEBP);
        assert_eq!(
            image.content().inline().map(|bytes| bytes.to_vec()),
            Some(bytes)
        );
        for (path, kind, says) in [
            (&wrong, Kind::Image, "is no image. Give PNG"),
            (&right, Kind::Pdf, "is no PDF document. Give a PDF"),
            (&right, Kind::Audio, "is no WAV or MP3. Give a WAV"),
        ] {
            let error = Attachment::read(path, kind).await.unwrap_err();
            assert!(error.report().contains(says), "{}", error.report());
        }
        let missing = Attachment::read(&path("none.png"), Kind::Image).await;
        let report = missing.unwrap_err().report();
        assert!(
            report.contains("cannot read") && report.contains("caused by: "),
            "{report}"
        );
    }

    #[tokio::test]
    async fn samples_are_what_they_are_said_to_be() {
        let place = tempfile::tempdir().unwrap();
        for (sample, kind) in [
            (samples::timetable(), Kind::Pdf),
            (samples::three_notes(), Kind::Audio),
            (samples::chart(), Kind::Image),
        ] {
            let path = place.path().join("file");
            std::fs::write(&path, &sample.bytes).unwrap();
            let read = Attachment::read(&path, kind).await.unwrap();
            assert_eq!(
                (read.mime, read.sha256),
                (sample.mime.clone(), sample.sha256)
            );
        }
    }
}
