//! How far a listing is.

use std::pin::pin;

use media_storage::StorageError;
use tokio::time::Instant;

use super::ledger::{Lease, RENEWAL};

/// Number of objects after which progress is kept for the first time; then after twice as many each time.
const FIRST: u64 = 1000;

/// Maximum number of objects after which progress is kept.
const MAX: u64 = 64_000;

/// Keeps the progress of a listing: what an interrupted one repeats takes at most a minute, at most 64,000
/// objects, and at most as many as it had listed before. A service that does not list in order has no
/// name to continue after: its listing begins again.
pub(super) struct Cursor<'a, 'l> {
    pub(super) lease: &'a mut Lease<'l>,
    last: String,
    in_order: bool,
    listed: u64,
    step: u64,
    saved_at: Instant,
}

impl<'a, 'l> Cursor<'a, 'l> {
    pub(super) fn new(lease: &'a mut Lease<'l>) -> Self {
        Self {
            last: lease.after.clone().unwrap_or_default(),
            lease,
            in_order: true,
            listed: 0,
            step: FIRST,
            saved_at: Instant::now(),
        }
    }

    /// Notes that the listing does not continue in order.
    pub(super) fn restarted(&mut self) {
        self.in_order = false;
    }

    /// Waits for the next item of the listing, and keeps the progress while it takes long. Returns `None` if
    /// the lease was lost. All that was listed before must have been [passed](Self::passed).
    pub(super) async fn during<T>(
        &mut self,
        next: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<Option<T>, StorageError> {
        let mut next = pin!(next);
        loop {
            tokio::select! {
                // An item that is there already belongs to what was listed before.
                biased;
                item = &mut next => return item.map(Some),
                () = tokio::time::sleep_until(self.saved_at + RENEWAL) => {
                    if !self.save().await? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Notes that everything up to this name was dealt with. Returns whether the lease is still held.
    pub(super) async fn passed(&mut self, name: &str) -> Result<bool, StorageError> {
        self.in_order &= name > self.last.as_str();
        self.last.clear();
        self.last.push_str(name);
        self.listed += 1;
        if self.listed < self.step && self.saved_at.elapsed() < RENEWAL {
            return Ok(true);
        }
        self.step = (self.step * 2).min(MAX);
        self.save().await
    }

    async fn save(&mut self) -> Result<bool, StorageError> {
        self.listed = 0;
        self.saved_at = Instant::now();
        if !self.in_order {
            return self.lease.renew().await;
        }
        self.lease.after = Some(self.last.clone()).filter(|last| !last.is_empty());
        self.lease.save().await
    }
}
