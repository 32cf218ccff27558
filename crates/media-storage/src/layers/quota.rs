//! What each user stores, as far as one process knows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use media_types::UserId;

use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::inventory::Usage;

/// Time after which the usage of a user is asked for again.
const REFRESH: Duration = Duration::from_secs(300);

/// Number of users that are remembered. Users without running stores are forgotten beyond it.
const MAX_USERS: usize = 16 * 1024;

/// Time after which the usage of a user is asked for again before a store is refused.
const REFRESH_BEFORE_REFUSAL: Duration = Duration::from_secs(10);

/// The limits of what one user may store. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaLimits {
    /// Number of bytes, where shared bytes count for each reference.
    pub bytes: Option<u64>,
    /// Number of references.
    pub references: Option<u64>,
}

/// What users store, corrected by what this process stores and deletes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    users: Mutex<HashMap<UserId, Account>>,
    /// Number of deletions of this process, of whatever user.
    deletions: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    asked: Instant,
    /// Number of deletions when the usage was asked for.
    deletions: u64,
    bytes: u64,
    references: u64,
    /// Stores that are running.
    reserved_bytes: u64,
    reserved_references: u64,
}

/// The part of a quota that a running store may use. Dropping it gives the part back.
#[derive(Debug)]
pub(super) struct Reservation {
    ledger: Arc<Ledger>,
    user: UserId,
    bytes: u64,
}

impl Ledger {
    fn users(&self) -> MutexGuard<'_, HashMap<UserId, Account>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the usage of a user has to be asked for.
    pub(super) fn is_stale(&self, user: &UserId) -> bool {
        let users = self.users();
        users
            .get(user)
            .is_none_or(|account| account.asked.elapsed() >= REFRESH)
    }

    /// Whether asking for the usage of a user again may make room for a store that would be refused.
    pub(super) fn may_have_room(&self, user: &UserId) -> bool {
        let users = self.users();
        users.get(user).is_some_and(|account| {
            account.asked.elapsed() >= REFRESH_BEFORE_REFUSAL
                || account.deletions != self.deletions()
        })
    }

    /// Notes that this process deleted media.
    pub(super) fn note_deletion(&self) {
        self.deletions.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of deletions so far, to be taken before the usage is asked for.
    pub(super) fn deletions(&self) -> u64 {
        self.deletions.load(Ordering::Relaxed)
    }

    /// Sets the usage of a user to what the store has reported after a number of deletions.
    pub(super) fn set(&self, user: &UserId, usage: Usage, deletions: u64) {
        let mut users = self.users();
        if users.len() >= MAX_USERS {
            users.retain(|_, account| account.reserved_references > 0);
        }
        let account = users.entry(user.clone()).or_insert(Account {
            asked: Instant::now(),
            deletions,
            bytes: 0,
            references: 0,
            reserved_bytes: 0,
            reserved_references: 0,
        });
        account.asked = Instant::now();
        account.deletions = deletions;
        account.bytes = usage.logical_bytes;
        account.references = usage.references;
    }

    /// Reserves a reference and its bytes.
    pub(super) fn reserve(
        self: &Arc<Self>,
        user: &UserId,
        bytes: u64,
        limits: QuotaLimits,
    ) -> Result<Reservation, StorageError> {
        let mut users = self.users();
        if let Some(account) = users.get_mut(user) {
            let references = account.references + account.reserved_references + 1;
            let all = account.bytes + account.reserved_bytes + bytes;
            check("references", references, limits.references)?;
            check("bytes", all, limits.bytes)?;
            account.reserved_bytes += bytes;
            account.reserved_references += 1;
        }
        drop(users);
        Ok(Reservation {
            ledger: Arc::clone(self),
            user: user.clone(),
            bytes,
        })
    }

    /// Returns how many more bytes a user may store.
    pub(super) fn remaining(&self, user: &UserId, limits: QuotaLimits) -> u64 {
        let users = self.users();
        let used = users
            .get(user)
            .map_or(0, |account| account.bytes + account.reserved_bytes);
        limits
            .bytes
            .map_or(u64::MAX, |limit| limit.saturating_sub(used))
    }
}

/// Checks a limit.
pub(super) fn check(what: &str, wanted: u64, limit: Option<u64>) -> Result<(), StorageError> {
    match limit {
        Some(limit) if wanted > limit => Err(exceeded(what, limit)),
        _ => Ok(()),
    }
}

/// Returns the error for a quota that would be exceeded.
pub(super) fn exceeded(what: &str, limit: u64) -> StorageError {
    StorageError::new(StorageErrorKind::QuotaExceeded, Operation::Store)
        .with_reason(format!("the user may store {limit} {what}"))
}

impl Reservation {
    /// Turns the reservation into usage: media of this size was stored.
    pub(super) fn commit(self, bytes: u64) {
        if let Some(account) = self.ledger.users().get_mut(&self.user) {
            account.bytes += bytes;
            account.references += 1;
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(account) = self.ledger.users().get_mut(&self.user) {
            account.reserved_bytes = account.reserved_bytes.saturating_sub(self.bytes);
            account.reserved_references = account.reserved_references.saturating_sub(1);
        }
    }
}
