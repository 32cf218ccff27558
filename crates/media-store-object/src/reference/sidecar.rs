//! Sidecars: the JSON beside media, and its copy in the marker of a reference.

use media_storage::{MAX_SIDECAR_LEN, Operation, Sidecar, StorageError, StorageErrorKind};
use object_store::path::Path;
use serde_json::Value;

use crate::bucket::Bucket;
use crate::bucket::{Keys, MarkerName, MediaKey};
use crate::protocol::Nonce;

/// The field of a sidecar that names the generation of shared bytes.
const GENERATION: &str = "generation";

/// The field of a sidecar that a sweep copied from the marker. Such a sidecar is valid only while
/// the marker exists.
const RESTORED: &str = "restored";

/// Where the bytes of a reference are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteLocation {
    /// Under the name of the reference.
    Own,
    /// Shared, under this generation of their hash.
    Shared(Nonce),
}

/// A sidecar, and where the bytes of its reference are.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    pub(crate) sidecar: Sidecar,
    pub(crate) location: ByteLocation,
    restored: bool,
}

impl Descriptor {
    /// Parses the sidecar of a reference; `None` if it belongs to a store with a longer prefix.
    fn from_json(json: &[u8], key: &MediaKey) -> Result<Option<Self>, StorageError> {
        let descriptor = Self::of_any(json)?;
        let outside = key.id().strip_suffix(descriptor.sidecar.id.as_str());
        match outside {
            Some("") => Ok(Some(descriptor)),
            Some(directory) if directory.ends_with('/') => Ok(None),
            _ => Err(corrupted("the sidecar belongs to other media")),
        }
    }

    /// Parses the copy of a sidecar in a marker, and returns the key of its reference.
    pub(crate) fn of_marker(
        json: &[u8],
        marker: &MarkerName,
    ) -> Result<(MediaKey, Self), StorageError> {
        let descriptor = Self::of_any(json)?;
        let fits = descriptor.location == ByteLocation::Shared(marker.generation)
            && descriptor.sidecar.sha256 == marker.sha256;
        match MediaKey::parse(&descriptor.sidecar.id) {
            Some(key) if fits && key.token() == marker.token => Ok((key, descriptor)),
            _ => Err(corrupted("the marker belongs to other media")),
        }
    }

    fn of_any(json: &[u8]) -> Result<Self, StorageError> {
        let sidecar = Sidecar::from_json(json)?;
        let location = match sidecar.unknown.get(GENERATION) {
            None => ByteLocation::Own,
            Some(value) => {
                let token = value.as_str().and_then(|text| text.parse().ok());
                ByteLocation::Shared(
                    token.ok_or_else(|| corrupted("the generation in the sidecar is not valid"))?,
                )
            }
        };
        let restored = sidecar.unknown.contains_key(RESTORED);
        Ok(Self {
            sidecar,
            location,
            restored,
        })
    }

    /// Whether the reference exists. A sweep that restored the sidecar may have been overtaken by a
    /// deletion, so that the marker decides for a restored sidecar.
    pub(crate) async fn exists(
        &self,
        bucket: &Bucket,
        keys: &Keys,
        key: &MediaKey,
    ) -> Result<bool, StorageError> {
        match self.location {
            ByteLocation::Shared(generation) if self.restored => {
                let marker = keys.marker(self.sidecar.sha256, generation, key.token())?;
                Ok(bucket.head(&marker).await?.is_some())
            }
            _ => Ok(true),
        }
    }

    /// Serializes the sidecar that a sweep restores from a marker.
    pub(crate) fn restored_json(&self) -> Result<Vec<u8>, StorageError> {
        let mut sidecar = self.sidecar.clone();
        sidecar
            .unknown
            .insert(RESTORED.to_owned(), Value::Bool(true));
        sidecar.to_json()
    }

    /// Returns the name of the object that holds the bytes.
    pub(crate) fn bytes(&self, keys: &Keys, key: &MediaKey) -> Result<Path, StorageError> {
        match self.location {
            ByteLocation::Own => keys.media(key),
            ByteLocation::Shared(generation) => keys.blob(self.sidecar.sha256, generation),
        }
    }
}

/// Serializes the sidecar of a reference that shares its bytes.
pub(crate) fn shared_json(sidecar: &Sidecar, generation: Nonce) -> Result<Vec<u8>, StorageError> {
    let mut sidecar = sidecar.clone();
    let value = Value::String(generation.to_string());
    sidecar.unknown.insert(GENERATION.to_owned(), value);
    sidecar.to_json()
}

fn corrupted(reason: &'static str) -> StorageError {
    StorageError::new(StorageErrorKind::Corrupted, Operation::Retrieve).with_reason(reason)
}

/// Reads the sidecar of a reference from the bucket; `None` if there is none.
pub(crate) async fn read(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
) -> Result<Option<Descriptor>, StorageError> {
    let Some((json, _)) = bucket.get(&keys.sidecar(key)?, MAX_SIDECAR_LEN).await? else {
        return Ok(None);
    };
    match Descriptor::from_json(&json, key) {
        Ok(descriptor) => Ok(descriptor),
        Err(error) => Err(bucket.adopt(error).with_key(key.id())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_storage::{MediaMetadata, RetentionPolicy};
    use media_types::{Mime, Sha256};

    #[test]
    fn the_generation_is_kept_in_the_sidecar() {
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
        let read = |json: &[u8]| Descriptor::from_json(json, &key).map(Option::unwrap);
        let own = read(&sidecar.to_json().unwrap()).unwrap();
        assert_eq!(own.location, ByteLocation::Own);
        let json = shared_json(&sidecar, Nonce::new(5)).unwrap();
        let shared = read(&json).unwrap();
        assert_eq!(shared.location, ByteLocation::Shared(Nonce::new(5)));
        let bad = String::from_utf8(json).unwrap().replace("00005", "0000x");
        assert!(read(bad.as_bytes()).is_err());
    }
}
