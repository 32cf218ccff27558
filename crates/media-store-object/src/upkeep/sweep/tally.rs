//! Comparing two sets of names in bounded memory.
//!
//! Each set may have any size, and names arrive in any order. A table of checksums, added for one set and
//! subtracted for the other, shows in which of its cells the sets differ; only the names of these cells are then collected and compared. Unlike a
//! filter, the table cannot fill up: equal sets are always found equal, and names that are in one set
//! only are always found, though many of them take several sweeps.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

use crate::protocol::Nonce;

/// Number of cells, of 16 bytes each.
const CELLS: usize = 1 << 16;

/// Number of names that are collected in one sweep, approximately.
const MAX_COLLECTED: u64 = 200_000;

/// Checksums of the names that are in one of two sets, and not in the other.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// The checksums; empty as long as there is no name.
    cells: Vec<u128>,
    names: u64,
    seed: Nonce,
}

/// The cells in which two sets differ.
#[derive(Clone)]
pub(super) struct Suspects {
    cells: HashSet<usize>,
    /// Whether every difference is in the cells.
    pub(super) complete: bool,
    seed: Nonce,
}

/// Returns the cell of a name, and its checksum. Both depend on the seed, so that nobody can choose names
/// that cancel out, and are the same in every process.
fn cell_of(seed: Nonce, name: &str) -> (usize, u128) {
    let hash = Sha256::new()
        .chain_update(seed.value().to_be_bytes())
        .chain_update(name)
        .finalize();
    let (mut cell, mut sum) = (0, 0);
    for (at, byte) in hash.iter().enumerate() {
        match at {
            0..2 => cell = cell << 8 | usize::from(*byte),
            2..18 => sum = sum << 8 | u128::from(*byte),
            _ => break,
        }
    }
    (cell % CELLS, sum)
}

impl Tally {
    /// Creates the tally of two empty sets. The seed is a new one in each sweep.
    pub(super) fn new(seed: Nonce) -> Self {
        Self {
            cells: Vec::new(),
            names: 0,
            seed,
        }
    }

    fn shift(&mut self, at: usize, sum: u128) {
        if self.cells.is_empty() {
            self.cells = vec![0; CELLS];
        }
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = cell.wrapping_add(sum);
        }
    }

    /// Adds the names of a tally of the same seed.
    pub(super) fn add(&mut self, other: &Self) {
        self.names = self.names.saturating_add(other.names);
        for (at, sum) in other.cells.iter().enumerate().filter(|(_, sum)| **sum != 0) {
            self.shift(at, *sum);
        }
    }

    /// Appends a form that [`decode`](Self::decode) reads: the number of names, that of the cells that are
    /// not zero, and each of these with its number.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let cells = || self.cells.iter().zip(0_u16..=u16::MAX);
        let filled = cells().filter(|(sum, _)| **sum != 0);
        let count = filled.clone().count() as u64;
        out.extend(self.names.to_be_bytes());
        out.extend(count.to_be_bytes());
        for (sum, at) in filled {
            out.extend(at.to_be_bytes());
            out.extend(sum.to_be_bytes());
        }
    }

    /// Reads a tally from the beginning of what is left; `None` if there is none.
    pub(super) fn decode(seed: Nonce, left: &mut &[u8]) -> Option<Self> {
        let mut tally = Self::new(seed);
        tally.names = u64::from_be_bytes(take(left)?);
        for _ in 0..u64::from_be_bytes(take(left)?) {
            let at = u16::from_be_bytes(take(left)?);
            tally.shift(usize::from(at), u128::from_be_bytes(take(left)?));
        }
        Some(tally)
    }

    /// Adds a name of the first set, that of the sidecars. A name that is in both sets cancels out.
    pub(super) fn add_described(&mut self, name: &str) {
        let (at, sum) = cell_of(self.seed, name);
        self.shift(at, sum);
        self.names = self.names.saturating_add(1);
    }

    /// Adds a name of the second set, that of what belongs to sidecars. One that comes several times does not
    /// cancel out with itself.
    pub(super) fn add_belonging(&mut self, name: &str) {
        let (at, sum) = cell_of(self.seed, name);
        self.shift(at, sum.wrapping_neg());
        self.names = self.names.saturating_add(1);
    }

    /// Returns the cells in which the sets differ, but no more than those whose names need little
    /// memory. Which of them are returned is different in each sweep.
    pub(super) fn suspects(&self) -> Suspects {
        let in_each = (self.names / CELLS as u64).max(1);
        let most = usize::try_from(MAX_COLLECTED / in_each)
            .unwrap_or(usize::MAX)
            .max(1);
        let differing = self.cells.iter().enumerate().filter(|(_, sum)| **sum != 0);
        let mut cells: Vec<usize> = differing.map(|(at, _)| at).collect();
        let complete = cells.len() <= most;
        let (start, _) = cell_of(self.seed, "start");
        let from = cells.partition_point(|at| *at < start);
        cells.rotate_left(from);
        cells.truncate(most);
        Suspects {
            cells: cells.into_iter().collect(),
            complete,
            seed: self.seed,
        }
    }
}

/// Takes the first bytes of what is left.
fn take<const N: usize>(left: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = left.split_first_chunk()?;
    *left = rest;
    Some(*first)
}

impl Suspects {
    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Whether a name may be in one set only.
    pub(super) fn contains(&self, name: &str) -> bool {
        !self.is_empty() && self.cells.contains(&cell_of(self.seed, name).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(one: std::ops::Range<u32>, other: std::ops::Range<u32>) -> Tally {
        let mut tally = Tally::new(Nonce::new(7));
        one.for_each(|n| tally.add_described(&format!("name-{n}")));
        other.for_each(|n| tally.add_belonging(&format!("name-{n}")));
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
    fn a_name_that_comes_several_times_is_found() {
        let mut tally = tally(0..100, 0..100);
        for _ in 0..2 {
            tally.add_belonging("name-3");
        }
        assert!(tally.suspects().contains("name-3"));
    }

    #[test]
    fn parts_that_were_kept_add_up_to_the_whole() {
        let seed = Nonce::new(7);
        let mut whole = Tally::new(seed);
        let parts = [
            tally(0..500, 500..900),
            tally(500..900, 0..500),
            tally(0..0, 900..1000),
        ];
        for part in parts {
            let mut kept = Vec::new();
            part.encode(&mut kept);
            kept.extend(b"rest");
            let mut left = kept.as_slice();
            whole.add(&Tally::decode(seed, &mut left).unwrap());
            assert_eq!(left, b"rest");
            for length in [0, 7, 15, 16 + 17] {
                assert!(Tally::decode(seed, &mut &kept[..length]).is_none() || length == 0);
            }
        }
        let suspects = whole.suspects();
        assert!((900..1000).all(|n| suspects.contains(&format!("name-{n}"))));
        assert!(suspects.cells.len() <= 100);
        assert_eq!(whole.names, 1900);
    }

    #[test]
    fn what_is_collected_is_bounded_and_varies() {
        let mut found = HashSet::new();
        for seed in 0..40 {
            // As if two million names differed.
            let mut tally = Tally::new(Nonce::new(seed));
            tally.cells = vec![1; CELLS];
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
