//! What a store must look up before a write can be judged.

use chrono::{DateTime, Utc};
use conversation_types::{MessageId, TurnId};
use serde::{Deserialize, Serialize};

use crate::error::StateError;
use crate::id::WriteId;
use crate::load::MessagePosition;
use crate::turn::TurnRecord;

/// What the log of a conversation keeps about the write that made a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LoggedWrite {
    /// The write.
    pub id: WriteId,
    /// The version that it made.
    pub version: u64,
    /// The head that it left.
    pub head: u64,
    /// The epoch of the current turn that it left.
    pub epoch: Option<u64>,
    /// When it was applied.
    pub at: DateTime<Utc>,
}

impl LoggedWrite {
    /// Creates an entry of the log.
    pub fn new(
        id: WriteId,
        version: u64,
        head: u64,
        epoch: Option<u64>,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            version,
            head,
            epoch,
            at,
        }
    }
}

/// A turn as a store keeps it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TurnRow {
    /// The slot.
    pub slot: u64,
    /// The branch; 0 is the history itself.
    pub branch: u32,
    /// The position at which its first message is, or would have been.
    pub first: u64,
    /// The turn.
    pub turn: TurnRecord,
}

impl TurnRow {
    /// Creates a row.
    pub fn new(slot: u64, branch: u32, first: u64, turn: TurnRecord) -> Self {
        Self {
            slot,
            branch,
            first,
            turn,
        }
    }
}

/// Look-ups in one conversation as it is before a write. Each costs one access by an index;
/// [`logged`](Self::logged) one for each version since the write's base.
pub trait StateView {
    /// Returns the entry of the log for a write that made a version after `base`. That version is
    /// mostly the next, and there is mostly none.
    ///
    /// # Errors
    /// Those of the store.
    fn logged(&self, id: WriteId, base: u64) -> Result<Option<LoggedWrite>, StateError>;

    /// Returns when the write that made a version was applied.
    ///
    /// # Errors
    /// Those of the store.
    fn logged_at(&self, version: u64) -> Result<Option<DateTime<Utc>>, StateError>;

    /// Returns a turn, on any branch.
    ///
    /// # Errors
    /// Those of the store.
    fn turn(&self, id: &TurnId) -> Result<Option<TurnRow>, StateError>;

    /// Returns the turn that has an idempotency key, on any branch.
    ///
    /// # Errors
    /// Those of the store.
    fn turn_with_key(&self, key: &str) -> Result<Option<TurnId>, StateError>;

    /// Returns the place of a message, on any branch.
    ///
    /// # Errors
    /// Those of the store.
    fn message(&self, id: &MessageId) -> Result<Option<MessagePosition>, StateError>;
}
