//! The first and the last write of a conversation.

use chrono::{DateTime, Utc};

use crate::error::{StateError, StateErrorKind};
use crate::id::WriteId;
use crate::limits::MAX_KEY_BYTES;
use crate::outcome::NewConversation;
use crate::record::{ConversationRecord, ConversationStatus, RecordCounters};
use crate::transition::check::{self, Failures};
use crate::transition::view::LoggedWrite;

const CREATE: &str = "create conversation";

/// Checks a new conversation and returns its record, and the entry of the log that its creation
/// leaves.
///
/// # Errors
/// `TooLarge`; `InvalidInput` for a status of [`ConversationStatus::Deleting`] or
/// [`ConversationStatus::Unknown`].
pub fn judge_creation(
    new: &NewConversation,
    now: DateTime<Utc>,
) -> Result<(ConversationRecord, LoggedWrite), StateError> {
    let failures = Failures::new(CREATE, new.record.id.as_str());
    let key = new.key.as_ref().map_or(0, String::len);
    failures.bounded("bytes of the idempotency key", key, MAX_KEY_BYTES)?;
    check::record(&new.record, failures)?;
    if new.record.status == ConversationStatus::Deleting {
        return Err(failures.invalid("a conversation is deleted by a tombstone"));
    }
    if new.record.status == ConversationStatus::Unknown {
        return Err(failures.invalid("a conversation has a status"));
    }
    let mut record = new.record.clone();
    record.version = 1;
    record.head = 0;
    record.created_at = now;
    record.updated_at = now;
    record.message_count = 0;
    record.externalized_through = 0;
    record.current_turn = None;
    record.branch = 0;
    record.counters = RecordCounters {
        oldest_write: 1,
        ..RecordCounters::default()
    };
    let log = LoggedWrite::new(new.write, 1, 0, None, now);
    Ok((record, log))
}

/// Checks that the log of a conversation still knows the write that created it. Without it, a
/// repetition of that write cannot be distinguished from another one.
///
/// # Errors
/// `Indeterminate`.
pub fn creation_known(record: &ConversationRecord) -> Result<(), StateError> {
    match record.counters.oldest_write <= 1 {
        true => Ok(()),
        false => Err(Failures::new(CREATE, record.id.as_str()).kind(StateErrorKind::Indeterminate)),
    }
}

/// Returns the record of a conversation that is being deleted from now on, and the entry of the log
/// that this leaves; nothing if it is being deleted already.
pub fn tombstoned(
    record: &ConversationRecord,
    now: DateTime<Utc>,
) -> Option<(ConversationRecord, LoggedWrite)> {
    if record.status == ConversationStatus::Deleting {
        return None;
    }
    let mut next = record.clone();
    next.status = ConversationStatus::Deleting;
    next.version += 1;
    next.updated_at = now.max(record.updated_at);
    let log = LoggedWrite::new(WriteId::mint(), next.version, next.head, None, now);
    Some((next, log))
}
