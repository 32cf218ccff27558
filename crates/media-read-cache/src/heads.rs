//! Heads of media that the store admitted a short time ago.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use media_storage::{MediaBody, MediaMetadata, RetrieveOptions, Scope, StoredMedia};
use media_types::{Mime, Sha256, StorageReference};
use tokio::time::Instant;

/// Number of heads that are remembered. Beyond it, all are dropped.
const MAX_HEADS: usize = 16 * 1024;

/// What the store said about references, for as long as the operator allows it to be stale.
#[derive(Debug)]
pub(crate) struct Heads {
    max_staleness: Duration,
    admitted: Mutex<HashMap<String, Admitted>>,
}

#[derive(Debug)]
struct Admitted {
    /// When the store was asked.
    asked: Instant,
    reference: StorageReference,
    scope: Option<Scope>,
    head: Head,
}

/// A head without its empty body.
#[derive(Clone, Debug)]
struct Head {
    mime: Mime,
    metadata: MediaMetadata,
    size: u64,
    sha256: Option<Sha256>,
    stored_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
}

impl Head {
    fn of(stored: &StoredMedia) -> Self {
        Self {
            mime: stored.mime.clone(),
            metadata: stored.metadata.clone(),
            size: stored.size,
            sha256: stored.sha256,
            stored_at: stored.stored_at,
            expires_at: stored.expires_at(),
        }
    }

    fn into_stored(self) -> StoredMedia {
        let body = MediaBody::from_bytes(Vec::new());
        let mut stored = StoredMedia::new(self.mime, self.size, body)
            .with_metadata(self.metadata)
            .with_expires_at(self.expires_at);
        stored.sha256 = self.sha256;
        stored.stored_at = self.stored_at;
        stored
    }
}

impl Heads {
    pub(crate) fn new(max_staleness: Duration) -> Self {
        Self {
            max_staleness,
            admitted: Mutex::default(),
        }
    }

    /// Returns the head of media that the store admitted for exactly this reference and scope.
    pub(crate) fn get(
        &self,
        reference: &StorageReference,
        options: &RetrieveOptions,
    ) -> Option<StoredMedia> {
        if self.max_staleness.is_zero() {
            return None;
        }
        let admitted = self.admitted();
        let found = admitted.get(reference.id())?;
        let fits = found.asked.elapsed() < self.max_staleness
            && found.reference == *reference
            && found.scope.as_ref() == options.expected_scope()
            && found.head.expires_at.is_none_or(|at| Utc::now() < at);
        fits.then(|| found.head.clone().into_stored())
    }

    /// Remembers the answer of the store to a question that was asked at a time.
    pub(crate) fn put(
        &self,
        reference: &StorageReference,
        options: &RetrieveOptions,
        head: &StoredMedia,
        asked: Instant,
    ) {
        if self.max_staleness.is_zero() {
            return;
        }
        let mut admitted = self.admitted();
        if admitted.len() >= MAX_HEADS {
            admitted.clear();
        }
        let entry = Admitted {
            asked,
            reference: reference.clone(),
            scope: options.expected_scope().cloned(),
            head: Head::of(head),
        };
        admitted.insert(reference.id().to_owned(), entry);
    }

    /// Forgets what the store said about a reference.
    pub(crate) fn forget(&self, reference: &StorageReference) {
        self.admitted().remove(reference.id());
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.admitted().clear();
    }

    fn admitted(&self) -> MutexGuard<'_, HashMap<String, Admitted>> {
        self.admitted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
