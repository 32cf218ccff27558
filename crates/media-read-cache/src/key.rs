//! Names of cached bytes: hash and size in memory, with a number appended on disk.

use media_storage::StoredMedia;
use media_types::{Sha256, StorageReference};

/// The suffix of files that are being filled.
const FILLING: &str = ".filling";

/// The identity of some bytes, equal for every reference, store and tenant that holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    pub(crate) sha256: Sha256,
    pub(crate) size: u64,
}

impl CacheKey {
    /// Returns the key that a reference claims. A reference can be forged, so that this is good for
    /// a lookup and not for a decision.
    pub(crate) fn claimed_by(reference: &StorageReference) -> Option<Self> {
        Some(Self {
            sha256: reference.sha256()?,
            size: reference.size()?,
        })
    }

    /// Returns the key that the store reports.
    pub(crate) fn of(stored: &StoredMedia) -> Option<Self> {
        Some(Self {
            sha256: stored.sha256?,
            size: stored.size,
        })
    }
}

/// The name of a file in the cache.
///
/// Each file gets a new number, so that the late removal of an evicted file never removes the file
/// that replaced it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileName {
    pub(crate) key: CacheKey,
    pub(crate) number: u64,
}

impl FileName {
    pub(crate) fn whole(&self) -> String {
        format!("{}-{}-{}", self.key.sha256, self.key.size, self.number)
    }

    pub(crate) fn filling(&self) -> String {
        format!("{}{FILLING}", self.whole())
    }

    /// Parses the name of a whole file, in exactly the form that [`whole`](Self::whole) writes.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.splitn(3, '-');
        let parsed = Self {
            key: CacheKey {
                sha256: parts.next()?.parse().ok()?,
                size: parts.next()?.parse().ok()?,
            },
            number: parts.next()?.parse().ok()?,
        };
        (parsed.whole() == name).then_some(parsed)
    }

    /// Parses the name of a file that is being filled.
    pub(crate) fn parse_filling(name: &str) -> Option<Self> {
        Self::parse(name.strip_suffix(FILLING)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_nothing_else_is() {
        let name = FileName {
            key: CacheKey {
                sha256: Sha256::EMPTY,
                size: 17,
            },
            number: 3,
        };
        assert_eq!(FileName::parse(&name.whole()), Some(name));
        assert_eq!(FileName::parse_filling(&name.filling()), Some(name));
        let hash = Sha256::EMPTY;
        for other in [
            String::new(),
            "lock".into(),
            name.filling(),
            format!("{hash}-17"),
            format!("{hash}-17-03"),
            format!("{hash}-+17-3"),
            format!("{hash}-17-3-4"),
            format!("{}-17-3", hash.to_hex().to_uppercase()),
        ] {
            assert_eq!(FileName::parse(&other), None, "{other}");
        }
    }
}
