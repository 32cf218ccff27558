//! SHA-256 over bytes that arrive in pieces.

use media_types::Sha256;
use sha2::Digest;

/// Hashes bytes as they pass, and counts them.
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
    /// A hasher at the start.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.len += bytes.len() as u64;
    }

    /// How many bytes have passed.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether no bytes have passed.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The hash of all bytes.
    pub fn finish(self) -> Sha256 {
        Sha256::from_bytes(self.state.finalize().into())
    }

    /// The hash of these bytes.
    pub fn digest(bytes: &[u8]) -> Sha256 {
        Sha256::from_bytes(sha2::Sha256::digest(bytes).into())
    }
}
