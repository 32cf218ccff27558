//! Options for a SQLite store.

#[cfg(feature = "measure")]
use std::sync::Arc;
#[cfg(feature = "measure")]
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::clock::Clock;

/// Options for a SQLite store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// How long a write waits for a write of another process.
    pub busy_timeout: Duration,
    /// How many conversations are read at once.
    pub max_readers: usize,
    /// The clock.
    pub clock: Clock,
    /// What counts the steps that SQLite takes.
    #[cfg(feature = "measure")]
    pub step_counter: Option<Arc<AtomicU64>>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(10),
            max_readers: 16,
            clock: Clock::system(),
            #[cfg(feature = "measure")]
            step_counter: None,
        }
    }
}

impl SqliteOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long a write waits for a write of another process. Defaults to 10 s.
    #[must_use]
    pub fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Sets how many conversations are read at once. Defaults to 16; at least 1.
    #[must_use]
    pub fn with_max_readers(mut self, readers: usize) -> Self {
        self.max_readers = readers;
        self
    }

    /// Sets the clock. Defaults to the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets what counts the steps that SQLite takes to run statements: about ten for each row that
    /// is read or written. Defaults to none.
    #[cfg(feature = "measure")]
    #[must_use]
    pub fn with_step_counter(mut self, counter: Arc<AtomicU64>) -> Self {
        self.step_counter = Some(counter);
        self
    }
}
