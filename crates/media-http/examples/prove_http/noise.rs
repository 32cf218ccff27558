//! Bytes that are known to both sides.

/// Returns bytes without a pattern, different for each seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fill(seed, &mut bytes);
    bytes
}

/// Returns a PNG file as far as its first bytes are looked at.
pub(crate) fn png(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(noise(seed, len.saturating_sub(bytes.len())));
    bytes
}

/// Fills a buffer.
pub(crate) fn fill(seed: u64, bytes: &mut [u8]) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for piece in bytes.chunks_mut(8) {
        state = step(state);
        piece.copy_from_slice(&state.to_le_bytes()[..piece.len()]);
    }
}

/// Returns the number after a number.
pub(crate) fn step(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ (state << 17)
}
