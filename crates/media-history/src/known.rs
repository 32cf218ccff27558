//! References that stand for bytes already, to be used again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};

use media_types::{Sha256, StorageReference};

/// How many references are kept in mind.
const MAX_KNOWN: usize = 65_536;

/// How many of those that a run made itself: memory does not grow with the number of its media.
const MAX_NEW: usize = 8192;

/// References by the size and hash of their media.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    by_hash: HashMap<(u64, Sha256), Entry>,
    /// How many entries have this size and these bytes, as far as they were looked at.
    glances: HashMap<(u64, Option<Glance>), usize>,
    /// How many entries have this size.
    sizes: HashMap<u64, usize>,
    new: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    glance: Option<Glance>,
    reference: StorageReference,
}

/// Some bytes of media, which tell most media of equal size apart without hashing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Adds a reference that was there before the run.
    pub(crate) fn insert(&mut self, size: u64, sha256: Sha256, reference: StorageReference) {
        if self.by_hash.len() < MAX_KNOWN {
            self.add(size, sha256, None, reference);
        }
    }

    /// Adds a reference that the run made.
    pub(crate) fn insert_new(
        &mut self,
        size: u64,
        sha256: Sha256,
        glance: Option<Glance>,
        reference: StorageReference,
    ) {
        if self.new < MAX_NEW && self.add(size, sha256, glance, reference) {
            self.new += 1;
        }
    }

    /// Returns false if the media is known already.
    fn add(
        &mut self,
        size: u64,
        sha256: Sha256,
        glance: Option<Glance>,
        reference: StorageReference,
    ) -> bool {
        if self.by_hash.contains_key(&(size, sha256)) {
            return false;
        }
        *self.glances.entry((size, glance)).or_default() += 1;
        *self.sizes.entry(size).or_default() += 1;
        let entry = Entry { glance, reference };
        self.by_hash.insert((size, sha256), entry);
        true
    }

    /// Whether media may be known, so that its hash is worth computing.
    pub(crate) fn may_have(&self, size: u64, glance: Option<Glance>) -> bool {
        let is_any = |glance| self.glances.contains_key(&(size, glance));
        match glance {
            Some(_) => is_any(glance) || is_any(None),
            None => self.sizes.contains_key(&size),
        }
    }

    pub(crate) fn get(&self, size: u64, sha256: Sha256) -> Option<&StorageReference> {
        self.by_hash
            .get(&(size, sha256))
            .map(|entry| &entry.reference)
    }

    /// Forgets media whose reference does not resolve.
    pub(crate) fn remove(&mut self, size: u64, sha256: Sha256) {
        if let Some(entry) = self.by_hash.remove(&(size, sha256)) {
            less(&mut self.glances, (size, entry.glance));
            less(&mut self.sizes, size);
        }
    }
}

/// Takes one off a count, and drops it at 0.
fn less<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use media_storage::Sha256Hasher;

    use super::*;

    fn reference(id: usize) -> StorageReference {
        StorageReference::builder("file", format!("s/{id}"))
            .build()
            .unwrap()
    }

    fn hash(id: usize) -> Sha256 {
        Sha256Hasher::digest(&id.to_le_bytes())
    }

    #[test]
    fn what_was_removed_is_not_looked_for() {
        let glance = |byte| Some(Glance::new(&[byte]));
        let mut known = Known::default();
        known.insert_new(1, hash(1), glance(1), reference(1));
        assert!(known.may_have(1, glance(1)) && known.may_have(1, None));
        assert!(!known.may_have(1, glance(2)) && !known.may_have(2, glance(1)));
        known.insert(1, hash(2), reference(2));
        assert!(known.may_have(1, glance(2)));
        assert_eq!(known.get(1, hash(2)), Some(&reference(2)));
        known.remove(1, hash(2));
        assert!(!known.may_have(1, glance(2)) && known.may_have(1, glance(1)));
        known.remove(1, hash(1));
        assert!(!known.may_have(1, None));
    }

    #[test]
    fn what_a_run_makes_takes_bounded_memory() {
        let mut known = Known::default();
        known.insert(1, hash(0), reference(0));
        for id in 1..=MAX_NEW + 1 {
            known.insert_new(1, hash(id), None, reference(id));
        }
        assert!(known.get(1, hash(0)).is_some() && known.get(1, hash(MAX_NEW)).is_some());
        assert!(known.get(1, hash(MAX_NEW + 1)).is_none());
    }
}
