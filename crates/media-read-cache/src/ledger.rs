//! An exact account of the bytes of disk that are taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The block size, in bytes, by which files are charged.
pub(crate) const BLOCK: u64 = 4096;

/// Returns the bytes of disk that a file of this size is charged.
pub(crate) fn charge(size: u64) -> u64 {
    size.max(1)
        .checked_next_multiple_of(BLOCK)
        .unwrap_or(u64::MAX)
}

#[derive(Debug)]
pub(crate) struct Ledger {
    capacity: u64,
    used: AtomicU64,
}

impl Ledger {
    pub(crate) fn new(capacity: u64) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            used: AtomicU64::new(0),
        })
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// Reserves up to `wanted` bytes, as far as they are free.
    pub(crate) fn take(self: &Arc<Self>, wanted: u64) -> Reservation {
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

    /// Reserves bytes that are on disk already, even above the capacity.
    pub(crate) fn found(self: &Arc<Self>, bytes: u64) -> Reservation {
        self.used.fetch_add(bytes, Ordering::AcqRel);
        Reservation {
            ledger: Arc::clone(self),
            bytes,
            stuck: AtomicBool::new(false),
        }
    }
}

/// Bytes that are reserved until this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    ledger: Arc<Ledger>,
    bytes: u64,
    stuck: AtomicBool,
}

impl Reservation {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes over the bytes of another reservation.
    pub(crate) fn absorb(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Releases what exceeds `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        let excess = self.bytes.saturating_sub(bytes);
        self.bytes -= excess;
        self.ledger.used.fetch_sub(excess, Ordering::AcqRel);
    }

    /// Keeps the bytes reserved for the life of this process, because their file could not be
    /// removed.
    pub(crate) fn keep(&self) {
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
