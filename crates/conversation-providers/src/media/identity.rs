//! What media is recognized by.

use media_storage::Sha256Hasher;
use media_types::{MediaContent, MediaSource};

/// Bytes at each end of inline media that tell it from other media.
const SAMPLE: usize = 4096;

/// What media is recognized by: its bytes where they are known, so that another reference to the
/// same image is the same.
pub(crate) fn media_identity(content: &MediaContent) -> Option<String> {
    match content.source() {
        MediaSource::Inline(bytes) => Some(format!("sha256:{}", Sha256Hasher::digest(bytes))),
        MediaSource::Stored(reference) => Some(match reference.sha256() {
            Some(hash) => format!("sha256:{hash}"),
            None => format!("{}:{}", reference.backend(), reference.id()),
        }),
        MediaSource::Url(url) => Some(format!("url:{}", url.as_str())),
        MediaSource::ProviderFile(file) => Some(format!("file:{}", file.id())),
        _ => None,
    }
}

/// A number that tells an item of a conversation from its neighbors. It costs the same for inline
/// media of any size.
pub(crate) fn position_hash(content: &MediaContent) -> u64 {
    let mut hasher = Sha256Hasher::new();
    match content.source() {
        MediaSource::Inline(bytes) => {
            hasher.update(&(bytes.len() as u64).to_be_bytes());
            hasher.update(bytes.get(..SAMPLE).unwrap_or(bytes));
            let tail = bytes.len().saturating_sub(SAMPLE);
            hasher.update(bytes.get(tail..).unwrap_or_default());
        }
        _ => hasher.update(media_identity(content).unwrap_or_default().as_bytes()),
    }
    let digest = hasher.finish();
    let start = digest.as_bytes().first_chunk::<8>();
    start.map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
