//! What each user stores, as far as one process knows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use media_types::UserId;

use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::inventory::Usage;

/// Time after which the usage of a user is asked for again.
const REFRESH: Duration = Duration::from_secs(300);

/// Number of users that are remembered. Users without running stores are forgotten beyond it.
const MAX_USERS: usize = 16 * 1024;

/// The limits for each user.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UserLimits {
    pub(super) bytes: Option<u64>,
    pub(super) references: Option<u64>,
}

/// What users store, corrected by what this process stores and deletes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    users: Mutex<HashMap<UserId, Account>>,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    asked: Instant,
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

    /// Sets the usage of a user to what the store has reported.
    pub(super) fn set(&self, user: &UserId, usage: Usage) {
        let mut users = self.users();
        if users.len() >= MAX_USERS {
            users.retain(|_, account| account.reserved_references > 0);
        }
        let account = users.entry(user.clone()).or_insert(Account {
            asked: Instant::now(),
            bytes: 0,
            references: 0,
            reserved_bytes: 0,
            reserved_references: 0,
        });
        account.asked = Instant::now();
        account.bytes = usage.logical_bytes;
        account.references = usage.references;
    }

    /// Reserves a reference and its bytes.
    pub(super) fn reserve(
        self: &Arc<Self>,
        user: &UserId,
        bytes: u64,
        limits: UserLimits,
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
    pub(super) fn remaining(&self, user: &UserId, limits: UserLimits) -> u64 {
        let users = self.users();
        let used = users
            .get(user)
            .map_or(0, |account| account.bytes + account.reserved_bytes);
        limits
            .bytes
            .map_or(u64::MAX, |limit| limit.saturating_sub(used))
    }
}

fn check(what: &str, wanted: u64, limit: Option<u64>) -> Result<(), StorageError> {
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
