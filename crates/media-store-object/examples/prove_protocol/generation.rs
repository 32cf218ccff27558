//! What a generation of bytes holds.

use media_store_object::protocol::Nonce;

/// What a generation holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Generation {
    pub(crate) token: Nonce,
    /// The bytes, as their entity tag where that counts.
    pub(crate) blob: Option<u8>,
    /// The references that have a marker here, a bit each.
    pub(crate) markers: u16,
    /// The references whose marker here is sealed, a bit each.
    pub(crate) sealed: u16,
    /// The references whose marker was buried or retired here, a bit each.
    pub(crate) tombstones: u16,
    /// Those of them whose marker was retired.
    pub(crate) retired: u16,
    /// What updates have changed in the marker of the first reference.
    pub(crate) changes: u8,
    /// The entry of the index that the same marker names.
    pub(crate) entry: u8,
    /// It was dead, or its removal began: it must never be live again.
    pub(crate) over: bool,
}

impl Generation {
    /// A generation that holds nothing.
    pub(crate) fn new(token: Nonce) -> Self {
        Self {
            token,
            blob: None,
            markers: 0,
            sealed: 0,
            tombstones: 0,
            retired: 0,
            changes: 0,
            entry: 0,
            over: false,
        }
    }

    /// Removes marker and tombstone of a reference.
    pub(crate) fn take_away(&mut self, bit: u16) {
        self.markers &= !bit;
        self.sealed &= !bit;
        self.tombstones &= !bit;
        self.retired &= !bit;
        if bit & 1 != 0 {
            (self.changes, self.entry) = (0, 0);
        }
    }
}
