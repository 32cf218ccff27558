//! The record of a reference, as it lies beside media and in its marker.

use media_storage::{MAX_SIDECAR_LEN, Operation, Sidecar, StorageError, StorageErrorKind};
use object_store::path::Path;
use serde_json::Value;

use crate::bucket::Bucket;
use crate::keys::{Keys, MarkerName, MediaKey};
use crate::protocol::Token;

/// The field of a sidecar that tells under which generation the bytes are.
const GENERATION: &str = "generation";

/// The field of a sidecar that a sweep copied from the marker: it counts only while the marker is
/// there.
const RESTORED: &str = "restored";

/// Where the bytes of a reference are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Under the reference's own name.
    Own,
    /// Shared, under this generation of their hash.
    Shared(Token),
}

/// A sidecar, and where the bytes are.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) sidecar: Sidecar,
    pub(crate) place: Place,
    restored: bool,
}

impl Described {
    /// Reads the sidecar of a reference; `None` for that of a store whose prefix lies below ours.
    fn from_json(json: &[u8], key: &MediaKey) -> Result<Option<Self>, StorageError> {
        let described = Self::of_any(json)?;
        let outside = key.id().strip_suffix(described.sidecar.id.as_str());
        match outside {
            Some("") => Ok(Some(described)),
            Some(directory) if directory.ends_with('/') => Ok(None),
            _ => Err(corrupted("the sidecar is of other media")),
        }
    }

    /// Reads the copy of a sidecar that a marker holds, and of which reference it is.
    pub(crate) fn of_marker(
        json: &[u8],
        marker: &MarkerName,
    ) -> Result<(MediaKey, Self), StorageError> {
        let described = Self::of_any(json)?;
        let fits = described.place == Place::Shared(marker.generation)
            && described.sidecar.sha256 == marker.sha256;
        match MediaKey::parse(&described.sidecar.id) {
            Some(key) if fits && key.unique() == marker.unique => Ok((key, described)),
            _ => Err(corrupted("the marker is of other media")),
        }
    }

    fn of_any(json: &[u8]) -> Result<Self, StorageError> {
        let sidecar = Sidecar::from_json(json)?;
        let place = match sidecar.unknown.get(GENERATION) {
            None => Place::Own,
            Some(value) => {
                let token = value.as_str().and_then(|text| text.parse().ok());
                Place::Shared(token.ok_or_else(|| corrupted("the sidecar names no generation"))?)
            }
        };
        let restored = sidecar.unknown.contains_key(RESTORED);
        Ok(Self {
            sidecar,
            place,
            restored,
        })
    }

    /// Whether this stands for something. A sweep that restored the sidecar may have been overtaken
    /// by a deletion, so that here the marker has the last word.
    pub(crate) async fn stands(
        &self,
        bucket: &Bucket,
        keys: &Keys,
        key: &MediaKey,
    ) -> Result<bool, StorageError> {
        match self.place {
            Place::Shared(generation) if self.restored => {
                let marker = keys.marker(self.sidecar.sha256, generation, key.unique())?;
                Ok(bucket.head(&marker).await?.is_some())
            }
            _ => Ok(true),
        }
    }

    /// The sidecar as a sweep writes it that found the marker alone.
    pub(crate) fn restored_json(&self) -> Result<Vec<u8>, StorageError> {
        let mut sidecar = self.sidecar.clone();
        sidecar
            .unknown
            .insert(RESTORED.to_owned(), Value::Bool(true));
        sidecar.to_json()
    }

    /// Where the bytes are.
    pub(crate) fn bytes(&self, keys: &Keys, key: &MediaKey) -> Result<Path, StorageError> {
        match self.place {
            Place::Own => keys.media(key),
            Place::Shared(generation) => keys.blob(self.sidecar.sha256, generation),
        }
    }
}

/// The sidecar of a reference that shares its bytes.
pub(crate) fn shared_json(sidecar: &Sidecar, generation: Token) -> Result<Vec<u8>, StorageError> {
    let mut sidecar = sidecar.clone();
    let value = Value::String(generation.to_string());
    sidecar.unknown.insert(GENERATION.to_owned(), value);
    sidecar.to_json()
}

fn corrupted(reason: &'static str) -> StorageError {
    StorageError::new(StorageErrorKind::Corrupted, Operation::Retrieve).with_reason(reason)
}

/// Reads the sidecar of a reference from the bucket; `None` where there is none.
pub(crate) async fn read(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
) -> Result<Option<Described>, StorageError> {
    let Some((json, _)) = bucket.get(&keys.sidecar(key)?, MAX_SIDECAR_LEN).await? else {
        return Ok(None);
    };
    match Described::from_json(&json, key) {
        Ok(described) => Ok(described),
        Err(error) => Err(bucket.adopt(error).with_key(key.id())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_storage::{MediaMetadata, RetentionPolicy};
    use media_types::{Mime, Sha256};

    #[test]
    fn the_generation_goes_through_the_sidecar() {
        let id = "ab12cd-0f3c9a7e51b2k4m8n1p6r9t2vw.png";
        let sidecar = Sidecar::new(
            id,
            Mime::IMAGE_PNG,
            3,
            Sha256::EMPTY,
            MediaMetadata::new(),
            RetentionPolicy::Retain,
            chrono::DateTime::UNIX_EPOCH,
        );
        let key = MediaKey::parse(id).unwrap();
        let read = |json: &[u8]| Described::from_json(json, &key).map(Option::unwrap);
        let own = read(&sidecar.to_json().unwrap()).unwrap();
        assert_eq!(own.place, Place::Own);
        let json = shared_json(&sidecar, Token::new(5)).unwrap();
        let shared = read(&json).unwrap();
        assert_eq!(shared.place, Place::Shared(Token::new(5)));
        let bad = String::from_utf8(json).unwrap().replace("00005", "0000x");
        assert!(read(bad.as_bytes()).is_err());
    }
}
