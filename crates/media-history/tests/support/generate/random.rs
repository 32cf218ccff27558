//! Numbers by chance, the same for the same seed.

/// A generator of numbers (SplitMix64): one seed, one history.
#[derive(Debug)]
pub struct Random {
    state: u64,
    /// Whether histories have bytes that are written as numbers.
    pub has_numbers: bool,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed,
            has_numbers: false,
        }
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}
