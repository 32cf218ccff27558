//! What the listing of a part has found.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use object_store::ObjectMeta;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::super::tally::{Suspects, Tally};
use crate::protocol::Nonce;

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    path: String,
    size: u64,
    modified: DateTime<Utc>,
}

impl From<&ObjectMeta> for Listed {
    fn from(meta: &ObjectMeta) -> Self {
        Self {
            path: meta.location.to_string(),
            size: meta.size,
            modified: meta.last_modified,
        }
    }
}

impl Listed {
    pub(super) fn new(path: &Path, size: u64, modified: DateTime<Utc>) -> Self {
        Self {
            path: path.to_string(),
            size,
            modified,
        }
    }

    /// Returns what the listing showed; `None` if the name is not one of an object.
    pub(super) fn meta(self) -> Option<ObjectMeta> {
        Some(ObjectMeta {
            location: Path::parse(&self.path).ok()?,
            last_modified: self.modified,
            size: self.size,
            e_tag: None,
            version: None,
        })
    }
}

/// Objects that are acted on at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lists {
    /// Provisional markers that are older than the grace.
    pub(super) provisional: Vec<Listed>,
    /// Old tombstones of markers.
    pub(super) buried_markers: Vec<Listed>,
    /// Old tombstones of sidecars.
    pub(super) buried_sidecars: Vec<Listed>,
    /// What a second listing collected.
    pub(super) collected: Vec<Listed>,
    /// Number of sidecars that are not of the second protocol.
    pub(super) first: u64,
}

/// What a listing, or several, have found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// References with a sidecar, and those with a sealed marker.
    pub(super) markers: Tally,
    /// References whose sidecar says that they expire, and those with a hint.
    pub(super) hints: Tally,
    /// References whose sidecar says that they have a user, and those in an index.
    pub(super) users: Tally,
    pub(super) lists: Lists,
}

impl Found {
    pub(super) fn new(seed: Nonce) -> Self {
        Self {
            markers: Tally::new(seed),
            hints: Tally::new(seed),
            users: Tally::new(seed),
            lists: Lists::default(),
        }
    }

    /// Adds what another listing has found.
    pub(super) fn add(&mut self, other: Self) {
        self.markers.add(&other.markers);
        self.hints.add(&other.hints);
        self.users.add(&other.users);
        let lists = other.lists;
        self.lists.provisional.extend(lists.provisional);
        self.lists.buried_markers.extend(lists.buried_markers);
        self.lists.buried_sidecars.extend(lists.buried_sidecars);
        self.lists.collected.extend(lists.collected);
        self.lists.first += lists.first;
    }
}

/// What a second listing collects.
pub(super) struct Wanted {
    /// References with either a sidecar or a sealed marker, or with either of hint and index.
    pub(super) markers: Suspects,
    pub(super) hints: Suspects,
    pub(super) users: Suspects,
    /// Tokens of references with an old tombstone of the marker, and none of the sidecar.
    pub(super) tokens: HashSet<String>,
}

impl Wanted {
    pub(super) fn is_empty(&self) -> bool {
        let suspects = [&self.markers, &self.hints, &self.users];
        self.tokens.is_empty() && suspects.iter().all(|suspects| suspects.is_empty())
    }
}
