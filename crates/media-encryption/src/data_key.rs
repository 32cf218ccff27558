//! Data keys and their ids.

use std::fmt;

use zeroize::Zeroizing;

/// The id of a data key, which is stored beside everything that the key encrypts.
///
/// The provider chooses it. It must be unique for ever, also after its key was forgotten, and must not
/// reveal the owner.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; Self::LEN]);

impl KeyId {
    /// Length in bytes.
    pub const LEN: usize = 24;

    /// Creates an id from its bytes.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A data key, unwrapped: 32 secret bytes with their id. It is erased from memory when it is dropped,
/// and `Debug` does not show it.
#[derive(Clone)]
pub struct DataKey {
    id: KeyId,
    secret: Zeroizing<[u8; 32]>,
}

impl DataKey {
    /// Creates a key from its id and its secret, which must be random.
    pub fn new(id: KeyId, secret: [u8; 32]) -> Self {
        Self {
            id,
            secret: Zeroizing::new(secret),
        }
    }

    /// Returns the id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the secret.
    pub fn expose_secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.id)
    }
}
