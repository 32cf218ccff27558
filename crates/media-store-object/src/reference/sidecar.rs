//! Sidecars: the JSON beside media, and its copy in the marker of a reference.

use std::error::Error;
use std::fmt;

use media_storage::{
    MAX_SIDECAR_LEN, Operation, ParsedSidecar, SIDECAR_VERSION, Sidecar, StorageError,
    StorageErrorKind,
};
use object_store::path::Path;
use serde_json::Value;

use super::flags::{BLOCK, SidecarFlags};
use super::tombstone::Tombstone;
use crate::bucket::{
    Bucket, Keys, MarkerName, MarkerState, MediaKey, SecondKeys, SecondMarker, Version,
};
use crate::protocol::Nonce;

/// The field of a sidecar that names the generation of a blob.
const GENERATION: &str = "generation";

/// The field of a sidecar that a sweep copied from the marker. Such a sidecar is valid only while
/// the marker exists.
const RESTORED: &str = "restored";

/// The field of a sidecar that an import wrote: the revision of the reference.
const REVISION: &str = "revision";

/// The field of a sidecar of media that an import is still writing as an object of its own.
const INCOMING: &str = "incoming";

/// The field of a sidecar that was changed since it was stored: a number that no other version has.
const CHANGE: &str = "change";

/// Where the bytes of a reference are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteLocation {
    /// Under the name of the reference.
    Own,
    /// Shared, under this generation of their hash.
    Shared(Nonce),
}

/// The protocol that a reference was stored by, and is deleted and collected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    First,
    Second,
}

/// Format version of sidecars of the second protocol. A program that knows only the first takes them
/// for damaged.
const SECOND_VERSION: u32 = 2;

/// The cause of an error about a sidecar that a later version wrote. Such media is not damaged: no
/// operation removes or changes it.
#[derive(Clone, Copy, Debug)]
struct LaterVersion;

impl fmt::Display for LaterVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the media belongs to a later version of the store")
    }
}

impl Error for LaterVersion {}

/// Whether an error says that a later version wrote the sidecar, and not that it is damaged.
pub(crate) fn is_of_later_version(error: &StorageError) -> bool {
    let source = error.source();
    source.is_some_and(|source| source.is::<LaterVersion>())
}

/// What is under the name of a sidecar.
#[derive(Clone, Debug)]
pub(crate) enum SidecarRead {
    Missing,
    /// The tombstone of a deletion.
    Tombstone,
    /// The tombstone of a sidecar that was retired.
    Retired,
    /// A sidecar of a store with a longer prefix.
    Foreign,
    Present(Box<Descriptor>),
}

/// A sidecar, and where the bytes of its reference are.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    pub(crate) sidecar: Sidecar,
    pub(crate) location: ByteLocation,
    pub(crate) protocol: Protocol,
    pub(crate) restored: bool,
    /// The revision of the reference, if an import stored it.
    pub(crate) revision: Option<Nonce>,
    /// Whether an import is still writing the media, or was cut.
    pub(crate) incoming: bool,
}

impl Descriptor {
    /// Parses the sidecar of a reference; `None` if it belongs to a store with a longer prefix.
    fn from_json(
        json: &[u8],
        key: &MediaKey,
        supported: u32,
    ) -> Result<Option<Self>, StorageError> {
        let descriptor = Self::of_any(json, supported)?;
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
        let descriptor = Self::of_any(json, SIDECAR_VERSION)?;
        let fits = descriptor.location == ByteLocation::Shared(marker.generation)
            && descriptor.sidecar.sha256 == marker.sha256;
        match MediaKey::parse(&descriptor.sidecar.id) {
            Some(key) if fits && key.token() == marker.token => Ok((key, descriptor)),
            _ => Err(corrupted("the marker belongs to other media")),
        }
    }

    /// Parses the copy of a sidecar in a marker of the second protocol.
    pub(crate) fn of_second_marker(
        json: &[u8],
        keys: &SecondKeys,
        marker: &SecondMarker,
    ) -> Result<(MediaKey, Self), StorageError> {
        let descriptor = Self::of_any(json, SECOND_VERSION)?;
        let fits = descriptor.protocol == Protocol::Second
            && descriptor.location == ByteLocation::Shared(marker.generation)
            && descriptor.revision == marker.revision
            && keys.content(descriptor.sidecar.sha256) == marker.name;
        match MediaKey::parse(&descriptor.sidecar.id) {
            Some(key) if fits && key.token() == marker.token => Ok((key, descriptor)),
            _ => Err(corrupted("the marker belongs to other media")),
        }
    }

    fn of_any(json: &[u8], supported: u32) -> Result<Self, StorageError> {
        let sidecar = match Sidecar::parse(json.trim_ascii_end(), supported) {
            ParsedSidecar::Valid(sidecar) => *sidecar,
            ParsedSidecar::Later(error) => return Err(error.with_source(LaterVersion)),
            ParsedSidecar::Damaged(error) => return Err(error),
            _ => return Err(corrupted("the sidecar is not valid")),
        };
        let protocol = match sidecar.format_version {
            SECOND_VERSION => Protocol::Second,
            _ => Protocol::First,
        };
        let location = match sidecar.unknown.get(GENERATION) {
            None => ByteLocation::Own,
            Some(value) => ByteLocation::Shared(
                nonce(value)
                    .ok_or_else(|| corrupted("the generation in the sidecar is not valid"))?,
            ),
        };
        let revision = match sidecar.unknown.get(REVISION) {
            None => None,
            Some(value) => Some(
                nonce(value)
                    .ok_or_else(|| corrupted("the revision in the sidecar is not valid"))?,
            ),
        };
        let restored = sidecar.unknown.contains_key(RESTORED);
        let incoming = is_incoming(&sidecar);
        Ok(Self {
            sidecar,
            location,
            protocol,
            restored,
            revision,
            incoming,
        })
    }

    /// Whether the reference exists. The sealed marker decides; in the first protocol only for a restored
    /// sidecar, since the sweep that restored it may have been overtaken by a deletion.
    pub(crate) async fn exists(
        &self,
        bucket: &Bucket,
        keys: &Keys,
        key: &MediaKey,
    ) -> Result<bool, StorageError> {
        match (self.location, self.protocol, keys.second()) {
            (ByteLocation::Shared(generation), Protocol::Second, Some(second)) => {
                let name = second.content(self.sidecar.sha256);
                let marker = second.marker(name, generation, key.token(), self.revision)?;
                let found = bucket.head(&marker).await?;
                Ok(
                    found
                        .is_some_and(|meta| MarkerState::of_size(meta.size) == MarkerState::Sealed),
                )
            }
            (ByteLocation::Shared(generation), Protocol::First, _) if self.restored => {
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
        match (self.location, self.protocol, keys.second()) {
            (ByteLocation::Own, ..) => keys.media(key),
            (ByteLocation::Shared(generation), Protocol::Second, Some(second)) => {
                second.blob(second.content(self.sidecar.sha256), generation)
            }
            (ByteLocation::Shared(generation), ..) => keys.blob(self.sidecar.sha256, generation),
        }
    }
}

fn nonce(value: &Value) -> Option<Nonce> {
    value.as_str().and_then(|text| text.parse().ok())
}

/// Returns the revision of the reference of a sidecar, if an import stored it.
pub(crate) fn revision_of(sidecar: &Sidecar) -> Option<Nonce> {
    sidecar.unknown.get(REVISION).and_then(nonce)
}

/// Makes a sidecar that of a revision of the reference.
pub(crate) fn set_revision(sidecar: &mut Sidecar, revision: Nonce) {
    let value = Value::String(revision.to_string());
    sidecar.unknown.insert(REVISION.to_owned(), value);
}

/// Whether an import is still writing the media of a sidecar, or was cut.
pub(crate) fn is_incoming(sidecar: &Sidecar) -> bool {
    sidecar.unknown.contains_key(INCOMING)
}

/// Makes a sidecar that of media that an import is still writing, or of media that is complete.
pub(crate) fn set_incoming(sidecar: &mut Sidecar, incoming: bool) {
    match incoming {
        true => sidecar
            .unknown
            .insert(INCOMING.to_owned(), Value::Bool(true)),
        false => sidecar.unknown.remove(INCOMING),
    };
}

/// Returns the number of the last change of a sidecar, if it was changed since it was stored.
pub(crate) fn change_of(sidecar: &Sidecar) -> Option<Nonce> {
    sidecar.unknown.get(CHANGE).and_then(nonce)
}

/// Makes a sidecar that of another change.
pub(crate) fn set_change(sidecar: &mut Sidecar, change: Nonce) {
    let value = Value::String(change.to_string());
    sidecar.unknown.insert(CHANGE.to_owned(), value);
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

/// Serializes a sidecar of the second protocol.
pub(crate) fn second_json(
    sidecar: &Sidecar,
    location: ByteLocation,
    restored: bool,
) -> Result<Vec<u8>, StorageError> {
    let mut sidecar = sidecar.clone();
    sidecar.format_version = SECOND_VERSION;
    if let ByteLocation::Shared(generation) = location {
        let value = Value::String(generation.to_string());
        sidecar.unknown.insert(GENERATION.to_owned(), value);
    }
    if restored {
        let value = Value::Bool(true);
        sidecar.unknown.insert(RESTORED.to_owned(), value);
    }
    let mut json = sidecar.to_json()?;
    let remainder = SidecarFlags::of(&sidecar, location != ByteLocation::Own).remainder();
    let rest = (remainder + BLOCK - json.len() as u64 % BLOCK) % BLOCK;
    json.extend(std::iter::repeat_n(
        b' ',
        usize::try_from(rest).unwrap_or(0),
    ));
    Ok(json)
}

/// Reads what is under the name of the sidecar of a reference.
pub(crate) async fn read_any(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
) -> Result<SidecarRead, StorageError> {
    let read = read_versioned(bucket, keys, key).await?;
    Ok(read.map_or(SidecarRead::Missing, |(read, _)| read))
}

/// Reads what is under the name of the sidecar of a reference, with its version; `None` if there is
/// nothing.
pub(crate) async fn read_versioned(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
) -> Result<Option<(SidecarRead, Version)>, StorageError> {
    let path = keys.sidecar(key)?;
    let Some((json, version)) = bucket.get(&path, MAX_SIDECAR_LEN + BLOCK).await? else {
        return Ok(None);
    };
    let supported = match (keys.second(), Tombstone::parse(&json)) {
        (Some(_), Some(Tombstone::Buried)) => return Ok(Some((SidecarRead::Tombstone, version))),
        (Some(_), Some(Tombstone::Retired)) => return Ok(Some((SidecarRead::Retired, version))),
        (Some(_), None) => SECOND_VERSION,
        (None, Some(_)) => {
            let buried = corrupted("the sidecar is a tombstone, as the second protocol leaves it");
            let buried = buried.with_source(LaterVersion).with_key(key.id());
            return Err(bucket.adopt(buried));
        }
        (None, None) => SIDECAR_VERSION,
    };
    match Descriptor::from_json(&json, key, supported) {
        Ok(Some(descriptor)) => Ok(Some((SidecarRead::Present(Box::new(descriptor)), version))),
        Ok(None) => Ok(Some((SidecarRead::Foreign, version))),
        Err(error) => Err(bucket.adopt(error).with_key(key.id())),
    }
}

/// Reads the sidecar of a reference; `None` if there is none.
pub(crate) async fn read(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
) -> Result<Option<Descriptor>, StorageError> {
    Ok(match read_any(bucket, keys, key).await? {
        SidecarRead::Present(descriptor) => Some(*descriptor),
        SidecarRead::Missing
        | SidecarRead::Tombstone
        | SidecarRead::Retired
        | SidecarRead::Foreign => None,
    })
}

#[cfg(test)]
mod tests;
