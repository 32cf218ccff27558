//! What a store takes and what it promises.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::id::StoreId;

/// Largest title and metadata of a conversation together, and largest metadata of a turn, in bytes
/// of JSON.
pub const MAX_METADATA_BYTES: usize = 16 << 10;
/// Largest value of a planner row, in bytes of JSON.
pub const MAX_PLANNER_BYTES: usize = 4 << 10;
/// Longest idempotency key or lease owner, in bytes.
pub const MAX_KEY_BYTES: usize = 256;
/// Largest page of a list.
pub const MAX_PAGE: usize = 1000;
/// How long a write is known by its id, at least.
pub const WRITES_KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How many of the newest versions are known by the ids of their writes, at least.
pub const WRITES_KEPT: u64 = 1000;
/// How long the id of a deleted conversation stays refused by default.
pub const TOMBSTONE_KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long a reference that no message names is remembered, about: longer than any two passes that look
/// for such references are apart.
pub const UNNAMED_KEPT_FOR: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// Largest values that a store takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateLimits {
    /// Largest message, in bytes of JSON.
    pub max_message_bytes: usize,
    /// Largest sum of the messages of one write, in bytes of JSON.
    pub max_write_bytes: usize,
}

impl StateLimits {
    /// Creates limits for a message and for the messages of one write, in bytes of JSON.
    pub const fn new(max_message_bytes: usize, max_write_bytes: usize) -> Self {
        Self {
            max_message_bytes,
            max_write_bytes,
        }
    }
}

/// What a write has survived once it has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing: state is gone with the process.
    Process,
    /// Crashes of the process and of the machine, and loss of power, as far as the disk keeps what
    /// it has acknowledged.
    Disk,
    /// Crashes of the process; a crash of the machine may lose the writes of this long before it.
    Delayed(Duration),
}

/// Identity of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreInfo {
    /// The id, made when the store was created.
    pub id: StoreId,
    /// When the store was created, by its own clock.
    pub created_at: DateTime<Utc>,
    /// The kind of the store: `memory`, `sqlite`.
    pub backend: &'static str,
}

impl StoreInfo {
    /// Creates the identity of a store.
    pub fn new(id: StoreId, created_at: DateTime<Utc>, backend: &'static str) -> Self {
        Self {
            id,
            created_at,
            backend,
        }
    }
}
