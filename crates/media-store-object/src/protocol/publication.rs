//! Making a generation live.

use super::machine::{Request, Versioned};
use super::record::{Nonce, Record};

/// Number of times that a write of the record is repeated if it was not carried out although the
/// record did not change: services refuse some of the writes that arrive at the same time.
const REPEATS: u8 = 2;

/// A generation that holds the marker of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Membership {
    pub(super) generation: Nonce,
    /// Whether this store wrote the bytes.
    pub(super) new: bool,
}

impl Membership {
    pub(super) fn joined(generation: Nonce) -> Self {
        Self {
            generation,
            new: false,
        }
    }

    pub(super) fn made(generation: Nonce) -> Self {
        Self {
            generation,
            new: true,
        }
    }
}

/// The record that a publication replaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Replaced<V> {
    nonce: Nonce,
    version: V,
}

impl<V> From<Versioned<V>> for Replaced<V> {
    fn from(read: Versioned<V>) -> Self {
        Self {
            nonce: read.record.nonce,
            version: read.version,
        }
    }
}

/// A write of the record that makes a generation live.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Publication<V> {
    replaced: Option<Replaced<V>>,
    record: Record,
    repeats_left: u8,
}

impl<V: Clone> Publication<V> {
    pub(super) fn new(replaced: Option<Replaced<V>>, record: Record) -> Self {
        Self {
            replaced,
            record,
            repeats_left: REPEATS,
        }
    }

    pub(super) fn request(&self) -> Request<V> {
        let replaced = self.replaced.as_ref();
        Request::SwapRecord {
            expected: replaced.map(|replaced| replaced.version.clone()),
            record: self.record.clone(),
        }
    }

    /// Whether a publication of unknown outcome may still be carried out: the record is the one that
    /// it replaces. If the record has changed, it was carried out, or never will be.
    pub(super) fn may_arrive(&self, read: Option<&Versioned<V>>) -> bool {
        let replaced = self.replaced.as_ref();
        read.map(|read| read.record.nonce) == replaced.map(|replaced| replaced.nonce)
    }

    /// Returns the publication to be repeated; `None` if it was repeated often enough.
    ///
    /// Repeating the very same write is harmless, as one of the two is refused. Another attempt is
    /// not: it could join this generation while the removal of this attempt's marker is still under
    /// way.
    pub(super) fn repeated(mut self) -> Option<Self> {
        self.repeats_left = self.repeats_left.checked_sub(1)?;
        Some(self)
    }
}
