//! Stores that stop answering after a number of calls, as for a process that dies there, and a
//! clock that tests move.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use conversation_state::{
    Applied, Clock, ConversationFilter, ConversationPage, ConversationRecord, Created, Durability,
    InMemoryStateStore, LoadOptions, LoadedConversation, MessagePosition, NewConversation,
    ReferenceKey, StateError, StateLimits, StateStore, StateWrite, StoreInfo,
};
use conversation_types::MessageId;
use futures_util::stream::BoxStream;
use media_storage::{
    DeleteOptions, DuplicateOptions, Entry, InMemoryStorage, Inventory, MediaStorage, MediaUpload,
    RetrieveOptions, Scope, StorageError, StoredMedia, SweepOptions, SweepReport, Usage,
};
use media_types::{ConversationId, StorageReference};
use tokio::sync::watch;

/// Counts the halves of calls: before and after each. From a half on, nothing answers.
#[derive(Clone, Debug)]
pub(crate) struct Cut(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    passed: AtomicU64,
    at: AtomicU64,
    reached: watch::Sender<bool>,
}

impl Cut {
    pub(crate) fn never() -> Self {
        Self(Arc::new(Inner {
            passed: AtomicU64::new(0),
            at: AtomicU64::new(u64::MAX),
            reached: watch::Sender::new(false),
        }))
    }

    /// From now on the n-th half is the last that anybody hears of.
    pub(crate) fn after(&self, halves: u64) {
        self.0.passed.store(0, Ordering::SeqCst);
        self.0.at.store(halves, Ordering::SeqCst);
    }

    /// Waits until somebody waits for an answer that never comes.
    pub(crate) async fn reached(&self) {
        let mut reached = self.0.reached.subscribe();
        reached.wait_for(|reached| *reached).await.unwrap();
    }

    async fn half(&self) {
        let passed = self.0.passed.fetch_add(1, Ordering::SeqCst);
        if passed >= self.0.at.load(Ordering::SeqCst) {
            self.0.reached.send_replace(true);
            std::future::pending::<()>().await;
        }
    }

    pub(crate) async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        self.half().await;
        let output = call.await;
        self.half().await;
        output
    }
}

/// A state store behind a cut.
#[derive(Clone, Debug)]
pub(crate) struct CutState {
    pub(crate) inner: InMemoryStateStore,
    pub(crate) cut: Cut,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl StateStore for CutState {
    fn limits(&self) -> StateLimits {
        self.inner.limits()
    }

    fn durability(&self) -> Durability {
        self.inner.durability()
    }

    async fn info(&self) -> Result<StoreInfo, StateError> {
        self.cut.around(self.inner.info()).await
    }

    async fn now(&self) -> Result<DateTime<Utc>, StateError> {
        self.cut.around(self.inner.now()).await
    }

    async fn create(&self, new: NewConversation) -> Result<Created, StateError> {
        self.cut.around(self.inner.create(new)).await
    }

    async fn load(
        &self,
        id: &ConversationId,
        options: LoadOptions,
    ) -> Result<Option<LoadedConversation>, StateError> {
        self.cut.around(self.inner.load(id, options)).await
    }

    async fn find_message(
        &self,
        conversation: &ConversationId,
        message: &MessageId,
    ) -> Result<Option<MessagePosition>, StateError> {
        self.cut
            .around(self.inner.find_message(conversation, message))
            .await
    }

    async fn apply(&self, write: StateWrite) -> Result<Applied, StateError> {
        self.cut.around(self.inner.apply(write)).await
    }

    async fn list(&self, filter: &ConversationFilter) -> Result<ConversationPage, StateError> {
        self.cut.around(self.inner.list(filter)).await
    }

    async fn tombstone(
        &self,
        id: &ConversationId,
        keep: Duration,
    ) -> Result<Option<ConversationRecord>, StateError> {
        self.cut.around(self.inner.tombstone(id, keep)).await
    }

    async fn purge(&self, id: &ConversationId) -> Result<(), StateError> {
        self.cut.around(self.inner.purge(id)).await
    }

    async fn fence_user(&self, hash: &[u8], ttl: Duration) -> Result<(), StateError> {
        self.cut.around(self.inner.fence_user(hash, ttl)).await
    }

    async fn user_fence(&self, hash: &[u8]) -> Result<Option<DateTime<Utc>>, StateError> {
        self.cut.around(self.inner.user_fence(hash)).await
    }

    async fn lift_fence(&self, hash: &[u8]) -> Result<(), StateError> {
        self.cut.around(self.inner.lift_fence(hash)).await
    }

    async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        self.cut
            .around(self.inner.acquire_lease(name, owner, ttl))
            .await
    }

    async fn release_lease(&self, name: &str, owner: &str) -> Result<(), StateError> {
        self.cut.around(self.inner.release_lease(name, owner)).await
    }

    async fn references(&self, keys: &[ReferenceKey]) -> Result<Vec<bool>, StateError> {
        self.cut.around(self.inner.references(keys)).await
    }

    async fn referenced_by(
        &self,
        conversation: &ConversationId,
        after: Option<&ReferenceKey>,
        limit: usize,
    ) -> Result<Vec<ReferenceKey>, StateError> {
        self.cut
            .around(self.inner.referenced_by(conversation, after, limit))
            .await
    }

    async fn observe_unnamed(
        &self,
        keys: &[ReferenceKey],
    ) -> Result<Vec<DateTime<Utc>>, StateError> {
        self.cut.around(self.inner.observe_unnamed(keys)).await
    }

    async fn forget_unnamed(&self, keys: &[ReferenceKey]) -> Result<(), StateError> {
        self.cut.around(self.inner.forget_unnamed(keys)).await
    }
}

/// A media store behind a cut.
#[derive(Clone, Debug)]
pub(crate) struct CutStorage {
    pub(crate) inner: InMemoryStorage,
    pub(crate) cut: Cut,
}

#[async_trait]
impl MediaStorage for CutStorage {
    fn backend(&self) -> &str {
        self.inner.backend()
    }

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        self.cut.around(self.inner.store(upload)).await
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        self.cut
            .around(self.inner.retrieve_opts(reference, options))
            .await
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        self.cut
            .around(self.inner.delete_opts(reference, options))
            .await
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        self.cut
            .around(self.inner.duplicate(reference, options))
            .await
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        Some(self)
    }
}

#[async_trait]
impl Inventory for CutStorage {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        self.inner.list(scope)
    }

    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        self.cut.around(self.inner.usage(scope)).await
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        self.cut.around(self.inner.delete_scope(scope)).await
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        self.cut.around(self.inner.sweep(options)).await
    }
}

/// The system's clock, ahead by as much as a test says.
#[derive(Clone, Debug, Default)]
pub(crate) struct MovedClock(Arc<AtomicI64>);

impl MovedClock {
    pub(crate) fn forward(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn state(&self) -> InMemoryStateStore {
        let moved = Arc::clone(&self.0);
        InMemoryStateStore::with_clock(Clock::from_fn(move || {
            Utc::now() + TimeDelta::milliseconds(moved.load(Ordering::SeqCst))
        }))
    }
}

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
