//! What the size of a marker shows.
//!
//! The tombstone of a deletion is empty, and that of a retired marker is one word. A sealed marker has the
//! content of the sidecar and its length, of more than 500 bytes, and a provisional marker has a short fixed
//! content.

/// Content of a provisional marker.
pub(crate) const PROVISIONAL: &[u8] = b"provisional";

/// Content of the tombstone of a marker that was never sealed.
pub(crate) const RETIRED: &[u8] = b"retired";

/// What a listing shows of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkerState {
    Tombstone,
    Provisional,
    Sealed,
}

impl MarkerState {
    /// Returns the state of a marker of this size, in bytes.
    pub(crate) fn of_size(size: u64) -> Self {
        match size {
            0 => Self::Tombstone,
            size if size == RETIRED.len() as u64 => Self::Tombstone,
            size if size == PROVISIONAL.len() as u64 => Self::Provisional,
            _ => Self::Sealed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_shows_the_state() {
        for (size, state) in [
            (0, MarkerState::Tombstone),
            (RETIRED.len() as u64, MarkerState::Tombstone),
            (PROVISIONAL.len() as u64, MarkerState::Provisional),
            (504, MarkerState::Sealed),
            (1023, MarkerState::Sealed),
        ] {
            assert_eq!(MarkerState::of_size(size), state);
        }
    }
}
