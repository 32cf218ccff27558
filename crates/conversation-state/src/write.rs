//! Writes: what changes in a conversation in one step, and under which condition.

use std::time::Duration;

use chrono::{DateTime, Utc};
use conversation_types::{Message, MessageId, TurnId};
use media_types::ConversationId;

use crate::id::{Incarnation, WriteId};
use crate::record::ConversationRecord;
use crate::turn::TurnRecord;
use crate::update::{PlannerEntry, RecordUpdate};

/// A turn and the epoch of its lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
#[non_exhaustive]
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
