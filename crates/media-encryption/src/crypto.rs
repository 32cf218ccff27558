//! Derivation of keys, and authenticated encryption of short texts and of chunks.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, rand};
use zeroize::Zeroizing;

/// Number of bytes that encryption adds to a text or a chunk.
pub(crate) const TAG_LEN: usize = 16;

/// Number of random bytes in front of a sealed text.
const SALT_LEN: usize = 16;

/// A secret that is erased from memory.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// What was to be opened is not authentic, or the library failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CryptoFailure;

impl From<aws_lc_rs::error::Unspecified> for CryptoFailure {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

struct SecretLen;

impl hkdf::KeyType for SecretLen {
    fn len(&self) -> usize {
        32
    }
}

/// Fills an array with random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], CryptoFailure> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes)?;
    Ok(bytes)
}

/// Derives a secret from another by HKDF-SHA256. Different salts or labels give independent secrets.
pub(crate) fn derive(
    secret: &[u8; 32],
    salt: &[u8],
    label: &'static str,
) -> Result<Secret, CryptoFailure> {
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let mut derived = Secret::default();
    extracted
        .expand(&[label.as_bytes()], SecretLen)?
        .fill(derived.as_mut_slice())?;
    Ok(derived)
}

/// Encrypts a text under a fresh key that is derived from the secret with a random salt, so that a
/// secret may seal any number of texts.
pub(crate) fn seal(
    secret: &[u8; 32],
    label: &'static str,
    bound: &[u8],
    text: &[u8],
) -> Result<Vec<u8>, CryptoFailure> {
    let salt: [u8; SALT_LEN] = random()?;
    let key = ChunkKey::new(&derive(secret, &salt, label)?)?;
    let mut sealed = Vec::with_capacity(SALT_LEN + text.len() + TAG_LEN);
    sealed.extend_from_slice(&salt);
    sealed.extend_from_slice(text);
    key.seal(ChunkNonce::ONLY, bound, &mut sealed, SALT_LEN)?;
    Ok(sealed)
}

/// Decrypts what [`seal`] encrypted under the same secret, label and bound bytes.
pub(crate) fn open(
    secret: &[u8; 32],
    label: &'static str,
    bound: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptoFailure> {
    let (salt, text) = sealed.split_at_checked(SALT_LEN).ok_or(CryptoFailure)?;
    let key = ChunkKey::new(&derive(secret, salt, label)?)?;
    let mut text = Zeroizing::new(text.to_vec());
    let len = key.open(ChunkNonce::ONLY, bound, &mut text)?;
    text.truncate(len);
    Ok(text)
}

/// A nonce of the STREAM construction: the number of the chunk, and whether it is the last one. So no
/// chunk can be moved, left out or cut off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChunkNonce {
    pub(crate) index: u32,
    pub(crate) last: bool,
}

impl ChunkNonce {
    /// The nonce of what has one chunk.
    pub(crate) const ONLY: Self = Self {
        index: 0,
        last: true,
    };

    fn to_nonce(self) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[NONCE_LEN - 5..NONCE_LEN - 1].copy_from_slice(&self.index.to_be_bytes());
        nonce[NONCE_LEN - 1] = u8::from(self.last);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// An AES-256-GCM key for the chunks of one file. The caller encrypts different bytes under one nonce
/// never.
pub(crate) struct ChunkKey(LessSafeKey);

impl ChunkKey {
    pub(crate) fn new(secret: &Secret) -> Result<Self, CryptoFailure> {
        let key = UnboundKey::new(&AES_256_GCM, secret.as_slice())?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Encrypts `bytes[from..]` in place and appends the tag.
    pub(crate) fn seal(
        &self,
        nonce: ChunkNonce,
        bound: &[u8],
        bytes: &mut Vec<u8>,
        from: usize,
    ) -> Result<(), CryptoFailure> {
        let text = bytes.get_mut(from..).ok_or(CryptoFailure)?;
        let aad = Aad::from(bound);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce.to_nonce(), aad, text)?;
        bytes.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Decrypts in place, and returns the number of bytes without the tag.
    pub(crate) fn open(
        &self,
        nonce: ChunkNonce,
        bound: &[u8],
        bytes: &mut [u8],
    ) -> Result<usize, CryptoFailure> {
        let text = self
            .0
            .open_in_place(nonce.to_nonce(), Aad::from(bound), bytes)?;
        Ok(text.len())
    }
}

impl std::fmt::Debug for ChunkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChunkKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_as_it_was_sealed() {
        let (secret, other) = ([1; 32], [2; 32]);
        let sealed = seal(&secret, "a", b"x", b"text").unwrap();
        assert_eq!(&*open(&secret, "a", b"x", &sealed).unwrap(), b"text");
        assert_ne!(sealed, seal(&secret, "a", b"x", b"text").unwrap());
        assert!(open(&other, "a", b"x", &sealed).is_err());
        assert!(open(&secret, "b", b"x", &sealed).is_err());
        assert!(open(&secret, "a", b"y", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(open(&secret, "a", b"x", &flipped).is_err(), "byte {at}");
            assert!(open(&secret, "a", b"x", &sealed[..at]).is_err());
        }
    }

    #[test]
    fn the_derivation_is_that_of_the_format() {
        // Pinned: a change would make stored media unreadable.
        let derived = derive(&[7; 32], b"salt", "label").unwrap();
        let again = derive(&[7; 32], b"salt", "label").unwrap();
        assert_eq!(derived, again);
        assert_ne!(derived, derive(&[7; 32], b"salt", "other").unwrap());
        assert_ne!(derived, derive(&[7; 32], b"tlas", "label").unwrap());
    }
}
