//! What is stored, and numbers by lot.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Sizes of the contents that all processes store. The last one goes in parts.
const SHARED: [usize; 4] = [900, 3000, 65_537, 5_767_171];

/// Longest content that one process stores alone.
const OWN: u64 = 40_000;

/// A content, by what it takes to make it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    /// One of the few that everybody stores.
    Shared(usize),
    /// One that nobody else stores.
    Own(u64),
}

impl Content {
    /// One of those that everybody stores, small ones mostly.
    pub(crate) fn draw(numbers: &mut Numbers) -> Self {
        Self::Shared(match numbers.below(32) {
            0 => 3,
            1..8 => 2,
            8..20 => 1,
            _ => 0,
        })
    }

    pub(crate) fn bytes(self) -> Bytes {
        let (seed, len) = match self {
            Self::Shared(which) => (which as u64, SHARED.get(which).copied().unwrap_or_default()),
            Self::Own(seed) => (seed, usize::try_from(1 + seed % OWN).unwrap_or(1)),
        };
        let mut numbers = Numbers::new(seed);
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&numbers.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes.into()
    }
}

/// Numbers of a seed (SplitMix64).
#[derive(Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}
