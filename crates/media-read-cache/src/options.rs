//! Options that the builder sets and the cache reads.

use std::time::Duration;

/// Which media enters a [`ReadCache`](crate::ReadCache).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheFill {
    /// Media that is read whole.
    #[default]
    Reads,
    /// Media that is read whole, and media that is stored from memory, as bytes or base64. Streams
    /// are not cached while they are stored.
    ReadsAndStores,
}

/// Limits of one cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Largest media item that enters, in bytes.
    pub(crate) max_item: u64,
    pub(crate) fill: CacheFill,
    /// How long a reader waits for another reader that makes no progress.
    pub(crate) stall_timeout: Duration,
    /// How long a reader waits for another reader altogether.
    pub(crate) max_wait: Duration,
    /// How long an answer of the store counts.
    pub(crate) max_staleness: Duration,
}
