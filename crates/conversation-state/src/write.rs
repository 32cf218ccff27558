//! Writes: what changes in a conversation in one step, and under which condition.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use conversation_types::{Message, MessageId, RawJson, TurnId};
use media_types::ConversationId;
use serde_json::{Map, Value};

use crate::id::{Incarnation, WriteId};
use crate::record::{ConversationRecord, ConversationStatus, MediaStoreName};
use crate::turn::TurnRecord;

/// A turn and the epoch of its lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnFence {
    /// The turn.
    pub turn: TurnId,
    /// The epoch of its newest lease.
    pub epoch: u64,
}

impl TurnFence {
    /// Creates a fence of a turn and an epoch.
    pub fn new(turn: TurnId, epoch: u64) -> Self {
        Self { turn, epoch }
    }
}

/// The condition of a write.
///
/// Heads, epochs, versions and the ends of leases only ever grow. A fence that does not hold
/// therefore never holds later, which is why [`Conflict`](crate::StateErrorKind::Conflict) is
/// final.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fence {
    /// The history is as it was read: the head is this, and the current turn and its epoch are
    /// these, or there is no current turn. For everything that changes history or turns.
    Head {
        /// The head.
        head: u64,
        /// The current turn, or none.
        turn: Option<TurnFence>,
    },
    /// As [`Head`](Self::Head), and the current turn's lease still ends at the time at which it was
    /// seen to end. For taking over from an owner that no longer renews its lease. Before that time
    /// the write fails as [`Unavailable`](crate::StateErrorKind::Unavailable); a lease that was
    /// renewed is a conflict.
    TakeOver {
        /// The head.
        head: u64,
        /// The current turn.
        turn: TurnFence,
        /// When its lease ends.
        expires_at: DateTime<Utc>,
    },
    /// The record is as it was read. For fields of the record, and for messages that are replaced
    /// without a change of their meaning. Such writes leave the head as it is.
    Version(u64),
    /// The current turn and its epoch are these, whatever the history is. For renewals and requests
    /// to cancel. Such writes leave the head as it is.
    Turn(TurnFence),
}

/// What happens to messages that are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TruncationMode {
    /// They stay in the conversation under a branch number of their own.
    KeepAsBranch,
    /// They are removed, and turns that have none left with them.
    Remove,
}

/// Cutting off the end of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// The last message that stays; none for cutting off everything.
    pub after: Option<MessageId>,
    /// What happens to the others.
    pub mode: TruncationMode,
}

impl Truncation {
    /// Creates a truncation.
    pub fn new(after: Option<MessageId>, mode: TruncationMode) -> Self {
        Self { after, mode }
    }
}

/// What happens to the lease of the turn that is current after the write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseChange {
    /// It stays as it is; a turn that is not running has none.
    #[default]
    Keep,
    /// Somebody takes it, under a new epoch.
    Take {
        /// The owner, in its own words: at most 256 bytes.
        owner: String,
        /// How long it is held from now on, by the store's clock.
        duration: Duration,
    },
    /// Its owner holds it for this long from now on. Its end never moves back.
    Hold(Duration),
    /// Its owner gives it up.
    Release,
}

/// Changes of a record's fields. `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RecordUpdate {
    /// The new title, or none.
    pub title: Option<Option<String>>,
    /// The new application data.
    pub metadata: Option<Map<String, Value>>,
    /// The new tags.
    pub tags: Option<BTreeSet<String>>,
    /// The new status. [`ConversationStatus::Deleting`] is set by
    /// [`tombstone`](crate::StateStore::tombstone) alone.
    pub status: Option<ConversationStatus>,
    /// The new number of messages that hold no media still to be externalized.
    pub externalized_through: Option<u64>,
    /// What the prompt is made from now, or nothing.
    pub prompt: Option<Option<Value>>,
    /// Media stores to add to the list.
    pub add_media_stores: Vec<MediaStoreName>,
    /// Conversations to add to the children.
    pub add_children: Vec<ConversationId>,
    /// Conversations to remove from the children.
    pub remove_children: Vec<ConversationId>,
    /// Fields of later versions to set.
    pub extra: Map<String, Value>,
}

impl RecordUpdate {
    /// Creates an update that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the title. Defaults to the present one.
    #[must_use]
    pub fn with_title(mut self, title: Option<String>) -> Self {
        self.title = Some(title);
        self
    }

    /// Sets the application data. Defaults to the present.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Map<String, Value>) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Sets the tags. Defaults to the present ones.
    #[must_use]
    pub fn with_tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the status. Defaults to the present one.
    #[must_use]
    pub fn with_status(mut self, status: ConversationStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the number of messages that hold no media still to be externalized. Defaults to the
    /// present one.
    #[must_use]
    pub fn with_externalized_through(mut self, messages: u64) -> Self {
        self.externalized_through = Some(messages);
        self
    }

    /// Sets what the prompt is made from. Defaults to the present.
    #[must_use]
    pub fn with_prompt(mut self, prompt: Option<Value>) -> Self {
        self.prompt = Some(prompt);
        self
    }

    /// Adds media stores. Defaults to none.
    #[must_use]
    pub fn with_media_stores(mut self, stores: impl IntoIterator<Item = MediaStoreName>) -> Self {
        self.add_media_stores.extend(stores);
        self
    }

    /// Adds children. Defaults to none.
    #[must_use]
    pub fn with_children(mut self, children: impl IntoIterator<Item = ConversationId>) -> Self {
        self.add_children.extend(children);
        self
    }
}

/// A row of a request planner.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannerEntry {
    /// The key: at most 1,024 bytes.
    pub key: String,
    /// The value: at most 4 KiB of JSON.
    pub value: RawJson,
}

impl PlannerEntry {
    /// Creates a row.
    pub fn new(key: impl Into<String>, value: RawJson) -> Self {
        Self {
            key: key.into(),
            value,
        }
    }
}

/// One atomic change of a conversation.
///
/// Its steps take effect in this order: messages are replaced, the history is cut off, turns are
/// written, messages are appended, the lease changes, the record changes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StateWrite {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// The id of the write. A repetition has the same.
    pub id: WriteId,
    /// The version that the writer knew when it first tried. A repetition has the same.
    pub base_version: u64,
    /// The condition.
    pub fence: Fence,
    /// Messages to add at the end. Their ids are new to the conversation, and turns that they name
    /// are known or written with them.
    pub append: Vec<Message>,
    /// Messages to put in the place of those that have their ids. A message that cannot be read is
    /// passed over.
    pub replace: Vec<Message>,
    /// Where to cut off the history.
    pub truncate: Option<Truncation>,
    /// Turns to create or to change.
    pub turns: Vec<TurnRecord>,
    /// What happens to the lease of the current turn.
    pub lease: LeaseChange,
    /// An open turn to end as soon as its owner sees it; a turn that has ended stays as it is.
    pub cancel_turn: Option<TurnId>,
    /// Changes of the record.
    pub record: RecordUpdate,
    /// Rows of request planners to set: at most 16.
    pub planner: Vec<PlannerEntry>,
}

impl StateWrite {
    /// Creates a write with a new id, on top of a record as it was read. It changes nothing yet.
    pub fn new(record: &ConversationRecord, fence: Fence) -> Self {
        Self {
            conversation: record.id.clone(),
            incarnation: record.incarnation,
            id: WriteId::mint(),
            base_version: record.version,
            fence,
            append: Vec::new(),
            replace: Vec::new(),
            truncate: None,
            turns: Vec::new(),
            lease: LeaseChange::Keep,
            cancel_turn: None,
            record: RecordUpdate::default(),
            planner: Vec::new(),
        }
    }

    /// Sets the id. Defaults to a new one.
    #[must_use]
    pub fn with_id(mut self, id: WriteId) -> Self {
        self.id = id;
        self
    }

    /// Adds messages at the end. Defaults to none.
    #[must_use]
    pub fn with_append(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.append.extend(messages);
        self
    }

    /// Adds messages that take the place of those with their ids. Defaults to none.
    #[must_use]
    pub fn with_replace(mut self, messages: impl IntoIterator<Item = Message>) -> Self {
        self.replace.extend(messages);
        self
    }

    /// Sets where the history is cut off. Defaults to nowhere.
    #[must_use]
    pub fn with_truncate(mut self, truncation: Truncation) -> Self {
        self.truncate = Some(truncation);
        self
    }

    /// Adds a turn to create or to change. Defaults to none.
    #[must_use]
    pub fn with_turn(mut self, turn: TurnRecord) -> Self {
        self.turns.push(turn);
        self
    }

    /// Sets what happens to the lease. Defaults to [`LeaseChange::Keep`].
    #[must_use]
    pub fn with_lease(mut self, lease: LeaseChange) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the turn that is asked to end. Defaults to none.
    #[must_use]
    pub fn with_cancel_turn(mut self, turn: TurnId) -> Self {
        self.cancel_turn = Some(turn);
        self
    }

    /// Sets the changes of the record. Defaults to none.
    #[must_use]
    pub fn with_record(mut self, update: RecordUpdate) -> Self {
        self.record = update;
        self
    }

    /// Adds a row of a request planner. Defaults to none.
    #[must_use]
    pub fn with_planner(mut self, entry: PlannerEntry) -> Self {
        self.planner.push(entry);
        self
    }
}

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
