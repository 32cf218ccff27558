//! Exact quotas, across processes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use media_types::UserId;

use super::quota::{QuotaLimits, check};
use crate::error::StorageError;

/// Time after which a reservation that was neither committed nor released lapses.
const LAPSE: Duration = Duration::from_secs(3600);

/// What each user stores, exactly, for all processes that share it.
///
/// [`Limited`](super::Limited) asks it before and after each store. Implement it on a database with
/// transactions: one row for each reservation and for each reference. [`InMemoryQuotas`] is the
/// reference implementation.
///
/// # Contract
/// - Committed references and reservations of a user, together, never exceed the limits that the calls
///   have, whatever runs at once.
/// - A reservation that is neither committed nor released, because its process ended or its future was
///   dropped, lapses. An hour is a good time.
/// - All methods may be called concurrently.
#[async_trait]
pub trait QuotaLedger: fmt::Debug + Send + Sync + 'static {
    /// Reserves one reference and its bytes.
    ///
    /// # Errors
    /// `QuotaExceeded` if they do not fit; `Unavailable`. Nothing is reserved.
    async fn reserve(
        &self,
        user: &UserId,
        bytes: u64,
        limits: QuotaLimits,
    ) -> Result<QuotaReservation, StorageError>;

    /// Turns a reservation into a stored reference, which may have more bytes than were reserved.
    ///
    /// # Errors
    /// `QuotaExceeded` if the additional bytes do not fit; `Unavailable`. The caller deletes the media.
    async fn commit(
        &self,
        reservation: &QuotaReservation,
        reference_id: &str,
        bytes: u64,
        limits: QuotaLimits,
    ) -> Result<(), StorageError>;

    /// Gives a reservation back. Succeeds if it is gone.
    ///
    /// # Errors
    /// `Unavailable`. The reservation lapses then.
    async fn release(&self, reservation: &QuotaReservation) -> Result<(), StorageError>;

    /// Removes references that were deleted. Unknown ones are ignored.
    ///
    /// # Errors
    /// `Unavailable`. They count until the next recount then.
    async fn remove(&self, reference_ids: &[&str]) -> Result<(), StorageError>;

    /// Replaces the references of a user that were committed before a time by what the store lists.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn recount(
        &self,
        user: &UserId,
        stored: Vec<(String, u64)>,
        committed_before: DateTime<Utc>,
    ) -> Result<(), StorageError>;
}

#[async_trait]
impl<T: QuotaLedger + ?Sized> QuotaLedger for std::sync::Arc<T> {
    async fn reserve(
        &self,
        user: &UserId,
        bytes: u64,
        limits: QuotaLimits,
    ) -> Result<QuotaReservation, StorageError> {
        self.as_ref().reserve(user, bytes, limits).await
    }

    async fn commit(
        &self,
        reservation: &QuotaReservation,
        reference_id: &str,
        bytes: u64,
        limits: QuotaLimits,
    ) -> Result<(), StorageError> {
        let ledger = self.as_ref();
        ledger
            .commit(reservation, reference_id, bytes, limits)
            .await
    }

    async fn release(&self, reservation: &QuotaReservation) -> Result<(), StorageError> {
        self.as_ref().release(reservation).await
    }

    async fn remove(&self, reference_ids: &[&str]) -> Result<(), StorageError> {
        self.as_ref().remove(reference_ids).await
    }

    async fn recount(
        &self,
        user: &UserId,
        stored: Vec<(String, u64)>,
        committed_before: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        self.as_ref().recount(user, stored, committed_before).await
    }
}

/// A part of a user's quota that a running store may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaReservation {
    id: String,
    user: UserId,
    bytes: u64,
}

impl QuotaReservation {
    /// Creates a reservation with an id that the ledger chooses.
    pub fn new(id: impl Into<String>, user: UserId, bytes: u64) -> Self {
        Self {
            id: id.into(),
            user,
            bytes,
        }
    }

    /// Returns the id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the user.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Returns the number of bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A [`QuotaLedger`] in memory: for one process, for tests, and as an example.
#[derive(Debug, Default)]
pub struct InMemoryQuotas {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    reserved: HashMap<String, (UserId, u64, Instant)>,
    stored: HashMap<String, Row>,
}

#[derive(Debug)]
struct Row {
    user: UserId,
    bytes: u64,
    committed: DateTime<Utc>,
}

impl InMemoryQuotas {
    /// Creates a ledger in which nobody stores anything.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Checks whether one more reference fits beside everything except one reservation.
    fn fits(
        &self,
        user: &UserId,
        bytes: u64,
        except: &str,
        limits: QuotaLimits,
    ) -> Result<(), StorageError> {
        let stored = self.stored.values().filter(|row| row.user == *user);
        let stored = stored.map(|row| row.bytes);
        let reserved = self.reserved.iter();
        let reserved = reserved.filter(|(id, (owner, _, _))| owner == user && *id != except);
        let reserved = reserved.map(|(_, (_, bytes, _))| *bytes);
        let (mut references, mut all) = (1, bytes);
        for bytes in stored.chain(reserved) {
            references += 1;
            all = bytes.saturating_add(all);
        }
        check("references", references, limits.references)?;
        check("bytes", all, limits.bytes)
    }
}

#[async_trait]
impl QuotaLedger for InMemoryQuotas {
    async fn reserve(
        &self,
        user: &UserId,
        bytes: u64,
        limits: QuotaLimits,
    ) -> Result<QuotaReservation, StorageError> {
        let mut state = self.state();
        let now = Instant::now();
        state
            .reserved
            .retain(|_, (_, _, since)| now.duration_since(*since) < LAPSE);
        state.fits(user, bytes, "", limits)?;
        state.next += 1;
        let id = state.next.to_string();
        state
            .reserved
            .insert(id.clone(), (user.clone(), bytes, now));
        Ok(QuotaReservation::new(id, user.clone(), bytes))
    }

    async fn commit(
        &self,
        reservation: &QuotaReservation,
        reference_id: &str,
        bytes: u64,
        limits: QuotaLimits,
    ) -> Result<(), StorageError> {
        let mut state = self.state();
        state.fits(reservation.user(), bytes, reservation.id(), limits)?;
        state.reserved.remove(reservation.id());
        let row = Row {
            user: reservation.user().clone(),
            bytes,
            committed: Utc::now(),
        };
        state.stored.insert(reference_id.to_owned(), row);
        Ok(())
    }

    async fn release(&self, reservation: &QuotaReservation) -> Result<(), StorageError> {
        self.state().reserved.remove(reservation.id());
        Ok(())
    }

    async fn remove(&self, reference_ids: &[&str]) -> Result<(), StorageError> {
        let mut state = self.state();
        for id in reference_ids {
            state.stored.remove(*id);
        }
        Ok(())
    }

    async fn recount(
        &self,
        user: &UserId,
        stored: Vec<(String, u64)>,
        committed_before: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let mut state = self.state();
        state
            .stored
            .retain(|_, row| row.user != *user || row.committed >= committed_before);
        for (id, bytes) in stored {
            let row = Row {
                user: user.clone(),
                bytes,
                committed: committed_before,
            };
            state.stored.entry(id).or_insert(row);
        }
        Ok(())
    }
}
