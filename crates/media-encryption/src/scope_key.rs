//! A data key and the keys that are derived from it.

use std::time::Duration;

use aws_lc_rs::hmac;
use media_types::Sha256;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::crypto::{self, ChunkKey, CryptoFailure, Secret};
use crate::data_key::{DataKey, KeyId};

/// An unwrapped data key, with the time at which its provider was asked and that from which it must not
/// be used.
pub(crate) struct ScopeKey {
    key: DataKey,
    asked: Instant,
    expires: Instant,
}

/// The HMAC of the hash of some bytes. It stands for the hash where the key is not available.
pub(crate) type Mac = [u8; 32];

impl ScopeKey {
    pub(crate) fn new(key: DataKey, asked: Instant, lifetime: Duration) -> Self {
        Self {
            key,
            asked,
            expires: asked + lifetime,
        }
    }

    pub(crate) fn id(&self) -> KeyId {
        self.key.id()
    }

    pub(crate) fn asked(&self) -> Instant {
        self.asked
    }

    pub(crate) fn expires(&self) -> Instant {
        self.expires
    }

    /// Returns the HMAC of a hash.
    pub(crate) fn mac(&self, sha256: &Sha256) -> Result<Mac, CryptoFailure> {
        let secret = self.derive(b"hmac", "media-encryption/1 hmac")?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice());
        let mut mac = Mac::default();
        mac.copy_from_slice(hmac::sign(&key, sha256.as_bytes()).as_ref());
        Ok(mac)
    }

    /// Returns the key of the file with a hash. Equal bytes have equal keys, and so equal ciphertexts.
    pub(crate) fn file_key(&self, sha256: &Sha256) -> Result<ChunkKey, CryptoFailure> {
        ChunkKey::new(&self.derive(sha256.as_bytes(), "media-encryption/1 file")?)
    }

    /// Returns the key of the header of the file with a MAC.
    pub(crate) fn header_key(&self, mac: &Mac) -> Result<ChunkKey, CryptoFailure> {
        ChunkKey::new(&self.derive(mac, "media-encryption/1 header")?)
    }

    /// Encrypts a text that is bound to other bytes.
    pub(crate) fn seal(&self, bound: &[u8], text: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        crypto::seal(self.key.expose_secret(), SEALED, bound, text)
    }

    /// Decrypts what [`seal`](Self::seal) encrypted.
    pub(crate) fn open(
        &self,
        bound: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoFailure> {
        crypto::open(self.key.expose_secret(), SEALED, bound, sealed)
    }

    fn derive(&self, salt: &[u8], label: &'static str) -> Result<Secret, CryptoFailure> {
        crypto::derive(self.key.expose_secret(), salt, label)
    }
}

const SEALED: &str = "media-encryption/1 sealed";

impl std::fmt::Debug for ScopeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ScopeKey({})", self.key.id())
    }
}
