//! Faults: what fails, where and when.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use media_storage::StorageErrorKind;
use tokio::sync::{Notify, Semaphore};

/// The calls of a store that are counted and can fail.
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

/// A fault: which calls it applies to, at which moment, and what happens.
///
/// By default, the call fails with `Unavailable` before it reaches the wrapped store.
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

    /// Creates a fault of the n-th call of a kind, counted from 1.
    pub fn nth(call: Call, n: u64) -> Self {
        Self::on(call, n..=n)
    }

    /// Creates a fault of the n-th call of a kind and all later ones.
    pub fn from_nth(call: Call, n: u64) -> Self {
        Self::on(call, n..=u64::MAX)
    }

    /// Creates a fault of every call of a kind.
    pub fn every(call: Call) -> Self {
        Self::on(call, 1..=u64::MAX)
    }

    /// Sets that the fault occurs after the wrapped store has succeeded: media is stored or deleted, but
    /// the caller receives an error. Defaults to before.
    pub fn after_commit(mut self) -> Self {
        self.moment = Moment::After;
        self
    }

    /// Sets that the body fails after a number of bytes, while it is stored or retrieved. Only together
    /// with [`fail`](Self::fail).
    pub fn in_body(mut self, after: u64) -> Self {
        self.moment = Moment::InBody(after);
        self
    }

    /// Sets that the call fails with a kind of error. Defaults to `Unavailable`.
    pub fn fail(mut self, kind: StorageErrorKind) -> Self {
        self.action = Action::Fail(kind);
        self
    }

    /// Sets that the call takes longer, by the clock of tokio.
    pub fn delay(mut self, time: Duration) -> Self {
        self.action = Action::Delay(time);
        self
    }

    /// Sets that the call waits until the gate releases it.
    pub fn hold(mut self, gate: &Gate) -> Self {
        self.action = Action::Hold(gate.clone());
        self
    }

    /// Sets that the call never ends. Its future must be dropped.
    pub fn hang(mut self) -> Self {
        self.action = Action::Hang;
        self
    }

    pub(super) fn concerns(&self, call: Call, number: u64) -> bool {
        self.call == call && self.numbers.contains(&number)
    }
}

/// A gate that holds calls back until the test releases them, and signals when one has arrived.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    arrived: Notify,
    passes: Semaphore,
}

impl Gate {
    /// Creates a closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            arrived: Notify::new(),
            passes: Semaphore::new(0),
        }))
    }

    /// Waits until a call has arrived. Each arrival is signaled once.
    pub async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// Releases a number of calls, waiting ones first.
    pub fn release(&self, calls: usize) {
        self.0.passes.add_permits(calls);
    }

    /// Releases all calls, including later ones.
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
