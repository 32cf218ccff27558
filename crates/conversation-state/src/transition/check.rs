//! Checks of a write that need nothing but the write.

use serde::Serialize;

use crate::error::{StateError, StateErrorKind};
use crate::limits::{MAX_KEY_BYTES, MAX_METADATA_BYTES, MAX_PLANNER_BYTES};
use crate::record::{ConversationRecord, ConversationStatus};
use crate::turn::TurnRecord;
use crate::write::{Fence, LeaseChange, StateWrite};

/// Most tags of a conversation, and the longest.
const MAX_TAGS: (usize, usize) = (64, 128);
/// Most media stores of a conversation.
const MAX_MEDIA_STORES: usize = 64;
/// Most children of a conversation.
const MAX_CHILDREN: usize = 1024;
/// Most planner rows of a write, and the longest key.
const MAX_PLANNER: (usize, usize) = (16, 1024);

/// Makes errors of one operation on one conversation.
#[derive(Clone, Copy)]
pub(super) struct Failures<'a> {
    operation: &'static str,
    conversation: &'a str,
}

impl<'a> Failures<'a> {
    pub(super) fn new(operation: &'static str, conversation: &'a str) -> Self {
        Self {
            operation,
            conversation,
        }
    }

    pub(super) fn kind(&self, kind: StateErrorKind) -> StateError {
        StateError::new(kind, self.operation).with_subject(self.conversation)
    }

    pub(super) fn invalid(&self, detail: impl Into<String>) -> StateError {
        self.kind(StateErrorKind::InvalidInput).with_detail(detail)
    }

    pub(super) fn too_large(&self, what: &str, size: usize, limit: usize) -> StateError {
        self.kind(StateErrorKind::TooLarge)
            .with_detail(format!("{what}: {size}, at most {limit} are allowed"))
    }

    /// Refuses what is larger than a limit.
    pub(super) fn bounded(&self, what: &str, size: usize, limit: usize) -> Result<(), StateError> {
        match size <= limit {
            true => Ok(()),
            false => Err(self.too_large(what, size, limit)),
        }
    }

    pub(super) fn json<T: Serialize>(&self, value: &T, what: &str) -> Result<String, StateError> {
        serde_json::to_string(value).map_err(|error| {
            self.invalid(format!("{what} cannot be written as JSON"))
                .with_source(error)
        })
    }
}

/// Refuses what no conversation could take, before the conversation is looked at.
pub(super) fn write(write: &StateWrite, failures: Failures<'_>) -> Result<(), StateError> {
    let changes_history =
        !write.append.is_empty() || write.truncate.is_some() || write.record.status.is_some();
    match &write.fence {
        Fence::Head { .. } | Fence::TakeOver { .. } => {}
        Fence::Version(_) => {
            let status_only = write.append.is_empty() && write.truncate.is_none();
            if !status_only || write.lease != LeaseChange::Keep {
                return Err(failures.invalid("history and leases need a fence of the head"));
            }
        }
        Fence::Turn(_) => {
            if changes_history
                || !write.replace.is_empty()
                || matches!(write.lease, LeaseChange::Take { .. })
            {
                return Err(failures.invalid("a fence of the turn allows only its renewal"));
            }
        }
    }
    if write.record.status == Some(ConversationStatus::Deleting) {
        return Err(failures.invalid("a conversation is deleted by a tombstone"));
    }
    if let LeaseChange::Take { owner, .. } = &write.lease {
        failures.bounded("bytes of the lease owner", owner.len(), MAX_KEY_BYTES)?;
    }
    for (n, turn) in write.turns.iter().enumerate() {
        if write.turns[..n].iter().any(|other| other.id == turn.id) {
            return Err(failures.invalid(format!("turn {} is written twice", turn.id)));
        }
        self::turn(turn, failures)?;
    }
    planner(write, failures)
}

fn turn(turn: &TurnRecord, failures: Failures<'_>) -> Result<(), StateError> {
    let key = turn.idempotency_key.as_ref().map_or(0, String::len);
    failures.bounded("bytes of the idempotency key", key, MAX_KEY_BYTES)?;
    let metadata = failures.json(&turn.metadata, "the metadata of a turn")?;
    failures.bounded(
        "bytes of a turn's metadata",
        metadata.len(),
        MAX_METADATA_BYTES,
    )
}

fn planner(write: &StateWrite, failures: Failures<'_>) -> Result<(), StateError> {
    failures.bounded("planner rows", write.planner.len(), MAX_PLANNER.0)?;
    for entry in &write.planner {
        let value = entry.value.get().len();
        failures.bounded("bytes of a planner key", entry.key.len(), MAX_PLANNER.1)?;
        failures.bounded("bytes of a planner value", value, MAX_PLANNER_BYTES)?;
    }
    Ok(())
}

/// Refuses a record that is too large.
pub(super) fn record(
    record: &ConversationRecord,
    failures: Failures<'_>,
) -> Result<(), StateError> {
    let metadata = failures.json(&(&record.title, &record.metadata), "the metadata")?;
    failures.bounded(
        "bytes of title and metadata",
        metadata.len(),
        MAX_METADATA_BYTES,
    )?;
    failures.bounded("tags", record.tags.len(), MAX_TAGS.0)?;
    for tag in &record.tags {
        failures.bounded("bytes of a tag", tag.len(), MAX_TAGS.1)?;
    }
    failures.bounded("media stores", record.media_stores.len(), MAX_MEDIA_STORES)?;
    failures.bounded("children", record.children.len(), MAX_CHILDREN)
}
