//! Blobs that this process has confirmed to exist.
//!
//! The protocol guarantees that they exist, unless a lifecycle rule or an operator removes them.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use media_types::Sha256;

use crate::protocol::Nonce;

/// Maximum number of blobs that are remembered, in about 1 MiB. A blob that was forgotten is checked
/// again.
const MAX_REMEMBERED: usize = 65_536;

/// Blobs that were written or found by this process.
#[derive(Default)]
pub(crate) struct ConfirmedBlobs {
    hasher: RandomState,
    confirmed: Mutex<HashSet<u64>>,
}

impl fmt::Debug for ConfirmedBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfirmedBlobs")
    }
}

impl ConfirmedBlobs {
    pub(crate) fn contains(&self, sha256: Sha256, generation: Nonce) -> bool {
        let hash = self.hasher.hash_one((sha256, generation));
        let confirmed = self.confirmed.lock();
        let confirmed = confirmed.unwrap_or_else(PoisonError::into_inner);
        confirmed.contains(&hash)
    }

    pub(crate) fn insert(&self, sha256: Sha256, generation: Nonce) {
        let hash = self.hasher.hash_one((sha256, generation));
        let confirmed = self.confirmed.lock();
        let mut confirmed = confirmed.unwrap_or_else(PoisonError::into_inner);
        if confirmed.len() >= MAX_REMEMBERED {
            confirmed.clear();
        }
        confirmed.insert(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let blobs = ConfirmedBlobs::default();
        let (hash, last) = (Sha256::EMPTY, 3 * MAX_REMEMBERED as u128);
        for n in 0..=last {
            blobs.insert(hash, Nonce::new(n));
            assert!(blobs.contains(hash, Nonce::new(n)));
        }
        assert!(blobs.confirmed.lock().unwrap().len() <= MAX_REMEMBERED);
        assert!(!blobs.contains(hash, Nonce::new(last + 1)));
    }
}
