//! What media is recognized by.

use media_storage::Sha256Hasher;
use media_types::{MediaContent, MediaSource, Sha256};
use tokio::runtime::Handle;

/// Most inline bytes that are hashed on the thread of a task: more would hold up others.
const HASHED_IN_PLACE: u64 = 1024 * 1024;

/// What media is recognized by: its bytes where they are known, so that another reference to the
/// same image is the same.
pub(crate) fn media_identity(content: &MediaContent) -> Option<String> {
    match content.source() {
        MediaSource::Inline(_) => inline_hash(content).map(|hash| format!("sha256:{hash}")),
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

/// Returns the hash of inline bytes, which are hashed once however many requests they are in.
pub(crate) fn inline_hash(content: &MediaContent) -> Option<Sha256> {
    content.inline_sha256(|bytes| Sha256Hasher::digest(bytes))
}

/// Hashes the inline bytes of some media beside the tasks of the runtime, unless they are few: each item
/// knows its hash from then on.
pub(crate) async fn hash_inline(media: &[&MediaContent]) {
    let unknown: Vec<&MediaContent> = media
        .iter()
        .copied()
        .filter(|item| item.inline().is_some() && item.known_inline_sha256().is_none())
        .collect();
    let sizes = unknown.iter().filter_map(|item| item.size());
    if sizes.sum::<u64>() <= HASHED_IN_PLACE {
        return;
    }
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    let unknown: Vec<MediaContent> = unknown.into_iter().cloned().collect();
    let hashed = runtime.spawn_blocking(move || {
        for item in &unknown {
            inline_hash(item);
        }
    });
    if hashed.await.is_err() {
        tracing::debug!("the runtime ends; media is hashed where it is needed");
    }
}
