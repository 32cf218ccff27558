//! Names of objects in the bucket.
//!
//! ```text
//! {prefix}/{organisation path}/{file}              media that is not shared
//! {prefix}/{organisation path}/{file}.meta         sidecar of a reference
//! {prefix}/.store/v1/rec/{sha256}                  record of a hash
//! {prefix}/.store/v1/blob/{sha256}/{gen}           bytes that references share
//! {prefix}/.store/v1/ref/{sha256}/{gen}/{26}       marker of a reference
//! {prefix}/.store/v1/expiry/{hour}/{26}            hint: this reference may be due then
//! {prefix}/.store/v1/layout/{organisation}         media was stored in this organisation
//! {prefix}/.store/v1/probe/{random}                of a store that is being opened
//! ```

use media_storage::layout::{FileName, MediaId, parse_media_key};
use media_storage::{Operation, Organization, StorageError, StorageErrorKind};
use media_types::Sha256;
use object_store::path::Path;

use crate::protocol::Token;

/// Where everything lies that is neither media nor sidecar, below the prefix.
const INTERNAL: &str = ".store/v1";

/// What the name of a sidecar ends with.
const SIDECAR: &str = ".meta";

/// Makes names of objects, and reads them.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: Path,
}

/// What an object outside of the internal names is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outer {
    /// Media that is not shared.
    Media(MediaKey),
    /// The sidecar of a reference.
    Sidecar(MediaKey),
    /// Not ours.
    Other,
}

/// The id of a reference, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaKey {
    id: Box<str>,
    file: FileName,
}

impl MediaKey {
    /// Reads an id, if it can be one of media.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (_, file) = parse_media_key(id)?;
        Some(Self {
            id: id.into(),
            file,
        })
    }

    /// The whole id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The first six digits of the hash in it.
    pub(crate) fn digits(&self) -> &str {
        self.file.as_str().get(..6).unwrap_or_default()
    }

    /// The 26 characters in it.
    pub(crate) fn unique(&self) -> &str {
        self.file.id()
    }
}

/// Where the marker of a reference is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MarkerName {
    pub(crate) sha256: Sha256,
    pub(crate) generation: Token,
    /// The 26 characters of the reference.
    pub(crate) unique: String,
}

impl Keys {
    pub(crate) fn new(prefix: Path) -> Self {
        Self { prefix }
    }

    /// What all names begin with.
    pub(crate) fn prefix(&self) -> &Path {
        &self.prefix
    }

    fn at(&self, rest: &str) -> Result<Path, StorageError> {
        let text = match self.prefix.as_ref() {
            "" => rest.to_owned(),
            prefix => format!("{prefix}/{rest}"),
        };
        // `parse`, because it refuses what `from` would change into another name.
        Path::parse(text).map_err(|error| {
            StorageError::new(StorageErrorKind::InvalidRef, Operation::Open).with_source(error)
        })
    }

    fn internal(&self, rest: &str) -> Result<Path, StorageError> {
        self.at(&format!("{INTERNAL}/{rest}"))
    }

    /// The part of a name below the prefix.
    fn below<'a>(&self, key: &'a Path) -> Option<&'a str> {
        match self.prefix.as_ref() {
            "" => Some(key.as_ref()),
            prefix => key.as_ref().strip_prefix(prefix)?.strip_prefix('/'),
        }
    }

    /// The part of a name below an internal directory.
    fn inside<'a>(&self, key: &'a Path, directory: &str) -> Option<&'a str> {
        let rest = self.below(key)?.strip_prefix(INTERNAL)?;
        rest.strip_prefix('/')?
            .strip_prefix(directory)?
            .strip_prefix('/')
    }

    /// Media that is not shared.
    pub(crate) fn media(&self, key: &MediaKey) -> Result<Path, StorageError> {
        self.at(&key.id)
    }

    /// The sidecar of a reference.
    pub(crate) fn sidecar(&self, key: &MediaKey) -> Result<Path, StorageError> {
        self.at(&format!("{}{SIDECAR}", key.id))
    }

    /// A directory of media, by its encoded name.
    pub(crate) fn directory(&self, name: &str) -> Result<Path, StorageError> {
        self.at(name)
    }

    /// What an object is by its name; `None` for internal ones.
    pub(crate) fn outer(&self, key: &Path) -> Option<Outer> {
        let rest = self.below(key)?;
        if rest.starts_with(".store/") {
            return None;
        }
        Some(match rest.strip_suffix(SIDECAR) {
            Some(id) => MediaKey::parse(id).map_or(Outer::Other, Outer::Sidecar),
            None => MediaKey::parse(rest).map_or(Outer::Other, Outer::Media),
        })
    }

    /// The record of a hash.
    pub(crate) fn record(&self, sha256: Sha256) -> Result<Path, StorageError> {
        self.internal(&format!("rec/{sha256}"))
    }

    /// Where all shared bytes are.
    pub(crate) fn blobs(&self) -> Result<Path, StorageError> {
        self.internal("blob")
    }

    /// Where the bytes of a hash are.
    pub(crate) fn blobs_of(&self, sha256: Sha256) -> Result<Path, StorageError> {
        self.internal(&format!("blob/{sha256}"))
    }

    /// The bytes of a generation.
    pub(crate) fn blob(&self, sha256: Sha256, generation: Token) -> Result<Path, StorageError> {
        self.internal(&format!("blob/{sha256}/{generation}"))
    }

    /// Reads the name of shared bytes.
    pub(crate) fn parse_blob(&self, key: &Path) -> Option<(Sha256, Token)> {
        let (sha256, generation) = self.inside(key, "blob")?.split_once('/')?;
        Some((sha256.parse().ok()?, generation.parse().ok()?))
    }

    /// Where all markers are.
    pub(crate) fn all_markers(&self) -> Result<Path, StorageError> {
        self.internal("ref")
    }

    /// A name just before all markers of hashes that begin as a reference says.
    pub(crate) fn before_markers(&self, key: &MediaKey) -> Result<Path, StorageError> {
        self.internal(&format!("ref/{}", key.digits()))
    }

    /// Where the markers of a hash are.
    pub(crate) fn markers_of(&self, sha256: Sha256) -> Result<Path, StorageError> {
        self.internal(&format!("ref/{sha256}"))
    }

    /// Where the markers of a generation are.
    pub(crate) fn markers(&self, sha256: Sha256, generation: Token) -> Result<Path, StorageError> {
        self.internal(&format!("ref/{sha256}/{generation}"))
    }

    /// The marker of a reference, by its 26 characters.
    pub(crate) fn marker(
        &self,
        sha256: Sha256,
        generation: Token,
        unique: &str,
    ) -> Result<Path, StorageError> {
        self.internal(&format!("ref/{sha256}/{generation}/{unique}"))
    }

    /// Reads the name of a marker.
    pub(crate) fn parse_marker(&self, key: &Path) -> Option<MarkerName> {
        let mut parts = self.inside(key, "ref")?.splitn(3, '/');
        let name = MarkerName {
            sha256: parts.next()?.parse().ok()?,
            generation: parts.next()?.parse().ok()?,
            unique: parts.next()?.to_owned(),
        };
        MediaId::parse(&name.unique)?;
        Some(name)
    }

    /// Where all hints of what expires are.
    pub(crate) fn expiry(&self) -> Result<Path, StorageError> {
        self.internal("expiry")
    }

    /// Where the hints of an hour are.
    pub(crate) fn expiry_hour(&self, hour: &str) -> Result<Path, StorageError> {
        self.internal(&format!("expiry/{hour}"))
    }

    /// The hint that a reference expires in an hour.
    pub(crate) fn expiry_hint(&self, hour: &str, unique: &str) -> Result<Path, StorageError> {
        self.internal(&format!("expiry/{hour}/{unique}"))
    }

    /// The note that media was stored in an organisation.
    pub(crate) fn layout(&self, organization: Organization) -> Result<Path, StorageError> {
        self.internal(&format!("layout/{organization}"))
    }

    /// Where the notes about organisations are.
    pub(crate) fn layouts(&self) -> Result<Path, StorageError> {
        self.internal("layout")
    }

    /// An object that a probe may write and remove; `name` is random.
    pub(crate) fn probe(&self, name: &str) -> Result<Path, StorageError> {
        self.internal(&format!("probe/{name}"))
    }

    /// Where probes are.
    pub(crate) fn probes(&self) -> Result<Path, StorageError> {
        self.internal("probe")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "s/c/ab12cd-0f3c9a7e51b2k4m8n1p6r9t2vw.png";

    #[test]
    fn names_are_the_documented_ones_and_read_back() {
        for prefix in ["", "a/b"] {
            let keys = Keys::new(Path::parse(prefix).unwrap());
            let full = |rest: &str| match prefix {
                "" => rest.to_owned(),
                _ => format!("{prefix}/{rest}"),
            };
            let key = MediaKey::parse(ID).unwrap();
            let hash = Sha256::EMPTY;
            let generation = Token::new(7);
            let media = keys.media(&key).unwrap();
            assert_eq!(media.as_ref(), full(ID));
            assert_eq!(keys.outer(&media), Some(Outer::Media(key.clone())));
            let sidecar = keys.sidecar(&key).unwrap();
            assert_eq!(sidecar.as_ref(), full(&format!("{ID}.meta")));
            assert_eq!(keys.outer(&sidecar), Some(Outer::Sidecar(key.clone())));
            let record = keys.record(hash).unwrap();
            assert_eq!(record.as_ref(), full(&format!(".store/v1/rec/{hash}")));
            assert_eq!(keys.outer(&record), None);
            let blob = keys.blob(hash, generation).unwrap();
            let expected = format!(".store/v1/blob/{hash}/{generation}");
            assert_eq!(blob.as_ref(), full(&expected));
            assert_eq!(keys.parse_blob(&blob), Some((hash, generation)));
            let marker = keys.marker(hash, generation, key.unique()).unwrap();
            let expected = format!(".store/v1/ref/{hash}/{generation}/{}", key.unique());
            assert_eq!(marker.as_ref(), full(&expected));
            let name = keys.parse_marker(&marker).unwrap();
            assert_eq!((name.sha256, name.generation), (hash, generation));
            assert_eq!(name.unique, key.unique());
            assert_eq!(keys.parse_blob(&marker), None);
            assert_eq!(keys.parse_marker(&blob), None);
        }
    }

    #[test]
    fn foreign_objects_are_nobodys() {
        let keys = Keys::new(Path::parse("p").unwrap());
        let outer = |text: &str| keys.outer(&Path::parse(text).unwrap());
        assert_eq!(outer("p/readme.txt"), Some(Outer::Other));
        assert_eq!(outer("p/a/b/c/d/e.meta"), Some(Outer::Other));
        assert_eq!(outer("pq/x"), None);
        assert_eq!(outer(&format!("q/{ID}")), None);
        assert_eq!(outer("p/.store/v2/anything"), None);
    }
}
