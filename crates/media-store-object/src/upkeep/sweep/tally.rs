//! Comparing two sets of names in bounded memory.
//!
//! Each set may have any size, and names arrive in any order. A table of checksums shows in which of
//! its cells the sets differ; only the names of these cells are then collected and compared. Unlike a
//! filter, the table cannot fill up: equal sets are always found equal, and names that are in one set
//! only are always found, though many of them take several sweeps.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

/// Number of cells, of 16 bytes each.
const CELLS: usize = 1 << 16;

/// Number of names that are collected in one sweep, approximately.
const MAX_COLLECTED: u64 = 200_000;

/// Checksums of the names that are in one of two sets, and not in the other.
#[derive(Clone)]
pub(super) struct Tally {
    cells: Vec<u128>,
    names: u64,
    hasher: [RandomState; 2],
}

/// The cells in which two sets differ.
#[derive(Clone)]
pub(super) struct Suspects {
    cells: HashSet<usize>,
    /// Whether every difference is in the cells.
    pub(super) complete: bool,
    hasher: RandomState,
}

fn cell(hash: u64) -> usize {
    (hash % CELLS as u64) as usize
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            cells: vec![0; CELLS],
            names: 0,
            hasher: [RandomState::new(), RandomState::new()],
        }
    }

    /// Adds a name of either set. A name of both sets cancels out.
    pub(super) fn toggle(&mut self, name: &str) {
        let [first, second] = &self.hasher;
        let (high, low) = (first.hash_one(name), second.hash_one(name));
        if let Some(sum) = self.cells.get_mut(cell(high)) {
            *sum ^= u128::from(high) << 64 | u128::from(low);
        }
        self.names += 1;
    }

    /// Returns the cells in which the sets differ, or so many of them that the names in them need
    /// little memory. Which of them is different in each sweep.
    pub(super) fn suspects(&self) -> Suspects {
        let [first, _] = &self.hasher;
        let in_each = (self.names / CELLS as u64).max(1);
        let most = usize::try_from(MAX_COLLECTED / in_each)
            .unwrap_or(usize::MAX)
            .max(1);
        let differing = self.cells.iter().enumerate().filter(|(_, sum)| **sum != 0);
        let mut cells: Vec<usize> = differing.map(|(at, _)| at).collect();
        let complete = cells.len() <= most;
        let start = cell(first.hash_one("start"));
        let from = cells.partition_point(|at| *at < start);
        cells.rotate_left(from);
        cells.truncate(most);
        Suspects {
            cells: cells.into_iter().collect(),
            complete,
            hasher: first.clone(),
        }
    }
}

impl Suspects {
    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Whether a name may be in one set only.
    pub(super) fn contains(&self, name: &str) -> bool {
        !self.is_empty() && self.cells.contains(&cell(self.hasher.hash_one(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(one: std::ops::Range<u32>, other: std::ops::Range<u32>) -> Tally {
        let mut tally = Tally::new();
        for n in one.chain(other) {
            tally.toggle(&format!("name-{n}"));
        }
        tally
    }

    #[test]
    fn equal_sets_are_equal_however_large() {
        let suspects = tally(0..300_000, 0..300_000).suspects();
        assert!(suspects.is_empty() && suspects.complete);
    }

    #[test]
    fn a_name_of_one_set_is_found_among_many() {
        let suspects = tally(0..300_000, 7..300_000).suspects();
        assert!(suspects.complete);
        assert!((0..7).all(|n| suspects.contains(&format!("name-{n}"))));
        let others = (7..300_000).filter(|n| suspects.contains(&format!("name-{n}")));
        assert!(others.count() < 300);
    }

    #[test]
    fn what_is_collected_is_bounded_and_varies() {
        let mut found = HashSet::new();
        for _ in 0..40 {
            // As if two million names differed.
            let mut tally = Tally::new();
            tally.cells.fill(1);
            tally.names = 2_000_000;
            let suspects = tally.suspects();
            assert!(!suspects.complete);
            let collected = (0..20_000).filter(|n| suspects.contains(&format!("name-{n}")));
            let before = found.len();
            found.extend(collected);
            assert!(found.len() - before <= 4000);
        }
        assert!(found.len() > 15_000, "{}", found.len());
    }
}
