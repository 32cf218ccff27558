//! The key that wraps data keys.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::{Zeroize as _, Zeroizing};

use crate::crypto::{self, CryptoFailure, Secret};
use crate::provider::{KeyError, KeyErrorKind};

/// Label of the derivation of wrapping keys.
const WRAPPED: &str = "media-encryption/1 wrapped";

/// A secret of 32 bytes that wraps data keys. `Debug` does not show it.
#[derive(Clone)]
pub struct MasterKey(Secret);

impl MasterKey {
    /// Creates a master key from 32 secret, random bytes.
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let key = Self(Zeroizing::new(bytes));
        bytes.zeroize();
        key
    }

    /// Reads a master key from 64 hexadecimal digits, as `openssl rand -hex 32` prints them. Space around
    /// them is ignored.
    ///
    /// # Errors
    /// `Config` for anything else. The error does not repeat the text.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let refuse = || {
            KeyError::new(
                KeyErrorKind::Config,
                "a master key is 64 hexadecimal digits, as `openssl rand -hex 32` prints them",
            )
        };
        let digits = text.trim().as_bytes();
        if digits.len() != 64 {
            return Err(refuse());
        }
        let mut bytes = Secret::default();
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16).ok_or_else(refuse)?;
                *byte = (*byte << 4) | value as u8;
            }
        }
        Ok(Self(bytes))
    }

    /// Returns what distinguishes master keys, and reveals nothing about them.
    pub(super) fn fingerprint(&self) -> [u8; 8] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice());
        let tag = hmac::sign(&key, b"media-encryption/1 master key");
        let mut fingerprint = [0; 8];
        fingerprint.copy_from_slice(&tag.as_ref()[..8]);
        fingerprint
    }

    /// Encrypts a secret that is bound to a name.
    pub(super) fn wrap(&self, name: &[u8], secret: &[u8; 32]) -> Result<Vec<u8>, CryptoFailure> {
        crypto::seal(&self.0, WRAPPED, name, secret)
    }

    /// Decrypts a secret that is bound to a name.
    pub(super) fn unwrap(&self, name: &[u8], wrapped: &[u8]) -> Result<Secret, CryptoFailure> {
        let text = crypto::open(&self.0, WRAPPED, name, wrapped)?;
        let mut secret = Secret::default();
        if text.len() != secret.len() {
            return Err(CryptoFailure);
        }
        secret.copy_from_slice(&text);
        Ok(secret)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}
