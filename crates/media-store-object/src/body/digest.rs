//! Hash and size of a body.

use media_storage::Sha256Hasher;
use media_types::Sha256;

/// Hash and size of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) sha256: Sha256,
    pub(crate) len: u64,
}

impl Digest {
    /// Finishes a hasher.
    pub(crate) fn of(hasher: Sha256Hasher) -> Self {
        let len = hasher.len();
        Self {
            sha256: hasher.finish(),
            len,
        }
    }
}
