//! Sizes of encrypted media: a header, then chunks of 64 KiB, each with a tag.

use std::ops::Range;

use crate::crypto::TAG_LEN;
use crate::header::HEADER_LEN;

/// Number of bytes of media in a chunk; the last one may have fewer.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Number of stored bytes of a full chunk.
pub(crate) const SEALED_CHUNK: usize = CHUNK + TAG_LEN;

/// Returns the number of chunks of media of a size. Empty media has one.
pub(crate) fn chunk_count(len: u64) -> u64 {
    len.div_ceil(CHUNK as u64).max(1)
}

/// Returns the stored size of media of a size.
pub(crate) fn stored_len(len: u64) -> u64 {
    let tags = chunk_count(len).saturating_mul(TAG_LEN as u64);
    len.saturating_add(tags).saturating_add(HEADER_LEN as u64)
}

/// Returns the size of media with a stored size, or `None` if no media has it.
pub(crate) fn plain_len(stored: u64) -> Option<u64> {
    let chunks = stored.checked_sub(HEADER_LEN as u64)?;
    let count = chunks.div_ceil(SEALED_CHUNK as u64);
    let len = chunks.checked_sub(count.checked_mul(TAG_LEN as u64)?)?;
    (stored_len(len) == stored).then_some(len)
}

/// Returns the stored bytes that have a range of the media, rounded to whole chunks.
pub(crate) fn stored_range(range: &Range<u64>) -> Range<u64> {
    let at = |chunk: u64| {
        let chunks = chunk.saturating_mul(SEALED_CHUNK as u64);
        chunks.saturating_add(HEADER_LEN as u64)
    };
    let chunk = CHUNK as u64;
    at(range.start / chunk)..at(range.end.div_ceil(chunk))
}

/// Returns the size of a chunk of media of a size.
pub(crate) fn chunk_len(index: u64, len: u64) -> usize {
    let rest = len.saturating_sub(index.saturating_mul(CHUNK as u64));
    usize::try_from(rest).unwrap_or(CHUNK).min(CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sizes_can_be_inverted(len in 0..(1_u64 << 50)) {
            prop_assert_eq!(plain_len(stored_len(len)), Some(len));
        }

        #[test]
        fn other_sizes_are_refused(stored in 0..(1_u64 << 24)) {
            if let Some(len) = plain_len(stored) {
                prop_assert_eq!(stored_len(len), stored);
            }
        }
    }

    #[test]
    fn the_limits_of_chunks_are_right() {
        let (chunk, header) = (CHUNK as u64, HEADER_LEN as u64);
        for (len, count) in [(0, 1), (1, 1), (chunk, 1), (chunk + 1, 2), (2 * chunk, 2)] {
            assert_eq!(stored_len(len), header + len + 16 * count);
            assert_eq!(plain_len(stored_len(len)), Some(len));
        }
        assert_eq!(plain_len(0), None);
        assert_eq!(plain_len(header), None);
        assert_eq!(stored_range(&(0..1)), header..header + chunk + 16);
        assert_eq!(stored_range(&(chunk..chunk)).start, header + chunk + 16);
        assert_eq!(stored_len(u64::MAX), u64::MAX);
        assert_eq!(chunk_len(1, chunk + 5), 5);
    }
}
