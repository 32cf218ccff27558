//! Which references were found sound, and when.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashlink::LruCache;
use media_types::StorageReference;

/// The references that were read whole and found sound, as many as fit; the least recently used one is
/// forgotten first.
#[derive(Debug)]
pub(super) struct VerifiedReferences(Mutex<LruCache<Box<str>, Instant>>);

impl VerifiedReferences {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Mutex::new(LruCache::new(capacity)))
    }

    /// Whether a reference was found sound less than an interval ago.
    pub(super) fn is_recent(
        &self,
        reference: &StorageReference,
        now: Instant,
        interval: Duration,
    ) -> bool {
        let mut verified = self.verified();
        let Some(at) = verified.get(reference.id()) else {
            return false;
        };
        let recent = now.saturating_duration_since(*at) < interval;
        if !recent {
            verified.remove(reference.id());
        }
        recent
    }

    /// Remembers that a reference was found sound by a read that began at a time.
    pub(super) fn insert(&self, id: &str, began: Instant) {
        self.verified().insert(id.into(), began);
    }

    pub(super) fn forget(&self, id: &str) {
        self.verified().remove(id);
    }

    pub(super) fn forget_all(&self) {
        self.verified().clear();
    }

    fn verified(&self) -> MutexGuard<'_, LruCache<Box<str>, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
