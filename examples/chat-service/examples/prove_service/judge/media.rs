//! What lies in a media store.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::model::hex;

/// Media that a reference leads to.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) sidecar: Value,
    /// SHA-256 of the bytes that a reader gets; `None` where there are none.
    pub(crate) sum: Option<String>,
}

/// All that a media store holds.
#[derive(Debug, Default)]
pub(crate) struct MediaFound {
    /// Items by the ids of their references.
    pub(crate) items: BTreeMap<String, Item>,
    /// SHA-256 of all bytes that lie anywhere, with one place of each.
    pub(crate) sums: BTreeMap<String, String>,
    /// Objects or files that no item needs.
    pub(crate) leftovers: BTreeSet<String>,
    pub(crate) bytes: usize,
}

impl MediaFound {
    /// Notes bytes that lie somewhere and returns their SHA-256.
    pub(super) fn note(&mut self, place: &str, bytes: &[u8]) -> String {
        let sum = hex(&Sha256::digest(bytes));
        self.bytes += bytes.len();
        self.sums.insert(sum.clone(), place.to_owned());
        sum
    }
}

impl Item {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.sidecar[name].as_str()
    }
}
