//! Wrappers of a state store and a media store that tell a watcher of every write.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use conversation_sdk::state::{
    Applied, LoadOptions, LoadedConversation, StateError, StateStore, StateWrite, forward_state,
};
use media_storage::{MediaStorage, MediaUpload, StorageError};
use media_types::{ConversationId, StorageReference};

/// What is told of writes.
#[async_trait]
pub(crate) trait Watcher: Debug + Send + Sync + 'static {
    /// Before a write goes to the state store.
    async fn before_write(&self, write: &StateWrite);

    /// After it.
    async fn after_write(&self, write: &StateWrite) {
        let _ = write;
    }

    /// After a conversation was loaded.
    async fn after_load(&self, options: &LoadOptions, found: Option<&LoadedConversation>) {
        let _ = (options, found);
    }

    /// Before media is stored.
    async fn before_store(&self) {}

    /// After it.
    async fn after_store(&self) {}
}

/// A store with its watcher.
#[derive(Debug)]
pub(crate) struct Watched<S, W> {
    inner: S,
    watcher: Arc<W>,
}

impl<S, W> Watched<S, W> {
    pub(crate) fn new(inner: S, watcher: Arc<W>) -> Self {
        Self { inner, watcher }
    }
}

type Outcome<T> = Result<T, StateError>;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: StateStore, W: Watcher> StateStore for Watched<S, W> {
    forward_state!(
        self => self.inner;
        info, limits, durability, now, create, find_message, list, tombstone, purge, fence_user,
        user_fence, lift_fence, acquire_lease, release_lease, references, referenced_by,
        observe_unnamed, forget_unnamed,
    );

    async fn load(
        &self,
        id: &ConversationId,
        options: LoadOptions,
    ) -> Outcome<Option<LoadedConversation>> {
        let loaded = self.inner.load(id, options.clone()).await;
        let found = loaded.as_ref().ok().and_then(Option::as_ref);
        self.watcher.after_load(&options, found).await;
        loaded
    }

    async fn apply(&self, write: StateWrite) -> Outcome<Applied> {
        self.watcher.before_write(&write).await;
        let applied = self.inner.apply(write.clone()).await;
        self.watcher.after_write(&write).await;
        applied
    }
}

/// Turns store, read and delete; what a store can do beside that is its own.
#[async_trait]
impl<S: MediaStorage, W: Watcher> MediaStorage for Watched<S, W> {
    media_storage::forward_storage!(self => self.inner; backend, name, retrieve_opts, delete_opts, inventory);

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        self.watcher.before_store().await;
        let stored = self.inner.store(upload).await;
        self.watcher.after_store().await;
        stored
    }
}
