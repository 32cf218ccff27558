//! What media is recognized by.

use media_storage::Sha256Hasher;
use media_types::{MediaContent, MediaSource};

/// What media is recognized by: its bytes where they are known, so that another reference to the
/// same image is the same.
pub(crate) fn media_identity(content: &MediaContent) -> Option<String> {
    match content.source() {
        MediaSource::Inline(bytes) => Some(format!("sha256:{}", Sha256Hasher::digest(bytes))),
        MediaSource::Stored(reference) => Some(match reference.sha256() {
            Some(hash) => format!("sha256:{hash}"),
            None => {
                let store = reference.store_name().unwrap_or_default();
                format!("{}:{store}:{}", reference.backend(), reference.id())
            }
        }),
        MediaSource::Url(url) => Some(format!("url:{}", url.as_str())),
        MediaSource::ProviderFile(file) => Some(format!("file:{}", file.id())),
        _ => None,
    }
}
