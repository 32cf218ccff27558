//! What a provider remembers between requests.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use media_storage::Sha256Hasher;
use media_types::{MediaContent, MediaSource};

/// Most media that is remembered; beyond, some is forgotten and may be refused once more.
const MAX_REFUSED: usize = 4096;

/// Parameters that the model does not take, and media that the provider refuses. Shared by clones,
/// gone with the process.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    parameters: BTreeSet<String>,
    media: BTreeSet<String>,
}

impl Learned {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Both sets are whole between any two calls.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn parameters(&self) -> Vec<String> {
        self.inner().parameters.iter().cloned().collect()
    }

    pub(super) fn refuse_parameter(&self, name: &str) {
        self.inner().parameters.insert(name.to_owned());
    }

    pub(super) fn is_refused(&self, content: &MediaContent) -> bool {
        if self.inner().media.is_empty() {
            return false;
        }
        identity(content).is_some_and(|identity| self.inner().media.contains(&identity))
    }

    pub(super) fn refuse_media(&self, content: &MediaContent) {
        if let Some(identity) = identity(content) {
            let mut inner = self.inner();
            if inner.media.len() >= MAX_REFUSED {
                inner.media.pop_first();
            }
            inner.media.insert(identity);
        }
    }
}

/// What media is recognised by: its bytes where they are known, so that another reference to the
/// same picture is the same.
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
    fn the_same_bytes_are_known_wherever_they_are() {
        let learned = Learned::default();
        let inline = MediaContent::from_bytes(Mime::IMAGE_PNG, "abc");
        let reference = StorageReference::builder("file", "s/c/x.png")
            .with_sha256(Sha256Hasher::digest(b"abc"))
            .build()
            .unwrap();
        assert!(!learned.is_refused(&inline));
        learned.refuse_media(&MediaContent::from_reference(Mime::IMAGE_PNG, reference));
        assert!(learned.is_refused(&inline));
        assert!(!learned.is_refused(&MediaContent::from_bytes(Mime::IMAGE_PNG, "abd")));
    }
}
