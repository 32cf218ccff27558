//! What is remembered of refusals.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use media_types::MediaContent;
use tokio::time::Instant;

use crate::media::media_identity;
use crate::planner::ServerFacts;

/// Most media items that are remembered; beyond, some are forgotten and may be refused once more.
const MAX_MEDIA: usize = 4096;
/// How long a refusal is remembered: servers and models change.
const LIFETIME: Duration = Duration::from_secs(3600);

/// Parameters, media and files that the provider has refused, by model. Shared by clones, gone with the
/// process.
#[derive(Clone, Debug, Default)]
pub(crate) struct RejectionCache(Arc<Mutex<Inner>>);

/// Model and name, and when it was refused.
type Refused = BTreeMap<(String, String), Instant>;

#[derive(Debug, Default)]
struct Inner {
    parameters: Refused,
    media: Refused,
    /// Files whichever they are: by model and account.
    files: Refused,
    /// What the server said about itself, by model.
    facts: BTreeMap<String, ServerFacts>,
}

impl RejectionCache {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // All maps are consistent between any two calls.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn parameters(&self, model: &str) -> Vec<String> {
        let inner = self.inner();
        let fresh = inner.parameters.iter().filter(|(_, at)| is_fresh(at));
        fresh
            .filter(|((of, _), _)| of == model)
            .map(|((_, name), _)| name.clone())
            .collect()
    }

    pub(crate) fn add_parameter(&self, model: &str, name: &str) {
        let key = (model.to_owned(), name.to_owned());
        self.inner().parameters.insert(key, Instant::now());
    }

    /// Returns whether a model may not read the files of an account.
    pub(super) fn has_files(&self, model: &str, account: &str) -> bool {
        let key = (model.to_owned(), account.to_owned());
        self.inner().files.get(&key).is_some_and(is_fresh)
    }

    pub(super) fn add_files(&self, model: &str, account: &str) {
        let key = (model.to_owned(), account.to_owned());
        self.inner().files.insert(key, Instant::now());
    }

    /// Returns what the server said about itself for a model.
    pub(super) fn facts(&self, model: &str) -> ServerFacts {
        self.inner().facts.get(model).cloned().unwrap_or_default()
    }

    /// Notes what the server said about itself; the change is given the time for which that is
    /// believed.
    pub(super) fn note(&self, model: &str, change: impl FnOnce(&mut ServerFacts, Duration)) {
        let mut inner = self.inner();
        change(inner.facts.entry(model.to_owned()).or_default(), LIFETIME);
    }

    pub(crate) fn has_media(&self, model: &str, content: &MediaContent) -> bool {
        if self.inner().media.is_empty() {
            return false;
        }
        media_identity(content).is_some_and(|identity| {
            let key = (model.to_owned(), identity);
            self.inner().media.get(&key).is_some_and(is_fresh)
        })
    }

    pub(crate) fn add_media(&self, model: &str, content: &MediaContent) {
        if let Some(identity) = media_identity(content) {
            let mut inner = self.inner();
            if inner.media.len() >= MAX_MEDIA {
                inner.media.retain(|_, at| is_fresh(at));
            }
            if inner.media.len() >= MAX_MEDIA {
                inner.media.pop_first();
            }
            let key = (model.to_owned(), identity);
            inner.media.insert(key, Instant::now());
        }
    }
}

fn is_fresh(at: &Instant) -> bool {
    at.elapsed() < LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_storage::Sha256Hasher;
    use media_types::{Mime, StorageReference};

    #[test]
    fn the_same_bytes_are_recognized_wherever_they_are() {
        let rejections = RejectionCache::default();
        let inline = MediaContent::from_bytes(Mime::IMAGE_PNG, "abc");
        let reference = StorageReference::builder("file", "s/c/x.png")
            .with_sha256(Sha256Hasher::digest(b"abc"))
            .build()
            .unwrap();
        assert!(!rejections.has_media("m", &inline));
        let stored = MediaContent::from_reference(Mime::IMAGE_PNG, reference);
        rejections.add_media("m", &stored);
        assert!(rejections.has_media("m", &inline));
        assert!(!rejections.has_media("another", &inline));
        let other = MediaContent::from_bytes(Mime::IMAGE_PNG, "abd");
        assert!(!rejections.has_media("m", &other));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_forgotten_after_a_while() {
        let rejections = RejectionCache::default();
        rejections.add_parameter("m", "seed");
        rejections.add_files("m", "account");
        tokio::time::advance(LIFETIME - Duration::from_secs(1)).await;
        assert_eq!(rejections.parameters("m"), ["seed"]);
        assert!(rejections.parameters("another").is_empty());
        assert!(rejections.has_files("m", "account"));
        assert!(!rejections.has_files("another", "account"));
        assert!(!rejections.has_files("m", "another"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(rejections.parameters("m").is_empty());
        assert!(!rejections.has_files("m", "account"));
    }
}
