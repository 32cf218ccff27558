//! What bytes are called: in the cache by hash and size, on disk with a number behind.

use media_storage::StoredMedia;
use media_types::{Sha256, StorageReference};

/// The ending of files that are being filled.
const FILLING: &str = ".filling";

/// Bytes, by what they are. Equal for every reference, store and tenant that holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CacheKey {
    pub(super) sha256: Sha256,
    pub(super) size: u64,
}

impl CacheKey {
    /// By the word of a reference, which may be a lie: good for a guess, not for an answer.
    pub(super) fn claimed_by(reference: &StorageReference) -> Option<Self> {
        Some(Self {
            sha256: reference.sha256()?,
            size: reference.size()?,
        })
    }

    /// By the word of the store.
    pub(super) fn of(stored: &StoredMedia) -> Option<Self> {
        Some(Self {
            sha256: stored.sha256?,
            size: stored.size,
        })
    }
}

/// The name of a file in the cache.
///
/// The number is another one each time, so that the removal of a file that left the cache never
/// meets the file that took its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileName {
    pub(super) key: CacheKey,
    pub(super) number: u64,
}

impl FileName {
    pub(super) fn whole(&self) -> String {
        format!("{}-{}-{}", self.key.sha256, self.key.size, self.number)
    }

    pub(super) fn filling(&self) -> String {
        format!("{}{FILLING}", self.whole())
    }

    /// Takes the name of a whole file apart; none for a name that is not exactly of this form.
    pub(super) fn parse(name: &str) -> Option<Self> {
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

    /// The same for a file that was being filled.
    pub(super) fn parse_filling(name: &str) -> Option<Self> {
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
