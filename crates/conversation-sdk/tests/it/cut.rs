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
use chrono::{TimeDelta, Utc};
use conversation_state::{Clock, InMemoryStateStore, StateStore, forward_state};
use futures_util::stream::BoxStream;
use media_storage::{
    DeleteOptions, DuplicateOptions, Entry, InMemoryStorage, Inventory, MediaStorage, MediaUpload,
    RetrieveOptions, Scope, StorageError, StoredMedia, SweepOptions, SweepReport, Usage,
};
use media_types::StorageReference;
use tokio::sync::watch;

/// Counts the halves of calls: before and after each. From a half on, nothing answers until it is mended.
#[derive(Clone, Debug)]
pub(crate) struct Cut(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    passed: AtomicU64,
    at: AtomicU64,
    reached: watch::Sender<bool>,
    mended: watch::Sender<bool>,
}

impl Cut {
    pub(crate) fn never() -> Self {
        Self(Arc::new(Inner {
            passed: AtomicU64::new(0),
            at: AtomicU64::new(u64::MAX),
            reached: watch::Sender::new(false),
            mended: watch::Sender::new(false),
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

    /// Lets go on whoever waits.
    pub(crate) fn mend(&self) {
        self.0.at.store(u64::MAX, Ordering::SeqCst);
        self.0.mended.send_replace(true);
    }

    async fn half(&self) {
        // As calls over a network do: others may run before and after it.
        tokio::task::yield_now().await;
        let passed = self.0.passed.fetch_add(1, Ordering::SeqCst);
        if passed >= self.0.at.load(Ordering::SeqCst) {
            self.0.reached.send_replace(true);
            let mut mended = self.0.mended.subscribe();
            mended.wait_for(|mended| *mended).await.unwrap();
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
    forward_state!(self => self.inner; limits, durability);
    forward_state!(
        self => self.inner, call => self.cut.around(call);
        info, now, create, load, find_message, apply, list, tombstone, purge, fence_user, user_fence,
        lift_fence, acquire_lease, release_lease, references, referenced_by, observe_unnamed,
        forget_unnamed,
    );
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
