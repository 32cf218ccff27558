//! SHA-256 of bytes that arrive in pieces.

use media_types::Sha256;
use sha2::Digest;

/// A hasher that also counts the bytes.
///
/// ```
/// use media_storage::Sha256Hasher;
/// assert_eq!(Sha256Hasher::digest(b""), media_types::Sha256::EMPTY);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sha256Hasher {
    state: sha2::Sha256,
    len: u64,
}

impl Sha256Hasher {
    /// Creates a hasher.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.len += bytes.len() as u64;
    }

    /// Returns the number of bytes so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there were no bytes so far.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the hash of all bytes.
    pub fn finish(self) -> Sha256 {
        Sha256::from_bytes(self.state.finalize().into())
    }

    /// Returns the hash of bytes in memory.
    pub fn digest(bytes: &[u8]) -> Sha256 {
        Sha256::from_bytes(sha2::Sha256::digest(bytes).into())
    }
}
