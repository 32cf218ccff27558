//! What the content of a message is recognized by when it comes again.

use conversation_types::Part;
use futures_util::StreamExt;
use media_loader::MediaLoader;
use media_storage::Sha256Hasher;
use media_types::{MediaContent, MediaSource, Sha256};

use crate::error::ExternalizeError;

/// From how many bytes on inline media is hashed beside the tasks of the runtime.
const LARGE: usize = 256 << 10;

/// What the content of a message, and a text that goes with it, such as its options, is recognized by. Of media
/// inline and in files it takes the bytes, of stored media their hash where the reference has it, and of other media
/// its name. Files that cannot be read are recognized by their path.
#[derive(Debug)]
pub struct Fingerprint {
    /// `None` where a file could not be read.
    by_bytes: Option<String>,
    by_path: String,
}

impl Fingerprint {
    /// Reads what there is to read, and returns the fingerprint.
    pub async fn of(parts: &[Part], beside: &str, loader: &MediaLoader) -> Self {
        let mut hash = Fields {
            by_bytes: Some(Sha256Hasher::new()),
            by_path: Sha256Hasher::new(),
        };
        for part in parts {
            match part {
                Part::Text(text) => hash.add("text", text.text.as_bytes()),
                Part::Media(media) => {
                    hash.add("mime", media.mime().as_str().as_bytes());
                    add_media(&mut hash, media, loader).await;
                }
                other => hash.add("part", &serde_json::to_vec(other).unwrap_or_default()),
            }
        }
        hash.add("options", beside.as_bytes());
        Self {
            by_bytes: hash.by_bytes.map(|hash| hash.finish().to_hex()),
            by_path: hash.by_path.finish().to_hex(),
        }
    }

    /// Returns the text to keep, for [`matches`](Self::matches).
    pub fn to_text(&self) -> String {
        match &self.by_bytes {
            Some(bytes) if *bytes != self.by_path => format!("{bytes}/{}", self.by_path),
            _ => self.by_path.clone(),
        }
    }

    /// Returns whether this is the fingerprint that a text was kept of; `None` where that cannot be known, since a
    /// file cannot be read any more. Files that can be read are compared by their bytes with texts that have them,
    /// and by their path with others.
    pub fn matches(&self, kept: &str) -> Option<bool> {
        let Some(own) = &self.by_bytes else {
            let path = kept.split_once('/').map_or(kept, |(_, path)| path);
            return (self.by_path == path).then_some(true);
        };
        Some(match kept.split_once('/') {
            Some((bytes, _)) => own == bytes,
            None => self.by_path == kept || own == kept,
        })
    }
}

/// The hash of fields, with files by their bytes and by their path.
struct Fields {
    by_bytes: Option<Sha256Hasher>,
    by_path: Sha256Hasher,
}

impl Fields {
    fn add(&mut self, kind: &str, bytes: &[u8]) {
        for hash in self.by_bytes.iter_mut().chain([&mut self.by_path]) {
            add(hash, kind, bytes);
        }
    }
}

fn add(hash: &mut Sha256Hasher, kind: &str, bytes: &[u8]) {
    hash.update(kind.as_bytes());
    hash.update(&[0]);
    hash.update(&(bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

async fn add_media(hash: &mut Fields, media: &MediaContent, loader: &MediaLoader) {
    match media.source() {
        MediaSource::Inline(bytes) if bytes.len() < LARGE => {
            hash.add("bytes", Sha256Hasher::digest(bytes).as_bytes());
        }
        MediaSource::Inline(bytes) => {
            let moved = bytes.clone();
            let hashing = tokio::task::spawn_blocking(move || Sha256Hasher::digest(&moved));
            // A runtime that shuts down runs nothing beside its tasks any more.
            let digest = hashing
                .await
                .unwrap_or_else(|_| Sha256Hasher::digest(bytes));
            hash.add("bytes", digest.as_bytes());
        }
        MediaSource::File(path) => {
            let path = path.as_os_str().as_encoded_bytes();
            add(&mut hash.by_path, "file", path);
            let Some(hasher) = &mut hash.by_bytes else {
                return;
            };
            match of_file(media, loader).await {
                Ok(digest) => add(hasher, "bytes", digest.as_bytes()),
                // Whoever stores the file finds out why, unless its message is known.
                Err(_) => hash.by_bytes = None,
            }
        }
        MediaSource::Stored(reference) => match reference.sha256() {
            Some(digest) => hash.add("bytes", digest.as_bytes()),
            None => hash.add("reference", reference.id().as_bytes()),
        },
        MediaSource::Url(url) => hash.add("url", url.as_str().as_bytes()),
        MediaSource::ProviderFile(file) => hash.add("file_id", file.id().as_bytes()),
        _ => {}
    }
}

/// Reads a file piece by piece.
async fn of_file(media: &MediaContent, loader: &MediaLoader) -> Result<Sha256, ExternalizeError> {
    let opened = loader.open(media).await;
    let mut body = opened
        .map_err(ExternalizeError::unreadable)?
        .body
        .into_stream();
    let mut hash = Sha256Hasher::new();
    while let Some(piece) = body.next().await {
        hash.update(&piece.map_err(ExternalizeError::storage)?);
    }
    Ok(hash.finish())
}

#[cfg(test)]
mod tests {
    use media_loader::FileAccess;
    use media_types::Mime;

    use super::*;

    async fn print_of(directory: &tempfile::TempDir, media: MediaContent) -> Fingerprint {
        let access = FileAccess::Under(directory.path().to_owned());
        let loader = MediaLoader::builder().with_file_access(access).build();
        Fingerprint::of(&["look".into(), media.into()], "{}", &loader).await
    }

    #[tokio::test]
    async fn files_are_recognized_by_bytes_and_where_they_are_gone_by_path() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            std::fs::write(directory.path().join(name), bytes).unwrap();
            print_of(&directory, MediaContent::from_path(Mime::IMAGE_PNG, name))
        };
        let first = file("a", b"1").await;
        let kept = first.to_text();
        assert_eq!(file("b", b"1").await.matches(&kept), Some(true));
        let inline = MediaContent::from_bytes(Mime::IMAGE_PNG, &b"1"[..]);
        let inline = print_of(&directory, inline).await;
        assert_eq!(inline.matches(&kept), Some(true));
        assert_eq!(first.matches(&inline.to_text()), Some(true));
        let changed = file("a", b"2").await;
        assert_eq!(changed.matches(&kept), Some(false));
        std::fs::remove_file(directory.path().join("a")).unwrap();
        let gone = |name| print_of(&directory, MediaContent::from_path(Mime::IMAGE_PNG, name));
        assert_eq!(gone("a").await.matches(&kept), Some(true));
        assert_eq!(gone("c").await.matches(&kept), None);
        // What was kept before bytes were read.
        let by_path = gone("a").await.to_text();
        assert_eq!(first.matches(&by_path), Some(true));
        assert_eq!(gone("a").await.matches(&by_path), Some(true));
        assert_eq!(gone("c").await.matches(&by_path), None);
        assert_eq!(file("c", b"1").await.matches(&by_path), Some(false));
    }

    #[tokio::test]
    async fn what_has_no_files_is_kept_as_one_hash() {
        let directory = tempfile::tempdir().unwrap();
        let media = MediaContent::from_bytes(Mime::IMAGE_PNG, &b"1"[..]);
        let print = print_of(&directory, media).await;
        assert_eq!(print.to_text().len(), 64);
        assert_eq!(print.matches(&print.to_text()), Some(true));
    }
}
