//! The key under which a journal names ids.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A secret of 32 bytes that turns ids into HMACs. Who has it can tell whether the journal names a given
/// id. Without it the journal cannot be replayed. `Debug` does not show it.
#[derive(Clone)]
pub struct ErasureKey(Zeroizing<[u8; 32]>);

impl ErasureKey {
    /// Creates a key from 32 secret, random bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns what distinguishes this key from others. No kind of id is empty, so that it is no name.
    pub(crate) fn id(&self) -> String {
        let mut id = self.name("", "");
        id.truncate(16);
        id
    }

    /// Returns the HMAC of an id of a kind, as 64 hexadecimal digits. No two pairs of kind and id have the
    /// same input.
    pub(crate) fn name(&self, kind: &str, id: &str) -> String {
        // Keys of any length are valid, so that there is no error.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_slice()) else {
            return String::new();
        };
        mac.update(b"media-erasure/1\0");
        mac.update(kind.as_bytes());
        mac.update(b"\0");
        mac.update(id.as_bytes());
        let name = mac.finalize().into_bytes();
        name.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for ErasureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasureKey")
    }
}
