//! How many bytes of disk are taken, exactly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a file takes on disk is counted in blocks of so many bytes.
pub(super) const BLOCK: u64 = 4096;

/// What a file of this size takes.
pub(super) fn charge(size: u64) -> u64 {
    size.max(1)
        .checked_next_multiple_of(BLOCK)
        .unwrap_or(u64::MAX)
}

#[derive(Debug)]
pub(super) struct Ledger {
    capacity: u64,
    used: AtomicU64,
}

impl Ledger {
    pub(super) fn new(capacity: u64) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            used: AtomicU64::new(0),
        })
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// Takes up to so many bytes: what is free.
    pub(super) fn take(self: &Arc<Self>, wanted: u64) -> Reservation {
        let mut taken = 0;
        let _ = self
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                taken = wanted.min(self.capacity.saturating_sub(used));
                Some(used + taken)
            });
        Reservation {
            ledger: Arc::clone(self),
            bytes: taken,
            stuck: AtomicBool::new(false),
        }
    }

    /// Counts bytes that are on disk already, above the capacity too.
    pub(super) fn found(self: &Arc<Self>, bytes: u64) -> Reservation {
        self.used.fetch_add(bytes, Ordering::AcqRel);
        Reservation {
            ledger: Arc::clone(self),
            bytes,
            stuck: AtomicBool::new(false),
        }
    }
}

/// Bytes that are taken until this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    ledger: Arc<Ledger>,
    bytes: u64,
    stuck: AtomicBool,
}

impl Reservation {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes over the bytes of another one.
    pub(super) fn absorb(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Gives back what is above so many bytes.
    pub(super) fn shrink_to(&mut self, bytes: u64) {
        let excess = self.bytes.saturating_sub(bytes);
        self.bytes -= excess;
        self.ledger.used.fetch_sub(excess, Ordering::AcqRel);
    }

    /// The file could not be removed: its bytes stay taken as long as this process runs.
    pub(super) fn keep(&self) {
        self.stuck.store(true, Ordering::Release);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.stuck.load(Ordering::Acquire) {
            self.ledger.used.fetch_sub(self.bytes, Ordering::AcqRel);
        }
    }
}
