//! One file of the cache, in memory.

use std::sync::{Arc, Mutex, PoisonError};

use crate::key::FileName;
use crate::ledger::Reservation;
use crate::slot::Identity;

/// A file of the cache. Whoever holds an entry keeps its file from being evicted.
#[derive(Debug)]
pub(crate) struct Entry {
    name: FileName,
    reservation: Reservation,
    verified: Mutex<Option<Identity>>,
}

impl Entry {
    pub(crate) fn new(
        name: FileName,
        reservation: Reservation,
        verified: Option<Identity>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            reservation,
            verified: Mutex::new(verified),
        })
    }

    pub(crate) fn name(&self) -> &FileName {
        &self.name
    }

    /// Returns the bytes of disk that the file takes.
    pub(crate) fn charged_bytes(&self) -> u64 {
        self.reservation.bytes()
    }

    /// Returns the file as it was when this process last hashed all of it.
    pub(crate) fn verified(&self) -> Option<Identity> {
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_verified(&self, identity: Identity) {
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity);
    }

    /// Keeps the file's bytes charged because the file could not be removed.
    pub(crate) fn keep_charge(&self) {
        self.reservation.keep();
    }

    pub(crate) fn into_reservation(self) -> Reservation {
        self.reservation
    }
}
