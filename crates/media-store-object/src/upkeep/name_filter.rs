//! A set of names in bounded memory.

use std::hash::{BuildHasher as _, RandomState};

/// Bits of a filter, in 4 MiB at most. With a million names, one in ten thousand other names is a
/// false positive.
const BITS: u64 = 1 << 25;

/// Bits of a name.
const EACH: u64 = 4;

/// Words of a page; an empty page takes no memory.
const WORDS: usize = 128;

/// A set of names with false positives and no false negatives (a Bloom filter). Each filter has
/// hash keys of its own, so that a false positive is unlikely to repeat in the next sweep.
pub(super) struct NameFilter {
    pages: Vec<Option<Box<[u64; WORDS]>>>,
    hasher: RandomState,
}

impl NameFilter {
    pub(super) fn new() -> Self {
        Self {
            pages: vec![None; (BITS / 64) as usize / WORDS],
            hasher: RandomState::new(),
        }
    }

    /// Returns page, word and bit of each bit of a name.
    fn positions(&self, name: &str) -> impl Iterator<Item = (usize, usize, u64)> + use<> {
        let hash = self.hasher.hash_one(name);
        let step = hash.rotate_left(32) | 1;
        (0..EACH).map(move |n| {
            let bit = hash.wrapping_add(step.wrapping_mul(n)) % BITS;
            let word = (bit / 64) as usize;
            (word / WORDS, word % WORDS, 1 << (bit % 64))
        })
    }

    pub(super) fn insert(&mut self, name: &str) {
        for (page, word, bit) in self.positions(name) {
            if let Some(page) = self.pages.get_mut(page) {
                let words = page.get_or_insert_with(|| Box::new([0; WORDS]));
                if let Some(word) = words.get_mut(word) {
                    *word |= bit;
                }
            }
        }
    }

    pub(super) fn may_contain(&self, name: &str) -> bool {
        self.positions(name).all(|(page, word, bit)| {
            let words = self.pages.get(page).and_then(Option::as_ref);
            let word = words.and_then(|words| words.get(word));
            word.is_some_and(|word| word & bit != 0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserted_names_are_contained_and_hardly_any_others() {
        let mut filter = NameFilter::new();
        for n in 0..10_000 {
            filter.insert(&format!("name-{n}"));
        }
        assert!((0..10_000).all(|n| filter.may_contain(&format!("name-{n}"))));
        let false_positives = (0..10_000).filter(|n| filter.may_contain(&format!("other-{n}")));
        assert!(false_positives.count() < 5);
    }
}
