//! Shared bytes that this process has seen to be there.
//!
//! The protocol promises them; a lifecycle rule or a careless hand in the bucket does not ask it.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use media_types::Sha256;

use crate::protocol::Token;

/// How many are remembered: about 1 MiB. What is forgotten is looked at again.
const MOST: usize = 65_536;

/// Generations whose bytes were written or seen by this process.
#[derive(Default)]
pub(crate) struct Known {
    hasher: RandomState,
    seen: Mutex<HashSet<u64>>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

impl Known {
    pub(crate) fn contains(&self, sha256: Sha256, generation: Token) -> bool {
        let hash = self.hasher.hash_one((sha256, generation));
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.contains(&hash)
    }

    pub(crate) fn insert(&self, sha256: Sha256, generation: Token) {
        let hash = self.hasher.hash_one((sha256, generation));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let known = Known::default();
        let (hash, last) = (Sha256::EMPTY, 3 * MOST as u128);
        for n in 0..=last {
            known.insert(hash, Token::new(n));
            assert!(known.contains(hash, Token::new(n)));
        }
        assert!(known.seen.lock().unwrap().len() <= MOST);
        assert!(!known.contains(hash, Token::new(last + 1)));
    }
}
