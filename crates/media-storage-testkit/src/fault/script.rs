//! What is to go wrong, where and when.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use media_storage::StorageErrorKind;
use tokio::sync::{Notify, Semaphore};

/// The calls of a store that are counted and can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// [`MediaStorage::store`](media_storage::MediaStorage::store)
    Store,
    /// [`MediaStorage::retrieve_opts`](media_storage::MediaStorage::retrieve_opts)
    Retrieve,
    /// [`MediaStorage::delete_opts`](media_storage::MediaStorage::delete_opts)
    Delete,
    /// [`MediaStorage::duplicate`](media_storage::MediaStorage::duplicate)
    Duplicate,
    /// [`MediaStorage::update`](media_storage::MediaStorage::update)
    Update,
}

/// One thing that goes wrong: which calls, at which moment, and what happens.
///
/// Without more said, the call fails with `Unavailable` before it reaches the store inside.
#[derive(Clone, Debug)]
#[must_use]
pub struct Fault {
    call: Call,
    numbers: RangeInclusive<u64>,
    pub(super) moment: Moment,
    pub(super) action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    InBody(u64),
    After,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Fail(StorageErrorKind),
    Delay(Duration),
    Hold(Gate),
    Hang,
}

impl Fault {
    fn on(call: Call, numbers: RangeInclusive<u64>) -> Self {
        Self {
            call,
            numbers,
            moment: Moment::Before,
            action: Action::Fail(StorageErrorKind::Unavailable),
        }
    }

    /// The n-th call of a kind, counted from 1.
    pub fn nth(call: Call, n: u64) -> Self {
        Self::on(call, n..=n)
    }

    /// The n-th call of a kind and all after it.
    pub fn from_nth(call: Call, n: u64) -> Self {
        Self::on(call, n..=u64::MAX)
    }

    /// Every call of a kind.
    pub fn every(call: Call) -> Self {
        Self::on(call, 1..=u64::MAX)
    }

    /// The call reaches the store inside, and goes wrong after that succeeded: media is stored or
    /// deleted, and the caller does not learn of it. Default: before.
    pub fn after_commit(mut self) -> Self {
        self.moment = Moment::After;
        self
    }

    /// The body breaks after so many bytes: on its way in for a store, on its way out for a
    /// retrieve. Only together with [`fail`](Self::fail).
    pub fn in_body(mut self, after: u64) -> Self {
        self.moment = Moment::InBody(after);
        self
    }

    /// The call fails with this kind. Default: `Unavailable`.
    pub fn fail(mut self, kind: StorageErrorKind) -> Self {
        self.action = Action::Fail(kind);
        self
    }

    /// The call takes so much longer, by tokio's clock.
    pub fn delay(mut self, time: Duration) -> Self {
        self.action = Action::Delay(time);
        self
    }

    /// The call waits until the gate lets it pass.
    pub fn hold(mut self, gate: &Gate) -> Self {
        self.action = Action::Hold(gate.clone());
        self
    }

    /// The call never ends; its future must be dropped.
    pub fn hang(mut self) -> Self {
        self.action = Action::Hang;
        self
    }

    pub(super) fn concerns(&self, call: Call, number: u64) -> bool {
        self.call == call && self.numbers.contains(&number)
    }
}

/// Holds calls back until the test lets them pass, and tells when one has arrived.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    arrived: Notify,
    passes: Semaphore,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            arrived: Notify::new(),
            passes: Semaphore::new(0),
        }))
    }

    /// Waits until a call has arrived; each arrival is told once.
    pub async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// Lets so many calls pass, waiting ones first.
    pub fn release(&self, calls: usize) {
        self.0.passes.add_permits(calls);
    }

    /// Lets every call pass from now on.
    pub fn open(&self) {
        self.0.passes.close();
    }

    pub(super) async fn pass(&self) {
        self.0.arrived.notify_one();
        // A closed semaphore means an open gate.
        if let Ok(permit) = self.0.passes.acquire().await {
            permit.forget();
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
