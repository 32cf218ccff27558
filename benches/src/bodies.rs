//! Media to store: bytes that do not compress, no two alike.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use media_types::base64;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Bodies of one size.
#[derive(Clone, Debug)]
pub struct Bodies {
    bytes: Vec<u8>,
}

impl Bodies {
    /// Bodies of `len` bytes, at least 16.
    pub fn new(len: usize) -> Self {
        let mut bytes = vec![0; len.max(16)];
        fill(&mut bytes, len as u64);
        Self { bytes }
    }

    /// A body that was not given before in this process.
    pub fn bytes(&mut self) -> Bytes {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = u64::from(std::process::id());
        if let Some(room) = self.bytes.get_mut(..16) {
            let (low, high) = room.split_at_mut(8);
            low.copy_from_slice(&number.to_le_bytes());
            high.copy_from_slice(&id.to_le_bytes());
        }
        Bytes::copy_from_slice(&self.bytes)
    }

    /// One in base64.
    pub fn base64(&mut self) -> Bytes {
        base64::encode(&self.bytes()).into()
    }
}

/// Fills memory with numbers that look random: xorshift64, G. Marsaglia, 2003.
pub fn fill(bytes: &mut [u8], seed: u64) {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    for chunk in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let number = state.to_le_bytes();
        let (number, _) = number.split_at(chunk.len());
        chunk.copy_from_slice(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike() {
        let mut bodies = Bodies::new(100);
        assert_ne!(bodies.bytes(), bodies.bytes());
        assert_eq!(bodies.base64().len(), 136);
    }
}
