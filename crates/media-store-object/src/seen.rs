//! Which names were seen, in memory that does not grow.

use std::hash::{BuildHasher as _, RandomState};

/// Bits of a set: 4 MiB at most. With a million names in it, one in ten thousand others seems to be.
const BITS: u64 = 1 << 25;

/// How many bits a name has.
const EACH: u64 = 4;

/// Words of a page; pages without a name take no memory.
const WORDS: usize = 128;

/// A set of names that may seem to hold a name that it does not hold, never the other way round. A
/// name that is mistaken once will hardly be the next time.
pub(crate) struct Seen {
    pages: Vec<Option<Box<[u64; WORDS]>>>,
    hasher: RandomState,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self {
            pages: vec![None; (BITS / 64) as usize / WORDS],
            hasher: RandomState::new(),
        }
    }

    /// Page, word in it and bit in that, for each of a name's bits.
    fn places(&self, name: &str) -> impl Iterator<Item = (usize, usize, u64)> + use<> {
        let hash = self.hasher.hash_one(name);
        let step = hash.rotate_left(32) | 1;
        (0..EACH).map(move |n| {
            let bit = hash.wrapping_add(step.wrapping_mul(n)) % BITS;
            let word = (bit / 64) as usize;
            (word / WORDS, word % WORDS, 1 << (bit % 64))
        })
    }

    pub(crate) fn insert(&mut self, name: &str) {
        for (page, word, bit) in self.places(name) {
            if let Some(page) = self.pages.get_mut(page) {
                let words = page.get_or_insert_with(|| Box::new([0; WORDS]));
                if let Some(word) = words.get_mut(word) {
                    *word |= bit;
                }
            }
        }
    }

    pub(crate) fn may_contain(&self, name: &str) -> bool {
        self.places(name).all(|(page, word, bit)| {
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
    fn what_was_seen_is_known_and_hardly_anything_else() {
        let mut seen = Seen::new();
        for n in 0..10_000 {
            seen.insert(&format!("name-{n}"));
        }
        assert!((0..10_000).all(|n| seen.may_contain(&format!("name-{n}"))));
        let mistaken = (0..10_000).filter(|n| seen.may_contain(&format!("other-{n}")));
        assert!(mistaken.count() < 5);
    }
}
