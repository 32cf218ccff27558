//! What is remembered of refusals.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use media_storage::Sha256Hasher;
use media_types::{MediaContent, MediaSource};

/// Most media items that are remembered; beyond, some are forgotten and may be refused once more.
const MAX_MEDIA: usize = 4096;

/// Parameters and media that the provider has refused. Shared by clones, gone with the process.
#[derive(Clone, Debug, Default)]
pub(super) struct RejectionCache(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    parameters: BTreeSet<String>,
    media: BTreeSet<String>,
}

impl RejectionCache {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Both sets are consistent between any two calls.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn parameters(&self) -> Vec<String> {
        self.inner().parameters.iter().cloned().collect()
    }

    pub(super) fn add_parameter(&self, name: &str) {
        self.inner().parameters.insert(name.to_owned());
    }

    pub(super) fn has_media(&self, content: &MediaContent) -> bool {
        if self.inner().media.is_empty() {
            return false;
        }
        identity(content).is_some_and(|identity| self.inner().media.contains(&identity))
    }

    pub(super) fn add_media(&self, content: &MediaContent) {
        if let Some(identity) = identity(content) {
            let mut inner = self.inner();
            if inner.media.len() >= MAX_MEDIA {
                inner.media.pop_first();
            }
            inner.media.insert(identity);
        }
    }
}

/// What media is recognized by: its bytes where they are known, so that another reference to the
/// same image is the same.
fn identity(content: &MediaContent) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use media_types::{Mime, StorageReference};

    #[test]
    fn the_same_bytes_are_recognized_wherever_they_are() {
        let rejections = RejectionCache::default();
        let inline = MediaContent::from_bytes(Mime::IMAGE_PNG, "abc");
        let reference = StorageReference::builder("file", "s/c/x.png")
            .with_sha256(Sha256Hasher::digest(b"abc"))
            .build()
            .unwrap();
        assert!(!rejections.has_media(&inline));
        rejections.add_media(&MediaContent::from_reference(Mime::IMAGE_PNG, reference));
        assert!(rejections.has_media(&inline));
        assert!(!rejections.has_media(&MediaContent::from_bytes(Mime::IMAGE_PNG, "abd")));
    }
}
