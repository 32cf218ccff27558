//! References that stand for bytes already, to be used again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};

use media_types::{Sha256, StorageReference};

/// How many references are kept in mind.
const MAX_KNOWN: usize = 65_536;

/// References by the size and hash of their media.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    by_size: HashMap<u64, Vec<Entry>>,
    count: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    sha256: Sha256,
    glance: Option<Glance>,
    reference: StorageReference,
}

/// Some bytes of media, which tell most media of equal size apart without hashing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glance(u64);

impl Glance {
    pub(crate) fn new(media: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        let (step, part) = (media.len() / 8 + 1, 64);
        for at in (0..media.len()).step_by(step) {
            hasher.write(
                media
                    .get(at..media.len().min(at + part))
                    .unwrap_or_default(),
            );
        }
        hasher.write(
            media
                .get(media.len().saturating_sub(part)..)
                .unwrap_or_default(),
        );
        Self(hasher.finish())
    }
}

impl Known {
    pub(crate) fn insert(
        &mut self,
        size: u64,
        sha256: Sha256,
        glance: Option<Glance>,
        reference: StorageReference,
    ) {
        if self.count < MAX_KNOWN && self.get(size, sha256).is_none() {
            self.count += 1;
            self.by_size.entry(size).or_default().push(Entry {
                sha256,
                glance,
                reference,
            });
        }
    }

    /// Whether media may be known, so that its hash is worth computing.
    pub(crate) fn may_have(&self, size: u64, glance: Option<Glance>) -> bool {
        let same_size = self.by_size.get(&size);
        same_size.is_some_and(|entries| {
            entries.iter().any(|entry| {
                let both = entry.glance.zip(glance);
                both.is_none_or(|(one, other)| one == other)
            })
        })
    }

    pub(crate) fn get(&self, size: u64, sha256: Sha256) -> Option<&StorageReference> {
        let same_size = self.by_size.get(&size)?;
        let found = same_size.iter().find(|entry| entry.sha256 == sha256);
        found.map(|entry| &entry.reference)
    }

    /// Forgets media whose reference does not resolve.
    pub(crate) fn remove(&mut self, size: u64, sha256: Sha256) {
        if let Some(entries) = self.by_size.get_mut(&size) {
            entries.retain(|entry| entry.sha256 != sha256);
        }
    }
}
