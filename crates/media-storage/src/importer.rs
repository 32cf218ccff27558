//! The capability to import media from another store, with its id.

use async_trait::async_trait;
use media_types::StorageReference;

use crate::body::MediaBody;
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::inventory::Entry;
use crate::layout::{CaseRule, FileName, Organization, parse_media_key};

/// A store that can import media under a given id, so that references to it stay valid.
///
/// For moving media between stores and restoring backups. The ids of new media are created by the store,
/// in [`store`](crate::MediaStorage::store).
#[async_trait]
pub trait Importer: Send + Sync {
    /// Stores media under the id, with the metadata, the times and the hold that it has elsewhere.
    ///
    /// Nothing is ever replaced: an id that is in use for media of the same size and hash is
    /// [`ImportOutcome::Present`], without a read of the body; one that is in use for other media is an error.
    /// An import that was interrupted is repeated. Of media that was deleted here, it is an error while the
    /// store keeps a tombstone of it, and brings it back otherwise.
    ///
    /// # Errors
    /// `InvalidInput`: the id does not fit the media's hash or ids, is in use for other media, or has a
    /// tombstone;
    /// the body does not have the entry's size or hash. `Unsupported` for media on hold where
    /// [`keeps_holds`](Self::keeps_holds) is not so. Otherwise as [`store`](crate::MediaStorage::store).
    async fn import(&self, upload: ImportUpload) -> Result<Imported, StorageError>;

    /// Whether imported media that is [on hold](Entry::hold) is on hold here too. A program that copies media
    /// must not copy media on hold to a store of which that is not so. The hold of media that is
    /// [present](ImportOutcome::Present) is not changed. Defaults to `false`.
    fn keeps_holds(&self) -> bool {
        false
    }
}

/// A media item to be imported: an entry of the inventory of the other store, and the body.
#[derive(Debug)]
pub struct ImportUpload {
    entry: Entry,
    body: MediaBody,
}

impl ImportUpload {
    /// Creates an upload of the media that the entry describes.
    pub fn new(entry: Entry, body: MediaBody) -> Self {
        Self { entry, body }
    }

    /// Returns the entry.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Returns the body.
    pub fn body(&self) -> &MediaBody {
        &self.body
    }

    /// Returns entry and body.
    pub fn into_parts(self) -> (Entry, MediaBody) {
        (self.entry, self.body)
    }
}

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportOutcome {
    /// The media was stored.
    Stored,
    /// The media existed already.
    Present,
}

/// The result of an import.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Imported {
    /// The reference to the media in this store: the same id under this store's backend and name.
    pub reference: StorageReference,
    /// What the import did.
    pub outcome: ImportOutcome,
}

impl Imported {
    /// Creates a result.
    pub fn new(reference: StorageReference, outcome: ImportOutcome) -> Self {
        Self { reference, outcome }
    }
}

/// The id of imported media, checked and taken apart, for backends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportKey {
    /// The organization that lays out keys in this way.
    pub organization: Organization,
    /// The directories, outermost first.
    pub directories: Vec<String>,
    /// The file name.
    pub file: FileName,
}

impl ImportKey {
    /// Checks that the id of an entry is one that this library's stores give, that its directories
    /// follow from the ids of the media (so that walks of a scope find it), and that it contains the
    /// media's hash or none.
    ///
    /// # Errors
    /// `InvalidInput` saying which of these does not hold.
    pub fn check(entry: &Entry, case: CaseRule) -> Result<Self, StorageError> {
        let id = entry.reference.id();
        let refuse = |reason: &'static str| {
            StorageError::new(StorageErrorKind::InvalidInput, Operation::Import)
                .with_key(id)
                .with_reason(reason)
        };
        let (directories, file) =
            parse_media_key(id).ok_or_else(|| refuse("the id is not one of stored media"))?;
        let directories: Vec<String> = directories.into_iter().map(Into::into).collect();
        let organization = Organization::ALL
            .into_iter()
            .find(|organization| organization.depth() == directories.len())
            .ok_or_else(|| refuse("the id has more directories than any organization"))?;
        let expected = organization
            .directories(&entry.metadata, case)
            .map_err(|error| error.with_operation(Operation::Import).with_key(id))?;
        if expected != directories {
            return Err(refuse(
                "the directories of the id are not those of the media's session, conversation or run",
            ));
        }
        let sha256 = entry
            .reference
            .sha256()
            .ok_or_else(|| refuse("the hash is not known"))?;
        let digits = file.as_str().get(..6).unwrap_or_default();
        if digits != "000000" && !sha256.to_string().starts_with(digits) {
            return Err(refuse("the id contains digits of another hash"));
        }
        Ok(Self {
            organization,
            directories,
            file,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Sha256Hasher;
    use crate::layout::MediaToken;
    use crate::metadata::MediaMetadata;
    use media_types::{Mime, Sha256};

    fn entry(directory: &str, digits: Option<&str>, sha256: Sha256) -> Entry {
        let name = FileName::new(sha256, &MediaToken::mint().unwrap(), &Mime::IMAGE_PNG);
        let name = match digits {
            Some(digits) => format!("{digits}{}", &name.as_str()[6..]),
            None => name.as_str().to_owned(),
        };
        let reference = StorageReference::builder("file", format!("{directory}{name}"))
            .with_sha256(sha256)
            .build()
            .unwrap();
        let metadata = MediaMetadata::new()
            .with_session("a b".parse().unwrap())
            .with_conversation("c".parse().unwrap());
        Entry::new(
            reference,
            Mime::IMAGE_PNG,
            metadata,
            chrono::DateTime::UNIX_EPOCH,
        )
    }

    #[test]
    fn an_id_must_fit_the_media() {
        let sha256 = Sha256Hasher::digest(b"x");
        let check = |directory: &str, digits: Option<&str>| {
            ImportKey::check(&entry(directory, digits, sha256), CaseRule::Sensitive)
        };
        let key = check("a%20b/c/", None).unwrap();
        assert_eq!(key.organization, Organization::BySession);
        assert_eq!(key.directories, ["a%20b", "c"]);
        assert_eq!(
            check("c/", None).unwrap().organization,
            Organization::ByConversation
        );
        assert_eq!(
            check("", Some("000000")).unwrap().organization,
            Organization::Flat
        );
        for (directory, digits, word) in [
            ("x/c/", None, "directories"),
            ("c/a%20b/", None, "directories"),
            ("r/a%20b/c/", None, "run"),
            (".store/c/", None, "not one of stored media"),
            ("../c/", None, "not one of stored media"),
            ("c/", Some("ffffff"), "another hash"),
        ] {
            let error = check(directory, digits).unwrap_err().to_string();
            assert!(error.contains(word), "{directory}: {error}");
        }
    }
}
