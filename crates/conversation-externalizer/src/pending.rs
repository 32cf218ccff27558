//! References that no state names yet.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

use conversation_types::MessageId;
use futures_core::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use media_storage::{MediaStorage, MediaStorageExt, MetadataPatch, StorageError, StorageErrorKind};
use media_types::{MediaUrl, Mime, Sha256, StorageReference};

/// How many references are deleted at once.
const CONCURRENT_DELETES: usize = 4;

/// Runs the rollback of references that were dropped.
pub trait SpawnRollback: Debug + Send + Sync {
    /// Runs a task to its end, as far as the process lives.
    fn spawn_rollback(&self, task: BoxFuture<'static, ()>);
}

impl SpawnRollback for tokio::runtime::Handle {
    fn spawn_rollback(&self, task: BoxFuture<'static, ()>) {
        drop(self.spawn(task));
    }
}

/// Media that a turn may bring to the externalizer more than once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum MediaKey {
    /// Media that the turn received, by the id of its spool.
    Received(String),
    /// Bytes that stand in a message.
    Inline(MessageId, usize, Sha256),
    /// Media at a URL.
    Remote(MediaUrl),
}

/// Where a reference points: the backend, the name of the store, and the id there.
pub(super) fn place(reference: &StorageReference) -> (&str, Option<&str>, &str) {
    (reference.backend(), reference.store_name(), reference.id())
}

/// What media of a key became.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) reference: StorageReference,
    /// The type that was stored, where copies of the media may declare another.
    pub(super) mime: Option<Mime>,
}

/// References that a turn has made and that no state names yet.
///
/// One value serves all writes of a turn. After each call of
/// [`Externalizer::externalize`](super::Externalizer::externalize) comes a state write, and its
/// outcome decides: [`commit`](Self::commit) when it happened, [`rollback`](Self::rollback) when it
/// certainly did not and never will, [`keep`](Self::keep) when nobody can tell.
///
/// References that are dropped before any of these are rolled back by a task, unless a write that
/// names them has begun: [`begin_write`](Self::begin_write) says so, and from then on whoever drops
/// the value cannot know what became of it.
///
/// It remembers which media became which reference, so that a later write of the same turn does
/// not store the same media again.
#[derive(Debug)]
pub struct PendingReferences {
    storage: Option<Arc<dyn MediaStorage>>,
    spawner: Arc<dyn SpawnRollback>,
    pending: Vec<StorageReference>,
    /// Whether a write that names the references has begun.
    is_exposed: bool,
    known: HashMap<MediaKey, Known>,
}

impl PendingReferences {
    /// Creates an empty value for references of a store. `spawner` runs the rollback of references
    /// that are dropped.
    pub fn new(storage: Option<Arc<dyn MediaStorage>>, spawner: Arc<dyn SpawnRollback>) -> Self {
        Self {
            storage,
            spawner,
            pending: Vec::new(),
            is_exposed: false,
            known: HashMap::new(),
        }
    }

    /// Creates another empty value for the same store.
    pub(super) fn child(&self) -> Self {
        Self::new(self.storage.clone(), Arc::clone(&self.spawner))
    }

    pub(super) fn push(
        &mut self,
        reference: StorageReference,
        key: Option<MediaKey>,
        mime: Option<Mime>,
    ) {
        if let Some(key) = key {
            let reference = reference.clone();
            self.known.insert(key, Known { reference, mime });
        }
        self.pending.push(reference);
    }

    /// Adds a reference that no state names yet.
    pub fn add(&mut self, reference: StorageReference) {
        self.push(reference, None, None);
    }

    /// Takes over what another value holds.
    pub(super) fn absorb(&mut self, mut other: Self) {
        self.pending.append(&mut other.pending);
        self.known.extend(other.known.drain());
    }

    pub(super) fn known(&self, key: &MediaKey) -> Option<&Known> {
        self.known.get(key)
    }

    /// Takes out what was fetched from URLs.
    pub(super) fn take_fetched(&mut self) -> Self {
        let mut fetched = self.child();
        let of_url = |key: &MediaKey| matches!(key, MediaKey::Remote(_));
        fetched.known = self.known.extract_if(|key, _| of_url(key)).collect();
        let known = fetched.known.values();
        let of_urls: HashSet<_> = known.map(|known| place(&known.reference)).collect();
        let (gone, kept) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|reference| of_urls.contains(&place(reference)));
        (fetched.pending, self.pending) = (gone, kept);
        fetched
    }

    /// Rolls some of the references back by a task.
    pub(super) fn abandon(&mut self, references: &[StorageReference]) {
        let mut abandoned = self.child();
        let references: HashSet<_> = references.iter().map(place).collect();
        let (gone, kept) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|reference| references.contains(&place(reference)));
        (abandoned.pending, self.pending) = (gone, kept);
        let gone: HashSet<_> = abandoned.pending.iter().map(place).collect();
        self.known
            .retain(|_, known| !gone.contains(&place(&known.reference)));
    }

    /// Returns whether there are no references that wait for a state write.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Returns the references that wait for a state write.
    pub fn references(&self) -> &[StorageReference] {
        &self.pending
    }

    /// A write that names the references begins: until its outcome is known, they stay.
    pub fn begin_write(&mut self) {
        self.is_exposed = true;
    }

    /// The state names the references now.
    pub fn commit(&mut self) {
        self.settle();
    }

    /// Nobody can tell whether the state names the references: they stay, and reconciliation
    /// removes those that nothing names.
    pub fn keep(&mut self) {
        self.settle();
    }

    fn settle(&mut self) {
        self.pending.clear();
        self.is_exposed = false;
    }

    /// Deletes the references, as far as the store can; reconciliation finds what is left. Only
    /// correct when no state names them and no write that names them can still happen.
    ///
    /// Cancel-safe: what is not deleted yet is deleted when the value is dropped.
    pub async fn rollback(&mut self) {
        self.is_exposed = false;
        let Some(storage) = self.storage.clone() else {
            self.pending.clear();
            return;
        };
        // They stay listed until they are gone, so that a drop in between loses none.
        while !self.pending.is_empty() {
            let end = self.pending.len().saturating_sub(CONCURRENT_DELETES);
            let some = self.pending[end..].to_vec();
            self.known
                .retain(|_, known| !some.contains(&known.reference));
            delete_all(&storage, &some).await;
            self.pending.truncate(end);
        }
    }
}

impl Drop for PendingReferences {
    fn drop(&mut self) {
        if self.pending.is_empty() || self.is_exposed {
            return;
        }
        if let Some(storage) = self.storage.take() {
            let references = std::mem::take(&mut self.pending);
            self.spawner.spawn_rollback(Box::pin(async move {
                delete_all(&storage, &references).await;
            }));
        }
    }
}

async fn delete_all(storage: &Arc<dyn MediaStorage>, references: &[StorageReference]) {
    stream::iter(references)
        .for_each_concurrent(CONCURRENT_DELETES, |reference| async move {
            if let Err(error) = delete(storage, reference).await {
                tracing::warn!(
                    media = reference.file_name(),
                    kind = %error.kind(),
                    "media of a write that did not happen is left in the store for reconciliation"
                );
            }
        })
        .await;
}

/// Deletes media that no message names. A copy of media on hold is on hold, too, until it is taken back.
async fn delete(
    storage: &Arc<dyn MediaStorage>,
    reference: &StorageReference,
) -> Result<(), StorageError> {
    match storage.delete(reference).await {
        Err(error) if error.kind() == StorageErrorKind::Held => {
            let patch = MetadataPatch::new().with_hold(false);
            storage.update(reference, patch).await?;
            storage.delete(reference).await
        }
        other => other,
    }
}
