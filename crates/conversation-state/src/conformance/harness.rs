//! What a store gives to be tested.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};

use crate::clock::Clock;
use crate::memory::InMemoryStateStore;
use crate::store::StateStore;

/// A store to be tested, empty at first.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Opens the store. Every call opens the same one, as another process would.
    async fn open(&self) -> Arc<dyn StateStore>;

    /// Moves the store's clock forward. A store whose clock cannot be moved waits.
    async fn advance(&self, by: Duration);
}

/// A clock that is moved by hand, and otherwise goes as the system's does.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Creates a clock that shows the system's time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// Returns the clock for a store.
    pub fn clock(&self) -> Clock {
        let ahead = Arc::clone(&self.0);
        Clock::from_fn(move || Utc::now() + TimeDelta::milliseconds(ahead.load(Ordering::Relaxed)))
    }
}

/// The harness of the store in memory.
#[derive(Clone, Debug)]
pub struct MemoryHarness {
    store: InMemoryStateStore,
    clock: ManualClock,
}

impl MemoryHarness {
    /// Creates an empty store.
    pub fn new() -> Self {
        let clock = ManualClock::new();
        Self {
            store: InMemoryStateStore::with_clock(clock.clock()),
            clock,
        }
    }
}

impl Default for MemoryHarness {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Harness for MemoryHarness {
    async fn open(&self) -> Arc<dyn StateStore> {
        Arc::new(self.store.clone())
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

/// The future of a scenario.
pub type ScenarioFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// One promise of [`StateStore`], as a test that panics where it is not kept.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// The promise in a few words.
    pub name: &'static str,
    /// The test. It needs a store of its own.
    pub run: for<'a> fn(&'a dyn Harness) -> ScenarioFuture<'a>,
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
