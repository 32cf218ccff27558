//! What the content of a message is recognized by when it comes again.

use conversation_types::Part;
use futures_util::StreamExt;
use media_loader::MediaLoader;
use media_storage::Sha256Hasher;
use media_types::{MediaContent, MediaSource, Sha256};

use crate::error::ExternalizeError;

/// From how many bytes on inline media is hashed beside the tasks of the runtime.
const LARGE: usize = 256 << 10;

/// Returns the fingerprint of the content of a message, and of a text that goes with it, such as its
/// options. Of media inline and in files it takes the bytes, of stored media their hash where the
/// reference has it, and of other media its name.
///
/// # Errors
/// `Unreadable`, `Storage`: a file cannot be read, or the loader refuses it.
pub async fn fingerprint(
    parts: &[Part],
    beside: &str,
    loader: &MediaLoader,
) -> Result<String, ExternalizeError> {
    let mut hash = Fields(Sha256Hasher::new());
    for part in parts {
        match part {
            Part::Text(text) => hash.add("text", text.text.as_bytes()),
            Part::Media(media) => {
                hash.add("mime", media.mime().as_str().as_bytes());
                add_media(&mut hash, media, loader).await?;
            }
            other => hash.add("part", &serde_json::to_vec(other).unwrap_or_default()),
        }
    }
    hash.add("options", beside.as_bytes());
    Ok(hash.0.finish().to_hex())
}

struct Fields(Sha256Hasher);

impl Fields {
    fn add(&mut self, kind: &str, bytes: &[u8]) {
        self.0.update(kind.as_bytes());
        self.0.update(&[0]);
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
}

async fn add_media(
    hash: &mut Fields,
    media: &MediaContent,
    loader: &MediaLoader,
) -> Result<(), ExternalizeError> {
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
        MediaSource::File(_) => hash.add("bytes", of_file(media, loader).await?.as_bytes()),
        MediaSource::Stored(reference) => match reference.sha256() {
            Some(digest) => hash.add("bytes", digest.as_bytes()),
            None => hash.add("reference", reference.id().as_bytes()),
        },
        MediaSource::Url(url) => hash.add("url", url.as_str().as_bytes()),
        MediaSource::ProviderFile(file) => hash.add("file_id", file.id().as_bytes()),
        _ => {}
    }
    Ok(())
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
