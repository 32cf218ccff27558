//! One download, or one check, shared by all readers of the same bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// What no clock reaches, and no instant overflows by.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 86_400);

/// Returns the instant after a time, which may be any.
pub(crate) fn after(time: Duration) -> Instant {
    Instant::now() + time.min(FOREVER)
}

/// Work in progress on some bytes.
#[derive(Debug)]
pub(crate) struct Flight {
    moved: AtomicU64,
    waits_for_reader: AtomicBool,
    invalidated: AtomicBool,
    ended: watch::Receiver<()>,
}

impl Flight {
    /// Creates a flight that ends when the returned sender is dropped.
    pub(crate) fn new() -> (Arc<Self>, watch::Sender<()>) {
        let (sender, ended) = watch::channel(());
        let flight = Self {
            moved: AtomicU64::new(0),
            waits_for_reader: AtomicBool::new(false),
            invalidated: AtomicBool::new(false),
            ended,
        };
        (Arc::new(flight), sender)
    }

    /// Records that `bytes` more have been processed.
    pub(crate) fn advance(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Sets whether the flight needs its reader to make progress.
    pub(crate) fn set_waits_for_reader(&self, waits: bool) {
        self.waits_for_reader.store(waits, Ordering::Relaxed);
    }

    /// Keeps the bytes that this flight fetches out of the cache.
    pub(crate) fn invalidate(&self) {
        self.invalidated.store(true, Ordering::Release);
    }

    pub(crate) fn is_invalidated(&self) -> bool {
        self.invalidated.load(Ordering::Acquire)
    }

    /// Waits for the end of the flight. Returns false if the deadline passed, or if the reader that
    /// drives the flight made no progress for `stall_timeout`.
    pub(crate) async fn wait(&self, stall_timeout: Duration, deadline: Instant) -> bool {
        let mut ended = self.ended.clone();
        loop {
            let moved = self.moved.load(Ordering::Relaxed);
            let until = deadline.min(after(stall_timeout));
            // Nothing is ever sent: the flight ends when the sender is dropped.
            if timeout_at(until, ended.changed()).await.is_ok() {
                return true;
            }
            let idle = self.waits_for_reader.load(Ordering::Relaxed)
                && self.moved.load(Ordering::Relaxed) == moved;
            if idle || Instant::now() >= deadline {
                return false;
            }
        }
    }
}
