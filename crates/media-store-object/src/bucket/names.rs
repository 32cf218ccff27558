//! Names that reveal nothing: keyed hashes of content hashes and of user ids.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use media_storage::{Operation, StorageError, StorageErrorKind};
use media_types::{Sha256, UserId};
use secrecy::{ExposeSecret as _, SecretBox};

/// Length of a key, in bytes.
pub(crate) const NAME_KEY_LEN: usize = 32;

/// The key of all names in a store.
///
/// A name is an HMAC-SHA-256, so that nobody who has no key can tell whether a bucket contains a
/// given file, or media of a given user.
pub(crate) struct NameKey(SecretBox<[u8; NAME_KEY_LEN]>);

impl fmt::Debug for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameKey")
    }
}

/// Name of the objects of one content hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ContentName(Sha256);

impl fmt::Display for ContentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ContentName {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// Returns the name of this digest.
    pub(crate) fn of_digest(digest: Sha256) -> Self {
        Self(digest)
    }

    /// Returns the digest that the name consists of.
    pub(crate) fn digest(self) -> Sha256 {
        self.0
    }
}

impl NameKey {
    pub(crate) fn new(key: [u8; NAME_KEY_LEN]) -> Self {
        Self(SecretBox::new(Box::new(key)))
    }

    /// Draws a key from the operating system.
    pub(crate) fn random() -> Result<Self, StorageError> {
        let mut key = [0; NAME_KEY_LEN];
        getrandom::fill(&mut key).map_err(|error| {
            StorageError::new(StorageErrorKind::Unavailable, Operation::Open)
                .with_reason("the operating system provides no random bytes")
                .with_source(error)
        })?;
        Ok(Self::new(key))
    }

    /// Parses a key of 64 hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let key: Sha256 = text.trim().parse().ok()?;
        Some(Self::new(*key.as_bytes()))
    }

    /// Returns the key as 64 hexadecimal digits.
    pub(crate) fn to_hex(&self) -> String {
        Sha256::from_bytes(*self.0.expose_secret()).to_hex()
    }

    fn mac(&self, domain: &[u8], data: &[u8]) -> Sha256 {
        // A key of any length is valid; this one has the length of the digest.
        let Ok(mac) = Hmac::<sha2::Sha256>::new_from_slice(self.0.expose_secret()) else {
            return Sha256::EMPTY;
        };
        let digest = mac.chain_update(domain).chain_update(data).finalize();
        Sha256::from_bytes(digest.into_bytes().into())
    }

    /// Returns the name of the objects of a content hash.
    pub(crate) fn content(&self, sha256: Sha256) -> ContentName {
        ContentName(self.mac(b"content\0", sha256.as_bytes()))
    }

    /// Returns the name of a user.
    pub(crate) fn user(&self, user: &UserId) -> String {
        self.mac(b"user\0", user.as_ref().as_bytes()).to_hex()
    }

    /// Returns what distinguishes keys without revealing them.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hex = self.mac(b"fingerprint\0", b"").to_hex();
        hex.truncate(16);
        hex
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_by_key_and_purpose() {
        let (one, other) = (NameKey::new([1; 32]), NameKey::new([2; 32]));
        let hash = Sha256::EMPTY;
        assert_ne!(one.content(hash), other.content(hash));
        assert_ne!(one.content(hash).to_string(), hash.to_hex());
        assert_ne!(one.fingerprint(), other.fingerprint());
        let user: UserId = "user-1".parse().unwrap();
        assert_ne!(one.user(&user), other.user(&user));
        assert!(!format!("{one:?}").contains("01"));
        let same = NameKey::parse(&one.to_hex()).unwrap();
        assert_eq!(same.content(hash), one.content(hash));
        assert!(NameKey::parse("abc").is_none());
    }

    #[test]
    fn names_are_the_documented_ones() {
        // HMAC-SHA-256 of "content\0" and the hash, under a key of zeros.
        let key = NameKey::new([0; 32]);
        let name = ContentName::parse(&key.content(Sha256::EMPTY).to_string()).unwrap();
        assert_eq!(name, key.content(Sha256::EMPTY));
    }
}
