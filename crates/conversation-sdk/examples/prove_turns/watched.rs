//! Wrappers of a state store and a media store that tell a watcher of every write.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use conversation_sdk::state::{
    Applied, ConversationFilter, ConversationPage, ConversationRecord, Created, Durability,
    LoadOptions, LoadedConversation, MessagePosition, NewConversation, ReferenceKey, StateError,
    StateLimits, StateStore, StateWrite, StoreInfo,
};
use conversation_sdk::types::MessageId;
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
    async fn after_load(&self, options: &LoadOptions) {
        let _ = options;
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
    async fn info(&self) -> Outcome<StoreInfo> {
        self.inner.info().await
    }

    fn limits(&self) -> StateLimits {
        self.inner.limits()
    }

    fn durability(&self) -> Durability {
        self.inner.durability()
    }

    async fn now(&self) -> Outcome<DateTime<Utc>> {
        self.inner.now().await
    }

    async fn create(&self, new: NewConversation) -> Outcome<Created> {
        self.inner.create(new).await
    }

    async fn load(
        &self,
        id: &ConversationId,
        options: LoadOptions,
    ) -> Outcome<Option<LoadedConversation>> {
        let loaded = self.inner.load(id, options.clone()).await;
        self.watcher.after_load(&options).await;
        loaded
    }

    async fn find_message(
        &self,
        conversation: &ConversationId,
        message: &MessageId,
    ) -> Outcome<Option<MessagePosition>> {
        self.inner.find_message(conversation, message).await
    }

    async fn apply(&self, write: StateWrite) -> Outcome<Applied> {
        self.watcher.before_write(&write).await;
        let applied = self.inner.apply(write.clone()).await;
        self.watcher.after_write(&write).await;
        applied
    }

    async fn list(&self, filter: &ConversationFilter) -> Outcome<ConversationPage> {
        self.inner.list(filter).await
    }

    async fn tombstone(
        &self,
        id: &ConversationId,
        keep: Duration,
    ) -> Outcome<Option<ConversationRecord>> {
        self.inner.tombstone(id, keep).await
    }

    async fn purge(&self, id: &ConversationId) -> Outcome<()> {
        self.inner.purge(id).await
    }

    async fn fence_user(&self, hash: &[u8], ttl: Duration) -> Outcome<()> {
        self.inner.fence_user(hash, ttl).await
    }

    async fn user_fence(&self, hash: &[u8]) -> Outcome<Option<DateTime<Utc>>> {
        self.inner.user_fence(hash).await
    }

    async fn lift_fence(&self, hash: &[u8]) -> Outcome<()> {
        self.inner.lift_fence(hash).await
    }

    async fn acquire_lease(&self, name: &str, owner: &str, ttl: Duration) -> Outcome<bool> {
        self.inner.acquire_lease(name, owner, ttl).await
    }

    async fn release_lease(&self, name: &str, owner: &str) -> Outcome<()> {
        self.inner.release_lease(name, owner).await
    }

    async fn references(&self, keys: &[ReferenceKey]) -> Outcome<Vec<bool>> {
        self.inner.references(keys).await
    }

    async fn referenced_by(
        &self,
        conversation: &ConversationId,
        after: Option<&ReferenceKey>,
        limit: usize,
    ) -> Outcome<Vec<ReferenceKey>> {
        self.inner.referenced_by(conversation, after, limit).await
    }

    async fn observe_unnamed(&self, keys: &[ReferenceKey]) -> Outcome<Vec<DateTime<Utc>>> {
        self.inner.observe_unnamed(keys).await
    }

    async fn forget_unnamed(&self, keys: &[ReferenceKey]) -> Outcome<()> {
        self.inner.forget_unnamed(keys).await
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
