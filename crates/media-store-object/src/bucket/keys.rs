//! Names of objects in the bucket.
//!
//! ```text
//! {prefix}/{organization path}/{file}              media that is not shared
//! {prefix}/{organization path}/{file}.meta         sidecar of a reference
//! {prefix}/.store/v1/rec/{sha256}                  hash record
//! {prefix}/.store/v1/blob/{sha256}/{gen}           bytes that references share
//! {prefix}/.store/v1/ref/{sha256}/{gen}/{token}    marker of a reference
//! {prefix}/.store/v1/expiry/{hour}/{token}         hint that a reference expires in that hour
//! {prefix}/.store/v1/layout/{organization}         note that media was stored in this organization
//! {prefix}/.store/v1/probe/{random}                probe of a store that is being opened
//! {prefix}/.store/v2/inbox/{random}                upload of a client, which is not adopted yet
//! ```

use media_storage::layout::MediaToken;
use media_storage::{Operation, Organization, StorageError, StorageErrorKind};
use media_types::Sha256;
use object_store::path::Path;

use super::media_key::MediaKey;
use super::names::NameKey;
use super::second_keys::SecondKeys;
use crate::protocol::Nonce;

/// Directory below the prefix of all objects that are neither media nor sidecars.
const INTERNAL: &str = ".store/v1";

/// Suffix of the name of a sidecar.
const SIDECAR: &str = ".meta";

/// Builds and parses names of objects below a prefix.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: Path,
    second: Option<SecondKeys>,
}

/// Kind of an object that is not internal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OuterObject {
    /// Media that is not shared.
    Media(MediaKey),
    /// The sidecar of a reference.
    Sidecar(MediaKey),
    /// An object that does not belong to the store.
    Other,
}

/// The parsed name of a marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MarkerName {
    pub(crate) sha256: Sha256,
    pub(crate) generation: Nonce,
    /// The token of the reference.
    pub(crate) token: String,
}

impl Keys {
    pub(crate) fn new(prefix: Path) -> Self {
        Self {
            prefix,
            second: None,
        }
    }

    /// Returns these names, and those of the second protocol, which the store uses.
    #[must_use]
    pub(crate) fn with_second(self, names: NameKey, tombstones: bool) -> Self {
        let second = SecondKeys::new(self.prefix.clone(), names, tombstones);
        Self {
            second: Some(second),
            ..self
        }
    }

    /// Returns the names of the second protocol, if the store uses it.
    pub(crate) fn second(&self) -> Option<&SecondKeys> {
        self.second.as_ref()
    }

    /// Returns the name of the description of the store.
    pub(crate) fn format(&self) -> Result<Path, StorageError> {
        self.at(".store/format.json")
    }

    /// Returns the name of the key of the names of the second protocol.
    pub(crate) fn name_key(&self) -> Result<Path, StorageError> {
        self.at(".store/v2/key")
    }

    /// Returns the name of the note that the index of users of the second protocol contains all media.
    pub(crate) fn users_complete(&self) -> Result<Path, StorageError> {
        self.at(".store/v2/user-complete")
    }

    /// Returns the prefix of all names.
    pub(crate) fn prefix(&self) -> &Path {
        &self.prefix
    }

    fn at(&self, rest: &str) -> Result<Path, StorageError> {
        let text = match self.prefix.as_ref() {
            "" => rest.to_owned(),
            prefix => format!("{prefix}/{rest}"),
        };
        // `parse` refuses names that `from` would change into other names.
        Path::parse(text).map_err(|error| {
            StorageError::new(StorageErrorKind::InvalidRef, Operation::Open).with_source(error)
        })
    }

    fn internal(&self, rest: &str) -> Result<Path, StorageError> {
        self.at(&format!("{INTERNAL}/{rest}"))
    }

    /// Returns the part of a name below the prefix.
    fn below<'a>(&self, key: &'a Path) -> Option<&'a str> {
        match self.prefix.as_ref() {
            "" => Some(key.as_ref()),
            prefix => key.as_ref().strip_prefix(prefix)?.strip_prefix('/'),
        }
    }

    /// Returns the part of a name below an internal directory.
    fn inside<'a>(&self, key: &'a Path, directory: &str) -> Option<&'a str> {
        let rest = self.below(key)?.strip_prefix(INTERNAL)?;
        rest.strip_prefix('/')?
            .strip_prefix(directory)?
            .strip_prefix('/')
    }

    /// Returns the name of media that is not shared.
    pub(crate) fn media(&self, key: &MediaKey) -> Result<Path, StorageError> {
        self.at(key.id())
    }

    /// Returns the name of the sidecar of a reference.
    pub(crate) fn sidecar(&self, key: &MediaKey) -> Result<Path, StorageError> {
        self.at(&format!("{}{SIDECAR}", key.id()))
    }

    /// Returns the path of a directory of media with this encoded name.
    pub(crate) fn directory(&self, name: &str) -> Result<Path, StorageError> {
        self.at(name)
    }

    /// Returns the kind of an object; `None` if it is internal.
    pub(crate) fn outer(&self, key: &Path) -> Option<OuterObject> {
        let rest = self.below(key)?;
        if rest.starts_with(".store/") {
            return None;
        }
        Some(match rest.strip_suffix(SIDECAR) {
            Some(id) => MediaKey::parse(id).map_or(OuterObject::Other, OuterObject::Sidecar),
            None => MediaKey::parse(rest).map_or(OuterObject::Other, OuterObject::Media),
        })
    }

    /// Returns the name of a hash record.
    pub(crate) fn record(&self, sha256: Sha256) -> Result<Path, StorageError> {
        self.internal(&format!("rec/{sha256}"))
    }

    /// Returns the prefix of all blobs.
    pub(crate) fn blobs(&self) -> Result<Path, StorageError> {
        self.internal("blob")
    }

    /// Returns the prefix of the blobs of a hash.
    pub(crate) fn blobs_of(&self, sha256: Sha256) -> Result<Path, StorageError> {
        self.internal(&format!("blob/{sha256}"))
    }

    /// Returns the name of the blob of a generation.
    pub(crate) fn blob(&self, sha256: Sha256, generation: Nonce) -> Result<Path, StorageError> {
        self.internal(&format!("blob/{sha256}/{generation}"))
    }

    /// Parses the name of a blob.
    pub(crate) fn parse_blob(&self, key: &Path) -> Option<(Sha256, Nonce)> {
        let (sha256, generation) = self.inside(key, "blob")?.split_once('/')?;
        Some((sha256.parse().ok()?, generation.parse().ok()?))
    }

    /// Returns the prefix of all markers.
    pub(crate) fn all_markers(&self) -> Result<Path, StorageError> {
        self.internal("ref")
    }

    /// Returns a name that sorts before all markers of hashes with the digits of this id.
    pub(crate) fn before_markers(&self, key: &MediaKey) -> Result<Path, StorageError> {
        self.internal(&format!("ref/{}", key.digits()))
    }

    /// Returns the prefix of the markers of a hash.
    pub(crate) fn markers_of(&self, sha256: Sha256) -> Result<Path, StorageError> {
        self.internal(&format!("ref/{sha256}"))
    }

    /// Returns the prefix of the markers of a generation.
    pub(crate) fn markers(&self, sha256: Sha256, generation: Nonce) -> Result<Path, StorageError> {
        self.internal(&format!("ref/{sha256}/{generation}"))
    }

    /// Returns the name of the marker of a reference, by its token.
    pub(crate) fn marker(
        &self,
        sha256: Sha256,
        generation: Nonce,
        token: &str,
    ) -> Result<Path, StorageError> {
        self.internal(&format!("ref/{sha256}/{generation}/{token}"))
    }

    /// Parses the name of a marker.
    pub(crate) fn parse_marker(&self, key: &Path) -> Option<MarkerName> {
        let mut parts = self.inside(key, "ref")?.splitn(3, '/');
        let name = MarkerName {
            sha256: parts.next()?.parse().ok()?,
            generation: parts.next()?.parse().ok()?,
            token: parts.next()?.to_owned(),
        };
        MediaToken::parse(&name.token)?;
        Some(name)
    }

    /// Returns the prefix of all expiry hints.
    pub(crate) fn expiry(&self) -> Result<Path, StorageError> {
        self.internal("expiry")
    }

    /// Returns the prefix of the expiry hints of an hour.
    pub(crate) fn expiry_hour(&self, hour: &str) -> Result<Path, StorageError> {
        self.internal(&format!("expiry/{hour}"))
    }

    /// Returns the name of the hint that a reference expires in an hour.
    pub(crate) fn expiry_hint(&self, hour: &str, token: &str) -> Result<Path, StorageError> {
        self.internal(&format!("expiry/{hour}/{token}"))
    }

    /// Returns the name of the note that media was stored in an organization.
    pub(crate) fn layout(&self, organization: Organization) -> Result<Path, StorageError> {
        let version = if self.second.is_some() { "v2" } else { "v1" };
        self.at(&format!(".store/{version}/layout/{organization}"))
    }

    /// Returns the prefixes of the notes about organizations.
    pub(crate) fn layouts(&self) -> Result<Vec<Path>, StorageError> {
        let mut all = vec![self.internal("layout")?];
        if self.second.is_some() {
            all.push(self.at(".store/v2/layout")?);
        }
        Ok(all)
    }

    /// Returns the name of an object that a probe writes and removes; `name` is random.
    pub(crate) fn probe(&self, name: &str) -> Result<Path, StorageError> {
        let version = if self.second.is_some() { "v2" } else { "v1" };
        self.at(&format!(".store/{version}/probe/{name}"))
    }

    /// Returns whether an object is the probe of a store that is being opened.
    pub(crate) fn is_probe(&self, key: &Path) -> bool {
        ["v1", "v2"].iter().any(|version| {
            let probes = self.at(&format!(".store/{version}/probe"));
            probes.is_ok_and(|probes| key.prefix_matches(&probes))
        })
    }

    /// Returns the name of a blob that never exists, to find out whether blobs may be deleted; `name` is
    /// random.
    pub(crate) fn deletion_probe(&self, name: &str) -> Result<Path, StorageError> {
        let version = if self.second.is_some() { "v2" } else { "v1" };
        self.at(&format!(".store/{version}/blob/probe-{name}"))
    }

    /// Returns the prefix of what clients upload by signed URLs.
    pub(crate) fn inbox(&self) -> Result<Path, StorageError> {
        self.at(".store/v2/inbox")
    }

    /// Returns the name of an object that a client uploads; `name` is random.
    pub(crate) fn inbox_object(&self, name: &str) -> Result<Path, StorageError> {
        self.at(&format!(".store/v2/inbox/{name}"))
    }

    /// Returns the prefix of probes.
    pub(crate) fn probes(&self) -> Result<Path, StorageError> {
        self.internal("probe")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "s/c/ab12cd-0f3c9a7e51b2k4m8n1p6r9t2vw.png";

    #[test]
    fn names_are_the_documented_ones_and_are_parsed_back() {
        for prefix in ["", "a/b"] {
            let keys = Keys::new(Path::parse(prefix).unwrap());
            let full = |rest: &str| match prefix {
                "" => rest.to_owned(),
                _ => format!("{prefix}/{rest}"),
            };
            let key = MediaKey::parse(ID).unwrap();
            let hash = Sha256::EMPTY;
            let generation = Nonce::new(7);
            let media = keys.media(&key).unwrap();
            assert_eq!(media.as_ref(), full(ID));
            assert_eq!(keys.outer(&media), Some(OuterObject::Media(key.clone())));
            let sidecar = keys.sidecar(&key).unwrap();
            assert_eq!(sidecar.as_ref(), full(&format!("{ID}.meta")));
            assert_eq!(
                keys.outer(&sidecar),
                Some(OuterObject::Sidecar(key.clone()))
            );
            let record = keys.record(hash).unwrap();
            assert_eq!(record.as_ref(), full(&format!(".store/v1/rec/{hash}")));
            assert_eq!(keys.outer(&record), None);
            let blob = keys.blob(hash, generation).unwrap();
            let expected = format!(".store/v1/blob/{hash}/{generation}");
            assert_eq!(blob.as_ref(), full(&expected));
            assert_eq!(keys.parse_blob(&blob), Some((hash, generation)));
            let marker = keys.marker(hash, generation, key.token()).unwrap();
            let expected = format!(".store/v1/ref/{hash}/{generation}/{}", key.token());
            assert_eq!(marker.as_ref(), full(&expected));
            let name = keys.parse_marker(&marker).unwrap();
            assert_eq!((name.sha256, name.generation), (hash, generation));
            assert_eq!(name.token, key.token());
            assert_eq!(keys.parse_blob(&marker), None);
            assert_eq!(keys.parse_marker(&blob), None);
        }
    }

    #[test]
    fn foreign_objects_are_not_of_the_store() {
        let keys = Keys::new(Path::parse("p").unwrap());
        let outer = |text: &str| keys.outer(&Path::parse(text).unwrap());
        assert_eq!(outer("p/readme.txt"), Some(OuterObject::Other));
        assert_eq!(outer("p/a/b/c/d/e.meta"), Some(OuterObject::Other));
        assert_eq!(outer("pq/x"), None);
        assert_eq!(outer(&format!("q/{ID}")), None);
        assert_eq!(outer("p/.store/v2/anything"), None);
    }
}
