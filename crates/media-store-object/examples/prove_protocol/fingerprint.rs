//! States are remembered by 64 bits of them.
//!
//! Two states with equal fingerprints count as one. Among n states the chance that any was taken
//! for another is about n² / 2⁶⁵: less than one in ten thousand for fifty million.

use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Two lanes of folded multiplication.
struct Fold {
    one: u64,
    two: u64,
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or_default();
    let high = u64::try_from(product >> 64).unwrap_or_default();
    low ^ high
}

impl Fold {
    fn word(&mut self, word: u64) {
        self.one = fold(self.one ^ word, 0x9e37_79b9_7f4a_7c15).rotate_left(23);
        self.two = (self.two.rotate_left(29) ^ word).wrapping_mul(0xd6e8_feb8_6659_fd93);
    }
}

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.word(u64::from(n) | 0x100);
    }

    fn write_u16(&mut self, n: u16) {
        self.word(u64::from(n) | 0x2_0000);
    }

    fn write_u32(&mut self, n: u32) {
        self.word(u64::from(n) | 0x4_0000_0000);
    }

    fn write_u64(&mut self, n: u64) {
        self.word(n);
    }

    fn write_usize(&mut self, n: usize) {
        self.word(n as u64);
    }

    /// NonceSet: their values are small.
    fn write_u128(&mut self, n: u128) {
        self.word(u64::try_from(n).unwrap_or(u64::MAX));
    }

    fn finish(&self) -> u64 {
        let mixed = fold(
            self.one ^ 0xa076_1d64_78bd_642f,
            self.two ^ 0xe703_7ed1_a0b4_28db,
        );
        fold(mixed ^ self.two, 0x8ebc_6af0_9c88_c6e3) ^ self.one
    }
}

pub(crate) fn of(value: &impl Hash) -> u64 {
    let mut fold = Fold {
        one: 0x2d35_8dcc_aa6c_78a5,
        two: 0x8bb8_4b93_962e_acc9,
    };
    value.hash(&mut fold);
    fold.finish()
}

/// A fingerprint is mixed already.
#[derive(Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub(crate) type ByFingerprint = BuildHasherDefault<AsItIs>;
