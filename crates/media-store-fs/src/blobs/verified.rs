//! Memory of the blobs that this process has verified.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use media_types::Sha256;

use crate::sys::Identity;

/// Number of blobs in each of the two generations. Stores of as many contents in turn find all of them;
/// a full memory takes some 12 MB.
const GENERATION: usize = 64 * 1024;

/// What was verified: the content, and the modification time that the file had.
///
/// File systems reuse inode numbers, so a number alone says nothing. A file is taken for a verified
/// one only if its number, its modification time and the expected hash are all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verified {
    pub(super) sha256: Sha256,
    pub(super) modified: SystemTime,
}

/// The verified blobs, in two generations: when the young one is full, it replaces the old one.
/// What is in use moves to the young one and stays.
#[derive(Debug, Default)]
pub(super) struct VerifiedBlobs {
    generations: Mutex<[HashMap<Identity, Verified>; 2]>,
}

impl VerifiedBlobs {
    pub(super) fn contains(&self, file: Identity, verified: Verified) -> bool {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *generations;
        if young.get(&file) == Some(&verified) {
            return true;
        }
        if old.get(&file) != Some(&verified) {
            return false;
        }
        insert(&mut generations, file, verified);
        true
    }

    pub(super) fn insert(&self, file: Identity, verified: Verified) {
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        insert(&mut generations, file, verified);
    }
}

fn insert(generations: &mut [HashMap<Identity, Verified>; 2], file: Identity, verified: Verified) {
    let [young, old] = generations;
    if young.len() >= GENERATION {
        *old = std::mem::take(young);
    }
    young.insert(file, verified);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_is_not_forgotten() {
        let blobs = VerifiedBlobs::default();
        let verified = Verified {
            sha256: Sha256::EMPTY,
            modified: SystemTime::UNIX_EPOCH,
        };
        let file = |inode| Identity { device: 1, inode };
        for inode in 0..5 * GENERATION as u64 {
            blobs.insert(file(inode), verified);
            assert!(blobs.contains(file(0), verified), "after {inode}");
        }
        assert!(!blobs.contains(file(1), verified));
        let other = Verified {
            modified: SystemTime::now(),
            ..verified
        };
        assert!(!blobs.contains(file(0), other));
    }
}
