//! Sidecars: the JSON beside media, and its copy in the marker of a reference.

use std::error::Error;
use std::fmt;

use media_storage::{
    MAX_SIDECAR_LEN, Operation, ParsedSidecar, SIDECAR_VERSION, Sidecar, StorageError,
    StorageErrorKind,
};
use object_store::path::Path;
use serde_json::Value;

use crate::bucket::{Bucket, Keys, MarkerName, MarkerState, MediaKey, SecondKeys, SecondMarker};
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

/// The protocol that a reference was stored by, and is deleted and collected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    First,
    Second,
}

/// Format version of sidecars of the second protocol. A program that knows only the first takes them
/// for damaged.
const SECOND_VERSION: u32 = 2;

/// Sidecars of the second protocol have a length of a multiple of this, and as many bytes less as
/// their flags say, so that a listing shows what is in them.
const BLOCK: u64 = 512;

/// Number of combinations of flags.
const FLAGS: u64 = 8;

/// What the size of a sidecar shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SidecarFlags {
    pub(crate) expires: bool,
    pub(crate) has_user: bool,
    pub(crate) shared: bool,
}

impl SidecarFlags {
    fn of(sidecar: &Sidecar, location: ByteLocation) -> Self {
        Self {
            expires: sidecar.expires_at.is_some(),
            has_user: sidecar.user_id.is_some(),
            shared: location != ByteLocation::Own,
        }
    }

    /// Returns the flags of a sidecar of this size, if it can be one of the second protocol. One in
    /// 64 sidecars of the first protocol looks like one, so that this only says where to look.
    pub(crate) fn of_size(size: u64) -> Option<Self> {
        let bits = (size % BLOCK).checked_sub(BLOCK - FLAGS)?;
        Some(Self {
            expires: bits & 1 != 0,
            has_user: bits & 2 != 0,
            shared: bits & 4 != 0,
        })
    }

    fn remainder(self) -> u64 {
        let bit = |set: bool, value: u64| if set { value } else { 0 };
        BLOCK - FLAGS + bit(self.expires, 1) + bit(self.has_user, 2) + bit(self.shared, 4)
    }
}

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
    Tombstone,
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
            protocol,
            restored,
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
                let marker = second.marker(name, generation, key.token())?;
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
    let remainder = SidecarFlags::of(&sidecar, location).remainder();
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
    let path = keys.sidecar(key)?;
    let Some((json, _)) = bucket.get(&path, MAX_SIDECAR_LEN + BLOCK).await? else {
        return Ok(SidecarRead::Missing);
    };
    let supported = match keys.second() {
        Some(_) if json.is_empty() => return Ok(SidecarRead::Tombstone),
        Some(_) => SECOND_VERSION,
        None if json.is_empty() => {
            let buried = corrupted("the sidecar is empty, as the second protocol leaves it");
            let buried = buried.with_source(LaterVersion).with_key(key.id());
            return Err(bucket.adopt(buried));
        }
        None => SIDECAR_VERSION,
    };
    match Descriptor::from_json(&json, key, supported) {
        Ok(Some(descriptor)) => Ok(SidecarRead::Present(Box::new(descriptor))),
        Ok(None) => Ok(SidecarRead::Foreign),
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
        SidecarRead::Missing | SidecarRead::Tombstone | SidecarRead::Foreign => None,
    })
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
        let read = |json: &[u8]| Descriptor::from_json(json, &key, 1).map(Option::unwrap);
        let own = read(&sidecar.to_json().unwrap()).unwrap();
        assert_eq!(own.location, ByteLocation::Own);
        let json = shared_json(&sidecar, Nonce::new(5)).unwrap();
        let shared = read(&json).unwrap();
        assert_eq!(shared.location, ByteLocation::Shared(Nonce::new(5)));
        let bad = String::from_utf8(json).unwrap().replace("00005", "0000x");
        assert!(read(bad.as_bytes()).is_err());
    }

    #[test]
    fn the_size_of_a_sidecar_shows_its_flags() {
        let id = "ab12cd-0f3c9a7e51b2k4m8n1p6r9t2vw.png";
        let key = MediaKey::parse(id).unwrap();
        for (user, retention, location) in [
            (None, RetentionPolicy::Retain, ByteLocation::Own),
            (Some("user-1"), RetentionPolicy::Retain, ByteLocation::Own),
            (
                None,
                RetentionPolicy::RetainHours(1),
                ByteLocation::Shared(Nonce::new(5)),
            ),
            (
                Some("user-1"),
                RetentionPolicy::RetainHours(1),
                ByteLocation::Shared(Nonce::new(5)),
            ),
        ] {
            let mut metadata = MediaMetadata::new();
            if let Some(user) = user {
                metadata = metadata.with_user(user.parse().unwrap());
            }
            let epoch = chrono::DateTime::UNIX_EPOCH;
            let sidecar = Sidecar::new(
                id,
                Mime::IMAGE_PNG,
                3,
                Sha256::EMPTY,
                metadata,
                retention,
                epoch,
            );
            for restored in [false, true] {
                let json = second_json(&sidecar, location, restored).unwrap();
                let flags = SidecarFlags::of_size(json.len() as u64).unwrap();
                assert_eq!(flags.expires, sidecar.expires_at.is_some());
                assert_eq!(flags.has_user, user.is_some());
                assert_eq!(flags.shared, location != ByteLocation::Own);
                let read = Descriptor::from_json(&json, &key, 2).unwrap().unwrap();
                assert_eq!((read.protocol, read.location), (Protocol::Second, location));
                assert_eq!(read.restored, restored);
                let first = Descriptor::from_json(&json, &key, 1).unwrap_err();
                assert_eq!(first.kind(), StorageErrorKind::Corrupted);
                assert!(is_of_later_version(&first));
            }
        }
    }
}
