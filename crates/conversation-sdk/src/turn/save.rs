//! Writing what a turn has: media into the store, then messages and the turn into the state.

use std::panic::AssertUnwindSafe;

use conversation_events::{
    ConversationError, ConversationErrorKind as Kind, EventKind, InlineFallback, TurnEvent,
};
use conversation_externalizer::{Batch, BatchKind, OnStorageError};
use conversation_lifecycle::media_owner;
use conversation_state::{
    Fence, LeaseChange, RecordUpdate, StateErrorKind, StateWrite, TurnRecord, TurnStatus,
    WriteOutcome,
};
use conversation_types::{Message, MessageStatus, OmissionReason, Role};
use futures_util::FutureExt;
use tokio::time::Instant;

use super::planner::{MAX_ROWS, row};
use super::received::ReceivedByTurn;
use super::turn::Turn;
use super::user_message::before_save;
use crate::middleware::panicked;
use crate::policy::ForeignMedia;

/// One write of a turn.
pub(super) struct Save {
    /// New messages, or newer forms of messages that the state has.
    pub(super) messages: Vec<Message>,
    /// The turn as it is to be.
    pub(super) turn: TurnRecord,
    /// Whether the lease ends with the write.
    pub(super) release: bool,
    pub(super) kind: BatchKind,
}

/// Stores the media of messages and writes them with the turn. Must not be dropped before its end.
///
/// # Errors
/// `LeaseLost` and `NotFound`: it was certainly not written, and its media was taken back.
/// `StateOutcomeUnknown`: the media stays. Those of the middleware.
pub(super) async fn save(turn: &mut Turn, save: Save) -> Result<(), ConversationError> {
    let Save {
        mut messages,
        turn: mut record,
        release,
        kind,
    } = save;
    before_save(turn.core(), &mut messages).await?;
    // Media stores are code of the user.
    let stored = AssertUnwindSafe(externalize(turn, &mut messages, kind));
    stored
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(panicked("a media store, while media was stored")))?;
    if turn.progress.storage_failed && record.status == TurnStatus::Complete {
        record.status = TurnStatus::Interrupted;
        record.error = Some(Kind::Storage.as_str().to_owned());
    }
    let is_new = |message: &Message| {
        turn.progress.checkpointed.as_ref() != Some(&message.id)
            && !turn
                .progress
                .saved
                .iter()
                .any(|saved| saved.id == message.id)
    };
    let (append, replace): (Vec<Message>, Vec<Message>) =
        messages.iter().cloned().partition(is_new);
    // A turn that waits goes on behind what it has, and never back to its end before.
    let brings = !append.is_empty() || record.status == TurnStatus::Suspended;
    if brings {
        record.before_retry = None;
    }
    let times = turn.core().config.lease_times();
    let fence = Fence::Head {
        head: turn.record.head,
        turn: Some(turn.lease.fence().clone()),
    };
    let stores = turn
        .core()
        .stores
        .primary()
        .map(conversation_lifecycle::name_of);
    let mut write = StateWrite::new(&turn.record, fence)
        .with_replace(replace)
        .with_turn(record.clone())
        .with_record(RecordUpdate::new().with_media_stores(stores))
        .with_lease(match release {
            // A turn that is not running holds no lease.
            true => LeaseChange::Keep,
            false => LeaseChange::Hold(times.ttl()),
        });
    // What the attempt replaces goes with the first message that it brings.
    if brings && let Some(truncation) = turn.truncate.clone() {
        write = write.with_truncate(truncation);
    }
    write = write.with_append(append);
    let planned = turn.planner.unwritten();
    write = planned
        .iter()
        .map(row)
        .fold(write, StateWrite::with_planner);
    let files = turn.files.unwritten(MAX_ROWS - planned.len()).await;
    write = files.iter().cloned().fold(write, StateWrite::with_planner);
    turn.pending.begin_write();
    let since = Instant::now();
    match turn.core().writer().write(write).await {
        WriteOutcome::Committed(applied) => {
            turn.pending.commit();
            turn.lease.note_renewed(since);
            turn.planner.note_written(&planned);
            turn.files.note_written(&files).await;
            turn.record = applied.record;
            turn.turn = record;
            if brings {
                turn.truncate = None;
                turn.previous = None;
            }
            note_saved(turn, messages);
            Ok(())
        }
        WriteOutcome::NotCommitted(error) => {
            turn.pending.rollback().await;
            turn.core().files.delete_unnamed(&turn.files).await;
            let kind = match error.kind() {
                StateErrorKind::Conflict => Kind::LeaseLost,
                StateErrorKind::NotFound => Kind::NotFound,
                // Of an answer, which no caller can make smaller.
                StateErrorKind::TooLarge => Kind::Other,
                _ => return Err(error.into()),
            };
            Err(ConversationError::new(kind).with_source(error))
        }
        WriteOutcome::Indeterminate(error) => {
            // The state may name the media: an orphan is better than a reference to nothing.
            turn.pending.keep();
            Err(ConversationError::new(Kind::StateOutcomeUnknown).with_source(error))
        }
    }
}

fn note_saved(turn: &mut Turn, messages: Vec<Message>) {
    for message in &messages {
        if message.status == MessageStatus::Partial {
            turn.progress.checkpointed = Some(message.id.clone());
        } else if message.role != Role::User {
            turn.scope
                .log
                .event(TurnEvent::MessageSaved(message.id.clone()));
        }
    }
    turn.progress.mark_saved(messages);
}

async fn externalize(
    turn: &mut Turn,
    messages: &mut [Message],
    kind: BatchKind,
) -> Result<(), ConversationError> {
    let core = std::sync::Arc::clone(&turn.scope.core);
    let earlier: Vec<&Message> = turn.history.iter().chain(&turn.progress.saved).collect();
    let (record, pending) = (&turn.record, &mut turn.pending);
    let mut omitted = Vec::new();
    if core.config.foreign_media() == ForeignMedia::Refuse {
        let scope = core.reference_scope(record);
        omitted = core
            .lifecycle
            .adopt_results(record, scope.as_ref(), &earlier, messages, pending)
            .await?;
    }
    let owner = media_owner(&turn.record);
    let lookup = ReceivedByTurn(&turn.received);
    let check = core.lifecycle.user_check(record.user.as_ref());
    let batch = Batch::new(&owner, turn.record.message_count, kind)
        .with_earlier(&earlier)
        .with_provider(turn.progress.provider.as_deref())
        .with_check(&check)
        .with_received(&lookup);
    let report = core
        .externalizer
        .externalize(&batch, messages, pending)
        .await?;
    omitted.extend(report.omitted.into_iter().map(|item| item.omitted));
    let subject = turn.subject();
    for kept in report.inline_fallbacks {
        let kept = InlineFallback::from(kept);
        core.listeners
            .emit(&subject, EventKind::MediaKeptInline(kept.clone()));
        if !turn.progress.kept_inline.contains(&kept) {
            turn.progress.kept_inline.push(kept);
        }
    }
    // What a checkpoint omits, the last write of the answer may keep.
    let is_last = kind != BatchKind::Checkpoint;
    for item in omitted.into_iter().filter(|_| is_last) {
        core.listeners.emit(&subject, EventKind::omitted(&item));
        let is_lost = item.reason == OmissionReason::StorageFailed;
        turn.progress.storage_failed |=
            is_lost && core.config.on_storage_error() == OnStorageError::FailTurn;
        turn.progress.omitted_media.push(item);
    }
    Ok(())
}
