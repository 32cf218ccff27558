//! One download, or one check, for all who want the same bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::index::Index;
use super::key::CacheKey;

/// Work under way on some bytes.
#[derive(Debug)]
pub(super) struct Flight {
    moved: AtomicU64,
    waits_for_reader: AtomicBool,
    doomed: AtomicBool,
    ended: watch::Receiver<()>,
}

impl Flight {
    /// So many bytes more have gone through.
    pub(super) fn advance(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether it is the reader that must do something for the flight to go on.
    pub(super) fn set_waits_for_reader(&self, waits: bool) {
        self.waits_for_reader.store(waits, Ordering::Relaxed);
    }

    /// What it fills must not enter the cache any more.
    pub(super) fn doom(&self) {
        self.doomed.store(true, Ordering::Release);
    }

    pub(super) fn is_doomed(&self) -> bool {
        self.doomed.load(Ordering::Acquire)
    }

    /// Waits for the end of it. False when it is not worth it: the deadline is over, or the reader
    /// that drives it let so much time pass without reading.
    pub(super) async fn wait(&self, patience: Duration, deadline: Instant) -> bool {
        let mut ended = self.ended.clone();
        loop {
            let moved = self.moved.load(Ordering::Relaxed);
            let until = deadline.min(Instant::now() + patience);
            // Nothing is ever sent: the end is that the sender is gone.
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

/// The right to work on some bytes, until it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    index: Arc<Index>,
    key: CacheKey,
    flight: Arc<Flight>,
    // Dropped after the claim has left the index, so that those who wake find it gone.
    _ends: watch::Sender<()>,
}

impl Claim {
    pub(super) fn new(index: &Arc<Index>, key: CacheKey) -> Self {
        let (sender, receiver) = watch::channel(());
        Self {
            index: Arc::clone(index),
            key,
            flight: Arc::new(Flight {
                moved: AtomicU64::new(0),
                waits_for_reader: AtomicBool::new(false),
                doomed: AtomicBool::new(false),
                ended: receiver,
            }),
            _ends: sender,
        }
    }

    pub(super) fn key(&self) -> CacheKey {
        self.key
    }

    pub(super) fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.index.release(self.key);
    }
}
