//! References that stand for bytes already, to be used again.

use std::collections::HashMap;

use media_types::{Sha256, StorageReference};

/// How many references are kept in mind.
const MAX_KNOWN: usize = 65_536;

/// References by the size and hash of their media.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    by_size: HashMap<u64, Vec<(Sha256, StorageReference)>>,
    count: usize,
}

impl Known {
    pub(crate) fn insert(&mut self, size: u64, sha256: Sha256, reference: StorageReference) {
        if self.count < MAX_KNOWN && self.get(size, sha256).is_none() {
            self.count += 1;
            let same_size = self.by_size.entry(size).or_default();
            same_size.push((sha256, reference));
        }
    }

    /// Whether media of a size is known, so that its hash is worth computing.
    pub(crate) fn has_size(&self, size: u64) -> bool {
        self.by_size.contains_key(&size)
    }

    pub(crate) fn get(&self, size: u64, sha256: Sha256) -> Option<&StorageReference> {
        let same_size = self.by_size.get(&size)?;
        let found = same_size.iter().find(|(known, _)| *known == sha256);
        found.map(|(_, reference)| reference)
    }
}
