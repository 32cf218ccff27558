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
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    admitted: HashMap<String, Admitted>,
    /// Grows when something is forgotten: an answer to a question from before is not remembered.
    forgotten: u64,
}

/// When the store was asked, and what was forgotten by then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    at: Instant,
    forgotten: u64,
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
    on_hold: bool,
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
            on_hold: stored.on_hold,
            expires_at: stored.expires_at(),
        }
    }

    fn into_stored(self) -> StoredMedia {
        let body = MediaBody::from_bytes(Vec::new());
        let mut stored = StoredMedia::new(self.mime, self.size, body)
            .with_metadata(self.metadata)
            .with_expires_at(self.expires_at)
            .with_hold(self.on_hold);
        stored.sha256 = self.sha256;
        stored.stored_at = self.stored_at;
        stored
    }
}

impl Heads {
    pub(crate) fn new(max_staleness: Duration) -> Self {
        Self {
            max_staleness,
            known: Mutex::default(),
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
        let known = self.known();
        let found = known.admitted.get(reference.id())?;
        let fits = found.asked.elapsed() < self.max_staleness
            && found.reference == *reference
            && found.scope.as_ref() == options.expected_scope()
            && found.head.expires_at.is_none_or(|at| Utc::now() < at);
        fits.then(|| found.head.clone().into_stored())
    }

    /// Returns what [`put`](Self::put) needs, before the store is asked.
    pub(crate) fn ask(&self) -> Asked {
        Asked {
            at: Instant::now(),
            forgotten: self.known().forgotten,
        }
    }

    /// Remembers the answer of the store, unless something was forgotten since it was asked: that may
    /// have been this.
    pub(crate) fn put(
        &self,
        reference: &StorageReference,
        options: &RetrieveOptions,
        head: &StoredMedia,
        asked: Asked,
    ) {
        if self.max_staleness.is_zero() {
            return;
        }
        let mut known = self.known();
        if known.forgotten != asked.forgotten {
            return;
        }
        if known.admitted.len() >= MAX_HEADS {
            known.admitted.clear();
        }
        let entry = Admitted {
            asked: asked.at,
            reference: reference.clone(),
            scope: options.expected_scope().cloned(),
            head: Head::of(head),
        };
        known.admitted.insert(reference.id().to_owned(), entry);
    }

    /// Forgets what the store said about a reference.
    pub(crate) fn forget(&self, reference: &StorageReference) {
        let mut known = self.known();
        known.admitted.remove(reference.id());
        known.forgotten += 1;
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut known = self.known();
        known.admitted.clear();
        known.forgotten += 1;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
