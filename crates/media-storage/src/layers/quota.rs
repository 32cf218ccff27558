//! What each user stores, as far as one process knows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use media_types::UserId;

use super::permits::{Acquire, Permits};
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::inventory::Usage;

/// Time after which the usage of a user is asked for again.
const REFRESH: Duration = Duration::from_secs(300);

/// Number of users that are remembered. Users without running stores are forgotten beyond it.
const MAX_USERS: usize = 16 * 1024;

/// Time after which the usage of a user is asked for again before a store is refused.
const REFRESH_BEFORE_REFUSAL: Duration = Duration::from_secs(10);

/// The part of a limit of bytes below which a stream of unknown length may well be refused.
const SCARCE: u64 = 4;

/// The limits of what one user may store. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaLimits {
    /// Number of bytes, where a blob counts for each reference.
    pub bytes: Option<u64>,
    /// Number of references.
    pub references: Option<u64>,
}

/// What users store, corrected by what this process stores and deletes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    users: Mutex<HashMap<UserId, Arc<Account>>>,
    /// Number of deletions of this process, of whatever user.
    deletions: AtomicU64,
}

/// What one user stores. It is not forgotten while anyone holds it.
#[derive(Debug)]
pub(super) struct Account {
    counts: Mutex<Counts>,
    /// Held while the store is asked.
    turn: Arc<Permits>,
}

#[derive(Debug, Default)]
struct Counts {
    asked: Option<Asked>,
    stored: Amount,
    /// Stores that are running.
    reserved: Amount,
    /// What this process stored since the account was opened.
    committed: Amount,
    /// Number of questions that failed.
    failures: u64,
    /// Why the last question failed, if it did.
    failure: Option<StorageError>,
}

/// When the usage of a user was asked for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Instant,
    /// Number of deletions of this process before that.
    deletions: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    bytes: u64,
    references: u64,
}

/// A question for the usage of a user that is being answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    deletions: u64,
    committed: Amount,
}

/// The part of a quota that a running store may use. Dropping it gives the part back.
#[derive(Debug)]
pub(super) struct Reservation {
    account: Arc<Account>,
    limits: QuotaLimits,
    held: Mutex<Amount>,
}

impl Ledger {
    /// Returns the account of a user.
    pub(super) fn account(&self, user: &UserId) -> Arc<Account> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = users.get(user) {
            return Arc::clone(account);
        }
        if users.len() >= MAX_USERS {
            users.retain(|_, account| Arc::strong_count(account) > 1);
        }
        let account = Arc::new(Account {
            counts: Mutex::default(),
            turn: Permits::new(1),
        });
        users.insert(user.clone(), Arc::clone(&account));
        account
    }

    /// Notes that this process deleted media.
    pub(super) fn note_deletion(&self) {
        self.deletions.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of deletions so far.
    pub(super) fn deletions(&self) -> u64 {
        self.deletions.load(Ordering::Relaxed)
    }
}

impl Account {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn to ask what the user stores.
    pub(super) fn turn(&self) -> Acquire {
        self.turn.acquire()
    }

    /// Whether the usage has to be asked for.
    pub(super) fn is_stale(&self) -> bool {
        let asked = self.counts().asked;
        asked.is_none_or(|asked| asked.at.elapsed() >= REFRESH)
    }

    /// Whether asking for the usage again may make room for a store that would be refused, after a number of
    /// deletions.
    pub(super) fn may_have_room(&self, deletions: u64) -> bool {
        let asked = self.counts().asked;
        asked.is_none_or(|asked| {
            asked.at.elapsed() >= REFRESH_BEFORE_REFUSAL || asked.deletions != deletions
        })
    }

    /// Whether so little is left that a stream of unknown length may well be refused.
    pub(super) fn is_scarce(&self, limits: QuotaLimits) -> bool {
        let Some(limit) = limits.bytes else {
            return false;
        };
        let counts = self.counts();
        let used = counts.stored.bytes.saturating_add(counts.reserved.bytes);
        limit.saturating_sub(used) < limit / SCARCE
    }

    /// Notes that the store is about to be asked, after a number of deletions.
    pub(super) fn ask(&self, deletions: u64) -> Question {
        Question {
            deletions,
            committed: self.counts().committed,
        }
    }

    /// Sets the usage to what the store has reported. What was committed since it was asked is added: the report
    /// may or may not have it, and a limit must hold in both cases.
    pub(super) fn answer(&self, question: Question, usage: Usage) {
        let mut counts = self.counts();
        let since = counts.committed.minus(question.committed);
        let reported = Amount {
            bytes: usage.logical_bytes,
            references: usage.references,
        };
        counts.stored = reported.plus(since);
        counts.failure = None;
        counts.asked = Some(Asked {
            at: Instant::now(),
            deletions: question.deletions,
        });
    }

    /// Returns the number of questions that failed so far.
    pub(super) fn failures(&self) -> u64 {
        self.counts().failures
    }

    /// Notes that the store could not answer.
    pub(super) fn fail(&self, error: &StorageError) {
        let mut counts = self.counts();
        counts.failures += 1;
        counts.failure = Some(error.without_source());
    }

    /// Returns why the last question failed, if it did, and more have failed than this number.
    pub(super) fn failure_since(&self, failures: u64) -> Option<StorageError> {
        let counts = self.counts();
        let last = counts.failure.as_ref();
        last.filter(|_| counts.failures != failures)
            .map(StorageError::without_source)
    }

    /// Reserves a reference and its bytes.
    pub(super) fn reserve(
        self: &Arc<Self>,
        bytes: u64,
        limits: QuotaLimits,
    ) -> Result<Reservation, StorageError> {
        let wanted = Amount {
            bytes,
            references: 1,
        };
        self.counts().reserve(wanted, limits)?;
        Ok(Reservation {
            account: Arc::clone(self),
            limits,
            held: Mutex::new(wanted),
        })
    }
}

impl Counts {
    /// Reserves more. Nothing is reserved if it does not fit.
    fn reserve(&mut self, wanted: Amount, limits: QuotaLimits) -> Result<(), StorageError> {
        let all = self.stored.plus(self.reserved).plus(wanted);
        check("references", all.references, limits.references)?;
        check("bytes", all.bytes, limits.bytes)?;
        self.reserved = self.reserved.plus(wanted);
        Ok(())
    }
}

impl Amount {
    fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            references: self.references.saturating_add(other.references),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            references: self.references.saturating_sub(other.references),
        }
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
    fn held(&self) -> MutexGuard<'_, Amount> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves more bytes for the same reference.
    pub(super) fn grow(&self, bytes: u64) -> Result<(), StorageError> {
        let more = Amount {
            bytes,
            references: 0,
        };
        let mut held = self.held();
        self.account.counts().reserve(more, self.limits)?;
        *held = held.plus(more);
        Ok(())
    }

    /// Turns the reservation into usage: media of this size was stored. If it is larger than what was reserved and
    /// does not fit, the reservation stays.
    pub(super) fn commit(&self, bytes: u64) -> Result<(), StorageError> {
        let reserved = self.held().bytes;
        if bytes > reserved {
            self.grow(bytes - reserved)?;
        }
        let stored = Amount {
            bytes,
            references: 1,
        };
        let held = std::mem::take(&mut *self.held());
        let mut counts = self.account.counts();
        counts.reserved = counts.reserved.minus(held);
        counts.stored = counts.stored.plus(stored);
        counts.committed = counts.committed.plus(stored);
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let held = *self.held();
        let mut counts = self.account.counts();
        counts.reserved = counts.reserved.minus(held);
    }
}

#[cfg(test)]
mod tests;
