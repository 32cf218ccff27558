//! Images from files of the user.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use media_storage::Sha256Hasher;
use media_types::{MediaContent, MediaType, Mime, Sha256, sniff};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::errors::Failure;
use crate::sizes::human;

/// The largest image that is read.
const LIMIT: u64 = 40_000_000;

/// An image that was read.
#[derive(Clone)]
pub struct Photo {
    name: String,
    mime: Mime,
    bytes: Bytes,
    sha256: Sha256,
}

impl Photo {
    /// Reads an image; its type comes from the bytes, not from the name.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or is no image.
    pub async fn read(path: &Path) -> Result<Self, Failure> {
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
            return Err(Failure::new(
                format!("{shown} is not a file"),
                "Give PNG, JPEG, GIF or WebP files",
            ));
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
            let what = format!(
                "{shown} is too large: {} of at most {}",
                human(size),
                human(LIMIT)
            );
            return Err(Failure::new(what, "Give a smaller image"));
        }
        let bytes = Bytes::from(bytes);
        let mime = sniff(&bytes).filter(|mime| mime.media_type() == MediaType::Image);
        let Some(mime) = mime else {
            return Err(Failure::new(
                format!("{shown} is no image"),
                "Give PNG, JPEG, GIF or WebP files",
            ));
        };
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned();
        Ok(Self {
            name,
            mime,
            sha256: Sha256Hasher::digest(&bytes),
            bytes,
        })
    }

    /// Reads images, and fails at the first that cannot be read.
    ///
    /// # Errors
    /// As [`Photo::read`].
    pub async fn read_all(paths: &[PathBuf]) -> Result<Vec<Self>, Failure> {
        let mut photos = Vec::with_capacity(paths.len());
        for path in paths {
            photos.push(Self::read(path).await?);
        }
        Ok(photos)
    }

    /// The image as part of a message.
    #[must_use]
    pub fn content(&self) -> MediaContent {
        MediaContent::from_bytes(self.mime.clone(), self.bytes.clone())
            .with_filename(self.name.as_str())
    }

    /// The hash of its bytes.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }
}

impl fmt::Display for Photo {
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

impl fmt::Debug for Photo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name, mime, bytes, ..
        } = self;
        f.debug_struct("Photo")
            .field("name", name)
            .field("mime", mime)
            .field("bytes", &bytes.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::painter::{OutputFormat, Size, paint};

    #[tokio::test]
    async fn bytes_decide_what_a_file_is() {
        let path = |name: &str| {
            std::env::temp_dir().join(format!("photo-{}-{name}", uuid::Uuid::new_v4()))
        };
        let (right, wrong) = (path("image.txt"), path("text.png"));
        let bytes = paint("coffee", 0, Size::new(32, 32).unwrap(), OutputFormat::Webp).unwrap();
        std::fs::write(&right, &bytes).unwrap();
        std::fs::write(&wrong, "this is no image").unwrap();
        let photo = Photo::read(&right).await.unwrap();
        assert_eq!(photo.content().mime(), &Mime::IMAGE_WEBP);
        assert_eq!(
            photo.content().inline().map(|bytes| bytes.to_vec()),
            Some(bytes)
        );
        let report = Photo::read(&wrong).await.unwrap_err().report();
        assert!(report.contains("is no image. Give PNG"), "{report}");
        for path in [right, wrong] {
            std::fs::remove_file(path).unwrap();
        }
        let report = Photo::read(Path::new("/nowhere/at/all.png"))
            .await
            .unwrap_err()
            .report();
        assert!(
            report.contains("cannot read") && report.contains("caused by: "),
            "{report}"
        );
    }
}
