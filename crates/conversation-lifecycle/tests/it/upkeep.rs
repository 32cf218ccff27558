//! Upkeep of many nodes, and of many conversations of which some fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use conversation_lifecycle::LifecycleOptions;
use conversation_state::conformance::{Fault, FaultyState, Operation};
use conversation_state::{
    Clock, ConversationRecord, ConversationStatus, InMemoryStateStore, NewConversation, StateStore,
};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use media_storage::{
    Entry, InMemoryStorage, Inventory, MediaStorage, Scope, StorageError, SweepOptions,
    SweepReport, Usage, forward_storage,
};
use media_types::ConversationId;
use tokio::sync::watch;

use crate::support::Rig;

const INTERVAL: Duration = Duration::from_secs(60);

/// A store whose list never ends, and that says how many lists are being read.
#[derive(Debug)]
struct Endless {
    inner: InMemoryStorage,
    readers: watch::Sender<usize>,
}

/// A list that is being read.
struct Reading(watch::Sender<usize>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.send_modify(|readers| *readers -= 1);
    }
}

#[async_trait]
impl MediaStorage for Endless {
    forward_storage!(
        self => self.inner;
        backend, name, store, retrieve_opts, delete_opts, update, delete_many, duplicate,
    );

    fn inventory(&self) -> Option<&dyn Inventory> {
        Some(self)
    }
}

#[async_trait]
impl Inventory for Endless {
    fn list(&self, _: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        self.readers.send_modify(|readers| *readers += 1);
        let reading = Reading(self.readers.clone());
        stream::pending()
            .map(move |entry| {
                let _ = &reading;
                entry
            })
            .boxed()
    }

    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        self.inner.inventory().unwrap().usage(scope).await
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        self.inner.inventory().unwrap().delete_scope(scope).await
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        self.inner.inventory().unwrap().sweep(options).await
    }
}

/// A node whose upkeep has begun and does not end. `ahead` moves the clock of the state by seconds.
async fn stuck_node(ahead: &Arc<AtomicI64>) -> (Rig, watch::Receiver<usize>) {
    let (clock, ahead) = (Rig::clock(), Arc::clone(ahead));
    let clock =
        Clock::from_fn(move || clock.now() + TimeDelta::seconds(ahead.load(Ordering::Relaxed)));
    let readers = watch::Sender::new(0);
    let mut running = readers.subscribe();
    let store = Endless {
        inner: InMemoryStorage::new(),
        readers,
    };
    let state = Arc::new(InMemoryStateStore::with_clock(clock));
    let options = LifecycleOptions::new().with_background_upkeep(Some(INTERVAL));
    let rig = Rig::with_state(state, Arc::new(store), |builder| {
        builder.with_options(options)
    });
    rig.lifecycle.start();
    running.wait_for(|readers| *readers == 1).await.unwrap();
    (rig, running)
}

#[tokio::test(start_paused = true)]
async fn upkeep_that_takes_longer_than_its_interval_keeps_its_lease() {
    let (rig, running) = stuck_node(&Arc::default()).await;
    for _ in 0..5 {
        tokio::time::sleep(INTERVAL).await;
        let taken = rig.state.acquire_lease("upkeep", "another node", INTERVAL);
        assert!(!taken.await.unwrap());
    }
    assert_eq!(*running.borrow(), 1);
}

#[tokio::test(start_paused = true)]
async fn upkeep_that_lost_its_lease_ends() {
    let ahead = Arc::default();
    let (rig, mut running) = stuck_node(&ahead).await;
    // As after a pause of the whole process.
    ahead.store(600, Ordering::Relaxed);
    let taken = rig.state.acquire_lease("upkeep", "another node", INTERVAL);
    assert!(taken.await.unwrap());
    running.wait_for(|readers| *readers == 0).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_cannot_be_deleted_keeps_no_other_from_going() {
    let state = FaultyState::new(InMemoryStateStore::with_clock(Rig::clock()));
    let store = Arc::new(InMemoryStorage::new());
    let rig = Rig::with_state(Arc::new(state.clone()), store, |builder| builder);
    for _ in 0..3 {
        let mut record = ConversationRecord::new(ConversationId::mint());
        record.status = ConversationStatus::Creating;
        rig.state
            .create(NewConversation::new(record))
            .await
            .unwrap();
    }
    tokio::time::advance(Duration::from_secs(2 * 60 * 60)).await;
    state.inject(Operation::Tombstone, Fault::Before);
    let report = rig.lifecycle.run_upkeep().await;
    assert_eq!(report.abandoned_branches, 2);
    assert_eq!(report.failures.len(), 1, "{:?}", report.failures);
    let again = rig.lifecycle.run_upkeep().await;
    assert_eq!((again.abandoned_branches, again.failures.len()), (1, 0));
    assert!(Utc::now() < rig.state.now().await.unwrap());
}
