//! Names of the objects of the second protocol.
//!
//! ```text
//! {prefix}/.store/format.json                           version of the store, fingerprint of its key
//! {prefix}/.store/v2/key                                key of the names, unless the operator keeps it
//! {prefix}/.store/v2/rec/{d}/{name}                     hash record
//! {prefix}/.store/v2/blob/{d}/{name}/{gen}              bytes that references share
//! {prefix}/.store/v2/ref/{d}/{name}/{gen}/{token}       marker of a reference, or its tombstone
//! {prefix}/.store/v2/ref/{d}/{name}/{gen}/{token}.{rev} the same of a reference that was imported
//! {prefix}/.store/v2/user/{user name}/{id}              index of the references of a user
//! {prefix}/.store/v2/user/{user name}/{id}.{number}     the same of one that was updated or imported
//! {prefix}/.store/v2/user-complete                      the index contains all media
//! {prefix}/.store/v2/expiry/{hour}/{token}[.{number}]   hint that a reference expires in that hour
//! {prefix}/.store/v2/sweep-lease                        who sweeps regularly
//! {prefix}/.store/v2/sweep/pass                         the full sweep that is shared
//! {prefix}/.store/v2/sweep/{pass}/{part}                its progress
//! ```
//!
//! `{name}` is a keyed hash, and `{d}` its first digit, so that listings can be divided.

use std::sync::Arc;

use media_storage::layout::MediaToken;
use media_storage::{Operation, StorageError};
use media_types::{Sha256, UserId};
use object_store::path::Path;

use super::media_key::MediaKey;
use super::names::{ContentName, NameKey};
use crate::protocol::Nonce;

/// Directory of the second protocol, below the prefix.
const SECOND: &str = ".store/v2";

/// Maximum length of a key that services accept, in bytes.
const MAX_KEY: usize = 1024;

/// The first digits of names.
pub(crate) const SHARDS: [&str; 16] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f",
];

/// Builds and parses names of the second protocol.
#[derive(Clone, Debug)]
pub(crate) struct SecondKeys {
    prefix: Path,
    names: Arc<NameKey>,
    /// Whether names are created on condition that they are free, and taken by tombstones.
    pub(crate) tombstones: bool,
}

/// The parsed name of a marker, or of its tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecondMarker {
    pub(crate) name: ContentName,
    pub(crate) generation: Nonce,
    /// The token of the reference.
    pub(crate) token: String,
    /// The revision of the reference, if an import stored it.
    pub(crate) revision: Option<Nonce>,
}

/// An entry of the index of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UserEntry {
    /// The name contains the id.
    Named(MediaKey),
    /// The id was too long for the name, and is the body; the name contains the token.
    InBody(String),
}

impl UserEntry {
    /// Returns the token of the reference.
    pub(crate) fn token(&self) -> &str {
        match self {
            Self::Named(key) => key.token(),
            Self::InBody(token) => token,
        }
    }
}

impl SecondKeys {
    pub(crate) fn new(prefix: Path, names: NameKey, tombstones: bool) -> Self {
        Self {
            prefix,
            names: Arc::new(names),
            tombstones,
        }
    }

    pub(crate) fn names(&self) -> &NameKey {
        &self.names
    }

    fn at(&self, rest: &str) -> Result<Path, StorageError> {
        let text = match self.prefix.as_ref() {
            "" => format!("{SECOND}/{rest}"),
            prefix => format!("{prefix}/{SECOND}/{rest}"),
        };
        Path::parse(text).map_err(|error| {
            StorageError::new(media_storage::StorageErrorKind::InvalidRef, Operation::Open)
                .with_source(error)
        })
    }

    /// Returns the part of a name below the directory of the protocol.
    fn below<'a>(&self, key: &'a Path) -> Option<&'a str> {
        let below = match self.prefix.as_ref() {
            "" => key.as_ref(),
            prefix => key.as_ref().strip_prefix(prefix)?.strip_prefix('/')?,
        };
        below.strip_prefix(SECOND)?.strip_prefix('/')
    }

    /// Returns the part of a name below a directory.
    fn inside<'a>(&self, key: &'a Path, directory: &str) -> Option<&'a str> {
        self.below(key)?.strip_prefix(directory)?.strip_prefix('/')
    }

    /// Returns the name of the objects of a content hash.
    pub(crate) fn content(&self, sha256: Sha256) -> ContentName {
        self.names.content(sha256)
    }

    fn sharded(
        &self,
        directory: &str,
        name: ContentName,
        rest: &str,
    ) -> Result<Path, StorageError> {
        let name = name.to_string();
        let digit = name.get(..1).unwrap_or_default();
        self.at(&format!("{directory}/{digit}/{name}{rest}"))
    }

    /// Returns the prefix of the records, blobs or markers whose names begin with a digit.
    pub(crate) fn shard(&self, directory: &str, digit: &str) -> Result<Path, StorageError> {
        self.at(&format!("{directory}/{digit}"))
    }

    /// Returns the prefix of all objects of a kind: `rec`, `blob`, `ref`, `user` or `expiry`.
    pub(crate) fn all(&self, directory: &str) -> Result<Path, StorageError> {
        self.at(directory)
    }

    /// Returns the name of a hash record.
    pub(crate) fn record(&self, name: ContentName) -> Result<Path, StorageError> {
        self.sharded("rec", name, "")
    }

    /// Parses the name of a hash record.
    pub(crate) fn parse_record(&self, key: &Path) -> Option<ContentName> {
        let (_, name) = self.inside(key, "rec")?.split_once('/')?;
        ContentName::parse(name)
    }

    /// Returns the prefix of the blobs of a hash.
    pub(crate) fn blobs_of(&self, name: ContentName) -> Result<Path, StorageError> {
        self.sharded("blob", name, "")
    }

    /// Returns a name after those of all markers of a hash, and before those of the next.
    pub(crate) fn after_markers_of(&self, name: ContentName) -> Result<Path, StorageError> {
        self.sharded("ref", name, "0")
    }

    /// Returns a name after those of all blobs of a hash, and before those of the next.
    pub(crate) fn after_blobs_of(&self, name: ContentName) -> Result<Path, StorageError> {
        self.sharded("blob", name, "0")
    }

    /// Returns the name of an object of a shared sweep, or of the directory of one.
    pub(crate) fn sweep(&self, name: &str) -> Result<Path, StorageError> {
        self.at(&format!("sweep/{name}"))
    }

    /// Returns the name of the lease of the process that sweeps regularly.
    pub(crate) fn sweep_lease(&self) -> Result<Path, StorageError> {
        self.at("sweep-lease")
    }

    /// Returns the name of the blob of a generation.
    pub(crate) fn blob(&self, name: ContentName, generation: Nonce) -> Result<Path, StorageError> {
        self.sharded("blob", name, &format!("/{generation}"))
    }

    /// Parses the name of a blob.
    pub(crate) fn parse_blob(&self, key: &Path) -> Option<(ContentName, Nonce)> {
        let mut parts = self.inside(key, "blob")?.splitn(3, '/').skip(1);
        let name = ContentName::parse(parts.next()?)?;
        Some((name, parts.next()?.parse().ok()?))
    }

    /// Returns the prefix of the markers of a hash.
    pub(crate) fn markers_of(&self, name: ContentName) -> Result<Path, StorageError> {
        self.sharded("ref", name, "")
    }

    /// Returns the prefix of the markers of a generation.
    pub(crate) fn markers(
        &self,
        name: ContentName,
        generation: Nonce,
    ) -> Result<Path, StorageError> {
        self.sharded("ref", name, &format!("/{generation}"))
    }

    /// Returns the name of the marker of a reference, by its token and revision.
    pub(crate) fn marker(
        &self,
        name: ContentName,
        generation: Nonce,
        token: &str,
        revision: Option<Nonce>,
    ) -> Result<Path, StorageError> {
        let revision = dotted(revision);
        self.sharded("ref", name, &format!("/{generation}/{token}{revision}"))
    }

    /// Parses the name of a marker.
    pub(crate) fn parse_marker(&self, key: &Path) -> Option<SecondMarker> {
        let mut parts = self.inside(key, "ref")?.splitn(4, '/').skip(1);
        let name = ContentName::parse(parts.next()?)?;
        let generation = parts.next()?.parse().ok()?;
        let file = parts.next()?;
        let (token, revision) = match file.split_once('.') {
            Some((token, revision)) => (token, Some(revision.parse().ok()?)),
            None => (file, None),
        };
        MediaToken::parse(token)?;
        Some(SecondMarker {
            name,
            generation,
            token: token.to_owned(),
            revision,
        })
    }

    /// Returns the prefix of the index of a user.
    pub(crate) fn user(&self, user: &UserId) -> Result<Path, StorageError> {
        self.at(&format!("user/{}", self.names.user(user)))
    }

    /// Returns the name of the entry of a reference in the index of its user, and its body, which is
    /// empty unless the id is too long for a name. The sidecar has the number.
    pub(crate) fn user_entry(
        &self,
        user: &UserId,
        key: &MediaKey,
        number: Option<Nonce>,
    ) -> Result<(Path, String), StorageError> {
        let directory = self.user(user)?;
        let number = dotted(number);
        let named = format!("{directory}/{}{number}", key.id());
        if named.len() <= MAX_KEY
            && let Ok(path) = Path::parse(&named)
        {
            return Ok((path, String::new()));
        }
        let name = self.names.user(user);
        let short = self.at(&format!("user/{name}/{}{number}", key.token()))?;
        Ok((short, key.id().to_owned()))
    }

    /// Parses the name of an entry of the index.
    pub(crate) fn parse_user_entry(&self, key: &Path) -> Option<UserEntry> {
        let (_, rest) = self.inside(key, "user")?.split_once('/')?;
        let rest = without_number(rest);
        if let Some(key) = MediaKey::parse(rest) {
            return Some(UserEntry::Named(key));
        }
        MediaToken::parse(rest)?;
        Some(UserEntry::InBody(rest.to_owned()))
    }

    /// Returns the prefix of the expiry hints of an hour.
    pub(crate) fn expiry_hour(&self, hour: &str) -> Result<Path, StorageError> {
        self.at(&format!("expiry/{hour}"))
    }

    /// Returns the name of the hint that a reference expires in an hour. The sidecar has the number.
    pub(crate) fn expiry_hint(
        &self,
        hour: &str,
        token: &str,
        number: Option<Nonce>,
    ) -> Result<Path, StorageError> {
        self.at(&format!("expiry/{hour}/{token}{}", dotted(number)))
    }

    /// Returns the token of the reference that an expiry hint is for.
    pub(crate) fn token_of_hint(key: &Path) -> Option<&str> {
        key.filename().map(without_number)
    }
}

/// Returns the end of a name that contains a number.
fn dotted(number: Option<Nonce>) -> String {
    number
        .map(|number| format!(".{number}"))
        .unwrap_or_default()
}

/// Returns a name without the number at its end, if it has one.
fn without_number(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((rest, number)) if number.parse::<Nonce>().is_ok() => rest,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "s/c/ab12cd-0f3c9a7e51b2k4m8n1p6r9t2vw.png";

    #[test]
    fn names_are_parsed_back() {
        for prefix in ["", "a/b"] {
            let prefix = Path::parse(prefix).unwrap();
            let keys = SecondKeys::new(prefix, NameKey::new([7; 32]), true);
            let (name, generation) = (keys.content(Sha256::EMPTY), Nonce::new(9));
            let key = MediaKey::parse(ID).unwrap();
            let record = keys.record(name).unwrap();
            assert!(!record.as_ref().contains(&Sha256::EMPTY.to_hex()));
            assert_eq!(keys.parse_record(&record), Some(name));
            let blob = keys.blob(name, generation).unwrap();
            assert_eq!(keys.parse_blob(&blob), Some((name, generation)));
            for revision in [None, Some(Nonce::new(4))] {
                let marker = keys.marker(name, generation, key.token(), revision);
                let parsed = keys.parse_marker(&marker.unwrap()).unwrap();
                assert_eq!((parsed.name, parsed.generation), (name, generation));
                assert_eq!(
                    (parsed.token.as_str(), parsed.revision),
                    (key.token(), revision)
                );
            }
            assert_eq!(keys.parse_marker(&blob), None);
            let user: UserId = "user-1".parse().unwrap();
            let hour = "2026-01-02T03";
            for number in [None, Some(Nonce::new(5))] {
                let (entry, body) = keys.user_entry(&user, &key, number).unwrap();
                assert_eq!(body, "");
                let named = Some(UserEntry::Named(key.clone()));
                assert_eq!(keys.parse_user_entry(&entry), named);
                let hint = keys.expiry_hint(hour, key.token(), number).unwrap();
                assert_eq!(SecondKeys::token_of_hint(&hint), Some(key.token()));
            }
        }
    }

    #[test]
    fn a_long_id_is_the_body_of_its_entry() {
        let prefix = Path::parse("p".repeat(560)).unwrap();
        let keys = SecondKeys::new(prefix, NameKey::new([7; 32]), true);
        let name = ID.rsplit('/').next().unwrap();
        let id = format!("{0}/{0}/{0}/{name}", "x".repeat(120));
        let key = MediaKey::parse(&id).unwrap();
        let user: UserId = "user-1".parse().unwrap();
        for number in [None, Some(Nonce::new(5))] {
            let (entry, body) = keys.user_entry(&user, &key, number).unwrap();
            assert!(entry.as_ref().len() <= MAX_KEY);
            assert_eq!(body, id);
            let token = key.token().to_owned();
            assert_eq!(
                keys.parse_user_entry(&entry),
                Some(UserEntry::InBody(token))
            );
        }
    }
}
