//! What the listing of a part has found.

use super::super::tally::Tally;
use crate::protocol::Nonce;

/// What a listing, or several, have found. Its size does not depend on how much there is.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// References with a sidecar, and those with a sealed marker.
    pub(super) markers: Tally,
    /// References whose sidecar says that they expire, and those with a hint.
    pub(super) hints: Tally,
    /// References whose sidecar says that they have a user, and those in an index.
    pub(super) users: Tally,
    /// Number of sidecars that are not of the second protocol.
    pub(super) first: u64,
}

impl Found {
    pub(super) fn new(seed: Nonce) -> Self {
        Self {
            markers: Tally::new(seed),
            hints: Tally::new(seed),
            users: Tally::new(seed),
            first: 0,
        }
    }

    /// Adds what another listing has found.
    pub(super) fn add(&mut self, other: &Self) {
        self.markers.add(&other.markers);
        self.hints.add(&other.hints);
        self.users.add(&other.users);
        self.first = self.first.saturating_add(other.first);
    }
}
