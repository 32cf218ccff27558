//! Creations, and what writes and creations return.

use chrono::{DateTime, Utc};

use crate::id::WriteId;
use crate::record::ConversationRecord;

/// Outcome of a write that was applied, now or by an earlier attempt.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Applied {
    /// The record as it is now. After a repetition it may be further than the write.
    pub record: ConversationRecord,
    /// The version that the write made.
    pub version: u64,
    /// The head that the write left.
    pub head: u64,
    /// The epoch of the current turn's lease that the write left.
    pub epoch: Option<u64>,
    /// When the lease of the turn that is current now ends.
    pub lease_expires_at: Option<DateTime<Utc>>,
    /// Whether somebody asked for the end of the turn that is current now.
    pub cancel_requested: bool,
    /// Whether an earlier attempt had applied the write.
    pub replayed: bool,
    /// The time by the store's clock.
    pub now: DateTime<Utc>,
}

impl Applied {
    /// Creates the outcome of a write that left a record, which has no current turn.
    pub fn new(record: ConversationRecord, now: DateTime<Utc>) -> Self {
        Self {
            version: record.version,
            head: record.head,
            epoch: None,
            lease_expires_at: None,
            cancel_requested: false,
            replayed: false,
            now,
            record,
        }
    }
}

/// A conversation to create.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NewConversation {
    /// The record. Version, head, counters and times are set by the store.
    pub record: ConversationRecord,
    /// The id of the write. A repetition has the same.
    pub write: WriteId,
    /// The key under which the user repeats the creation without creating another conversation: at
    /// most 256 bytes.
    pub key: Option<String>,
}

impl NewConversation {
    /// Creates the request to create a conversation, with a new write id.
    pub fn new(record: ConversationRecord) -> Self {
        Self {
            record,
            write: WriteId::mint(),
            key: None,
        }
    }

    /// Sets the key, which is unique among the conversations of the record's user. Defaults to none.
    #[must_use]
    pub fn with_key(mut self, key: Option<String>) -> Self {
        self.key = key;
        self
    }
}

/// Outcome of the creation of a conversation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Created {
    /// The conversation was created, now or by an earlier attempt with the same write id.
    New(ConversationRecord),
    /// The key belongs to this conversation; nothing was created.
    Existing(ConversationRecord),
}

impl Created {
    /// Returns the record, new or not.
    pub fn into_record(self) -> ConversationRecord {
        match self {
            Self::New(record) | Self::Existing(record) => record,
        }
    }
}
