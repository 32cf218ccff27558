//! Which names were seen, in memory that does not grow.

use std::hash::{BuildHasher as _, RandomState};

/// Bits of a set: 4 MiB. With a million names in it, one in ten thousand others seems to be.
const BITS: usize = 1 << 25;

/// How many bits a name has.
const EACH: u64 = 4;

/// A set of names that may seem to hold a name that it does not hold, never the other way round. A
/// name that is mistaken once will hardly be the next time.
#[derive(Debug)]
pub(crate) struct Seen {
    words: Vec<u64>,
    hasher: RandomState,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self {
            words: vec![0; BITS / 64],
            hasher: RandomState::new(),
        }
    }

    fn places(&self, name: &str) -> impl Iterator<Item = (usize, u64)> + use<> {
        let hash = self.hasher.hash_one(name);
        let (start, step) = (hash, hash.rotate_left(32) | 1);
        (0..EACH).map(move |n| {
            let bit = start.wrapping_add(step.wrapping_mul(n)) % BITS as u64;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    pub(crate) fn insert(&mut self, name: &str) {
        for (word, bit) in self.places(name) {
            if let Some(word) = self.words.get_mut(word) {
                *word |= bit;
            }
        }
    }

    pub(crate) fn may_contain(&self, name: &str) -> bool {
        self.places(name)
            .all(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
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
