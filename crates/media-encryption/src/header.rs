//! The header of encrypted media: which key, which media.
//!
//! It is a function of the key and the media alone, so that equal bytes are stored once.

use media_types::Sha256;

use crate::crypto::{ChunkNonce, CryptoFailure, TAG_LEN};
use crate::data_key::KeyId;
use crate::scope_key::{Mac, ScopeKey};

/// The first bytes of encrypted media; the last of them is the version of the format.
const MAGIC: &[u8; 8] = b"MEDENC\x00\x01";

const SEALED_LEN: usize = 32 + 8 + TAG_LEN;

/// Length of the header in bytes.
pub(crate) const HEADER_LEN: usize = MAGIC.len() + KeyId::LEN + 32 + SEALED_LEN;

/// The hash and the size of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) sha256: Sha256,
    pub(crate) len: u64,
}

/// What a header shows without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) key_id: KeyId,
    pub(crate) mac: Mac,
    sealed: [u8; SEALED_LEN],
}

impl Header {
    /// Returns the header of media under a key.
    pub(crate) fn seal(key: &ScopeKey, content: &Content) -> Result<Self, CryptoFailure> {
        let mac = key.mac(&content.sha256)?;
        let mut text = content.sha256.as_bytes().to_vec();
        text.extend_from_slice(&content.len.to_be_bytes());
        let header_key = key.header_key(&mac)?;
        header_key.seal(ChunkNonce::ONLY, &[], &mut text, 0)?;
        Ok(Self {
            key_id: key.id(),
            mac,
            sealed: text.try_into().map_err(|_| CryptoFailure)?,
        })
    }

    /// Returns what the header describes.
    pub(crate) fn open(&self, key: &ScopeKey) -> Result<Content, CryptoFailure> {
        let mut text = self.sealed;
        let header_key = key.header_key(&self.mac)?;
        header_key.open(ChunkNonce::ONLY, &[], &mut text)?;
        let (sha256, rest) = text.split_first_chunk().ok_or(CryptoFailure)?;
        let (len, _) = rest.split_first_chunk().ok_or(CryptoFailure)?;
        Ok(Content {
            sha256: Sha256::from_bytes(*sha256),
            len: u64::from_be_bytes(*len),
        })
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(self.key_id.as_bytes());
        bytes.extend_from_slice(&self.mac);
        bytes.extend_from_slice(&self.sealed);
        bytes
    }

    /// Reads a header; `None` if these are not the first bytes of encrypted media.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (key_id, rest) = rest.split_first_chunk()?;
        let (mac, rest) = rest.split_first_chunk()?;
        let (sealed, _) = rest.split_first_chunk()?;
        Some(Self {
            key_id: KeyId::from_bytes(*key_id),
            mac: *mac,
            sealed: *sealed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_key::DataKey;

    fn key(secret: u8) -> ScopeKey {
        let id = KeyId::from_bytes([9; KeyId::LEN]);
        ScopeKey::new(
            DataKey::new(id, [secret; 32]),
            tokio::time::Instant::now(),
            std::time::Duration::ZERO,
        )
    }

    #[test]
    fn headers_are_equal_for_equal_media_and_open_with_their_key() {
        let content = Content {
            sha256: Sha256::EMPTY,
            len: 7,
        };
        let header = Header::seal(&key(1), &content).unwrap();
        assert_eq!(header, Header::seal(&key(1), &content).unwrap());
        let bytes = header.to_bytes();
        assert_eq!(bytes.len(), HEADER_LEN);
        let read = Header::parse(&bytes).unwrap();
        assert_eq!(read.open(&key(1)), Ok(content));
        assert!(read.open(&key(2)).is_err());
        for at in MAGIC.len() + KeyId::LEN..HEADER_LEN {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let read = Header::parse(&flipped).unwrap();
            assert!(read.open(&key(1)).is_err(), "byte {at}");
        }
        assert!(Header::parse(&bytes[..HEADER_LEN - 1]).is_none());
    }
}
