//! What belongs to one reference and is secret: it takes the place of the file name in the inner store.

use std::collections::BTreeMap;

use media_storage::MediaMetadata;
use serde::{Deserialize, Serialize};

use crate::crypto::CryptoFailure;
use crate::data_key::KeyId;
use crate::header::Content;
use crate::scope_key::{Mac, ScopeKey};
use crate::z85;

/// The first characters of an envelope; the digit is the version of the format.
const PREFIX: &str = "menc1.";

/// An envelope, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) key_id: KeyId,
    pub(crate) mac: Mac,
    sealed: Vec<u8>,
}

/// What an envelope contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) content: Content,
    pub(crate) filename: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// The sealed form of a letter. Fields of later versions are ignored.
#[derive(Serialize, Deserialize)]
struct Wire {
    sha256: media_types::Sha256,
    size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

impl Letter {
    /// Returns what describes the media alone, without what its metadata said.
    pub(crate) fn bare(content: Content) -> Self {
        Self {
            content,
            filename: None,
            tags: BTreeMap::new(),
        }
    }

    /// Returns the letter for media with this metadata.
    pub(crate) fn new(content: Content, metadata: &MediaMetadata) -> Self {
        Self {
            content,
            filename: metadata.filename().map(str::to_owned),
            tags: metadata.tags().clone(),
        }
    }

    /// Returns the metadata with file name and tags in place of the envelope.
    pub(crate) fn reveal(self, metadata: MediaMetadata) -> MediaMetadata {
        let metadata = match self.filename {
            Some(name) => metadata.with_filename(name),
            None => metadata.without_filename(),
        };
        let tags = self.tags.into_iter();
        tags.fold(metadata, |metadata, (name, value)| {
            metadata.with_tag(name, value)
        })
    }
}

impl Envelope {
    pub(crate) fn seal(key: &ScopeKey, letter: Letter) -> Result<Self, CryptoFailure> {
        let mac = key.mac(&letter.content.sha256)?;
        let wire = Wire {
            sha256: letter.content.sha256,
            size: letter.content.len,
            filename: letter.filename,
            tags: letter.tags,
        };
        let text = serde_json::to_vec(&wire).map_err(|_| CryptoFailure)?;
        Ok(Self {
            key_id: key.id(),
            mac,
            sealed: key.seal(&bound(key.id(), &mac), &text)?,
        })
    }

    pub(crate) fn open(&self, key: &ScopeKey) -> Result<Letter, CryptoFailure> {
        let text = key.open(&bound(self.key_id, &self.mac), &self.sealed)?;
        let wire: Wire = serde_json::from_slice(&text).map_err(|_| CryptoFailure)?;
        Ok(Letter {
            content: Content {
                sha256: wire.sha256,
                len: wire.size,
            },
            filename: wire.filename,
            tags: wire.tags,
        })
    }

    /// Returns the metadata with the envelope in place of file name and tags.
    pub(crate) fn put_into(&self, metadata: MediaMetadata) -> MediaMetadata {
        let mut bytes = bound(self.key_id, &self.mac);
        bytes.extend_from_slice(&self.sealed);
        let metadata = metadata.without_tags();
        metadata.with_filename(format!("{PREFIX}{}", z85::encode(&bytes)))
    }

    /// Returns the envelope in metadata; `None` if it is lost or damaged.
    pub(crate) fn of(metadata: &MediaMetadata) -> Option<Self> {
        let bytes = z85::decode(metadata.filename()?.strip_prefix(PREFIX)?)?;
        let (key_id, rest) = bytes.split_first_chunk()?;
        let (mac, sealed) = rest.split_first_chunk()?;
        Some(Self {
            key_id: KeyId::from_bytes(*key_id),
            mac: *mac,
            sealed: sealed.to_vec(),
        })
    }
}

fn bound(key_id: KeyId, mac: &Mac) -> Vec<u8> {
    [key_id.as_bytes().as_slice(), mac].concat()
}
