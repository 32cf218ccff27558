//! Hash and size of a body.

use media_types::Sha256;

use crate::hash::Sha256Hasher;

/// SHA-256 and size of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Digest {
    /// Hash of all bytes.
    pub sha256: Sha256,
    /// Number of bytes.
    pub len: u64,
}

impl Digest {
    /// Creates the digest of a body whose hash and size are known.
    pub fn new(sha256: Sha256, len: u64) -> Self {
        Self { sha256, len }
    }

    /// Returns the digest of everything that a hasher was given.
    pub fn of(hasher: Sha256Hasher) -> Self {
        let len = hasher.len();
        Self {
            sha256: hasher.finish(),
            len,
        }
    }

    /// Returns the digest of bytes in memory.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let mut hasher = Sha256Hasher::new();
        hasher.update(bytes);
        Self::of(hasher)
    }
}
