//! The end of a turn that is suspended, interrupted or failed, and what all ends share.

use conversation_events::{
    ConversationError, ConversationErrorKind as Kind, EventKind, Response, TurnOutcome, TurnTotals,
};
use conversation_externalizer::BatchKind;
use conversation_lifecycle::media_owner;
use conversation_providers::ProviderErrorKind;
use conversation_providers::sink::is_received;
use conversation_state::{
    ContextInclusion, Fence, LoadOptions, PendingCall, StateWrite, TurnRecord, TurnStatus, Window,
    WriteOutcome,
};
use conversation_types::{Message, Role};

use super::opening::now;
use super::provider_events::provider_error;
use super::save::{Save, save};
use super::turn::Turn;
use super::user_message::before_save;

/// Returns the response as it is now.
pub(super) fn response_now(turn: &Turn) -> Box<Response> {
    Box::new(turn.progress.response(&turn.record, &turn.turn).into())
}

/// Suspends a turn until people have given results.
pub(super) async fn suspend(mut turn: Turn, pending: Vec<PendingCall>) -> TurnOutcome {
    let mut record = turn.turn.clone();
    record.status = TurnStatus::Suspended;
    record.usage = turn.total_usage();
    record.cost = turn.total_cost();
    record.pending = pending;
    let messages = turn.progress.unsaved.clone();
    let saved = save(
        &mut turn,
        Save {
            messages,
            turn: record,
            release: true,
            kind: BatchKind::Answer,
        },
    )
    .await;
    if let Err(error) = saved {
        return Err(interrupt(turn, error).await);
    }
    let response = response_now(&turn);
    turn.core()
        .listeners
        .emit(&turn.subject(), EventKind::TurnSuspended);
    settle(turn).await;
    Ok(response)
}

/// Ends a turn early: what has arrived is written. Returns the error, with what was kept.
pub(super) async fn interrupt(mut turn: Turn, error: ConversationError) -> ConversationError {
    turn.progress.interrupt();
    let error = match error.kind() {
        // Whether an earlier write happened is unknown, so another could contradict it. The next
        // loader ends the turn when its lease is over.
        Kind::StateOutcomeUnknown => error,
        Kind::NotFound => {
            turn.pending.rollback().await;
            error
        }
        Kind::LeaseLost => write_late(&mut turn, error).await,
        _ => write_interrupted(&mut turn, error).await,
    };
    if error.kind() != Kind::StateOutcomeUnknown {
        // No later write of this turn names what the last one did not.
        turn.core().files.delete_unnamed(&turn.files).await;
    }
    let mut unsaved = std::mem::take(&mut turn.progress.unsaved);
    omit_secret_urls(&turn, &mut unsaved).await;
    turn.progress.unsaved = unsaved;
    let error = with_kept(&turn, error);
    report(&turn, Some(&error));
    settle(turn).await;
    error
}

/// Leaves signed URLs out of what is not written and is reported with the error.
async fn omit_secret_urls(turn: &Turn, messages: &mut [Message]) {
    let externalizer = &turn.scope.core.externalizer;
    let owner = media_owner(&turn.record);
    externalizer.omit_secret_urls(&owner, 0, messages).await;
}

async fn write_interrupted(turn: &mut Turn, error: ConversationError) -> ConversationError {
    let mut written = write_end(turn, &error).await;
    let failed = written.as_ref().err().map(ConversationError::kind);
    if let Some(kind) = failed.filter(|kind| *kind != Kind::LeaseLost) {
        let failed = EventKind::save_failed(kind);
        turn.core().listeners.emit(&turn.subject(), failed);
        let is_final = matches!(kind, Kind::NotFound | Kind::StateOutcomeUnknown);
        if !is_final && !turn.progress.unsaved.is_empty() {
            let unsaved = std::mem::take(&mut turn.progress.unsaved);
            if unsaved.iter().flat_map(Message::media).any(is_received) {
                // The store of its media may be what fails.
                turn.progress.unsaved = unsaved.iter().map(without_received).collect();
                written = write_end(turn, &error).await;
            }
            if written.is_err() {
                // What cannot be written must not keep the turn open, nor its usage out of the state.
                turn.progress.unsaved.clear();
                written = write_end(turn, &error).await;
                turn.progress.unsaved = unsaved;
            }
        }
    }
    match written {
        Err(lost) if lost.kind() == Kind::LeaseLost => write_late(turn, lost).await,
        Err(failed) if matches!(failed.kind(), Kind::NotFound | Kind::StateOutcomeUnknown) => {
            failed
        }
        _ => error,
    }
}

/// Writes the end of a turn with the messages that are not in the state yet.
async fn write_end(turn: &mut Turn, error: &ConversationError) -> Result<(), ConversationError> {
    let brings = turn.previous.is_none() || !turn.progress.unsaved.is_empty();
    let record = match (&turn.previous, brings) {
        // An attempt that brings nothing leaves the one before it.
        (Some(previous), false) => {
            let mut record = previous.clone();
            record.usage = turn.total_usage();
            record.cost = turn.total_cost();
            record.attempts = turn.turn.attempts;
            record
        }
        _ => interrupted_record(turn, error),
    };
    let messages = turn.progress.unsaved.clone();
    let saving = Save {
        messages,
        turn: record,
        release: true,
        kind: BatchKind::Answer,
    };
    save(turn, saving).await
}

/// Writes what has arrived for a turn that another owner has taken over, unless a later turn has
/// begun, or the turn is as it ended before this attempt.
async fn write_late(turn: &mut Turn, error: ConversationError) -> ConversationError {
    let options = LoadOptions::new(Window::NewestMessages(1)).with_turn(turn.id().clone());
    let loaded = match turn.core().state.load(&turn.record.id, options).await {
        Ok(Some(loaded)) if loaded.record.incarnation == turn.record.incarnation => loaded,
        _ => return error,
    };
    let last_is_ours = loaded
        .messages
        .last()
        .is_some_and(|last| last.message.turn.as_ref() == Some(turn.id()));
    // What this attempt was to replace stands again.
    let is_restored = turn.truncate.is_some();
    let has_moved = loaded.record.current_turn.is_some() || !last_is_ours;
    if has_moved || is_restored || turn.progress.unsaved.is_empty() {
        return error;
    }
    let mut record = interrupted_record(turn, &error);
    record.lease = None;
    record.epoch = loaded
        .turn(turn.id())
        .map_or(record.epoch, |held| held.epoch);
    let fence = Fence::Head {
        head: loaded.record.head,
        turn: None,
    };
    // Media of these messages is not stored any more: it may be the turn's last moment, and inline
    // media is bounded by the state store alone.
    let mut messages: Vec<Message> = turn.progress.unsaved.iter().map(without_received).collect();
    if before_save(turn.core(), &mut messages).await.is_err() {
        return error;
    }
    omit_secret_urls(turn, &mut messages).await;
    let (replace, append): (Vec<Message>, Vec<Message>) = messages
        .iter()
        .cloned()
        .partition(|message| turn.progress.checkpointed.as_ref() == Some(&message.id));
    let write = StateWrite::new(&loaded.record, fence)
        .with_append(append)
        .with_replace(replace)
        .with_turn(record.clone());
    if let WriteOutcome::Committed(applied) = turn.core().writer().write(write).await {
        turn.record = applied.record;
        turn.turn = record;
        turn.progress.mark_saved(messages);
    }
    error
}

/// The message without media that only the turn that received it can read.
pub(super) fn without_received(message: &Message) -> Message {
    let mut message = message.clone();
    for part in &mut message.content {
        if let conversation_types::Part::Media(media) = part
            && is_received(media)
        {
            let reason = conversation_types::OmissionReason::StorageFailed;
            *part = conversation_types::OmittedMedia::new(media, reason, "").into();
        }
    }
    message
}

fn interrupted_record(turn: &Turn, error: &ConversationError) -> TurnRecord {
    let (status, in_context) = match turn.progress.has_answer() {
        true => (TurnStatus::Interrupted, ContextInclusion::All),
        false if is_about_content(error) => (TurnStatus::Failed, ContextInclusion::None),
        false => (TurnStatus::Failed, ContextInclusion::UserOnly),
    };
    let mut record = ended(turn, status, in_context);
    record.error = Some(error.kind().as_str().to_owned());
    record
}

/// Whether the provider refused what the message says, so that sending it again is of no use.
fn is_about_content(error: &ConversationError) -> bool {
    use ProviderErrorKind as Provider;
    provider_error(error).is_some_and(|error| {
        matches!(
            error.kind(),
            Provider::InvalidRequest
                | Provider::ContextLength
                | Provider::Refused
                | Provider::TooLarge
                | Provider::MediaRefused
        )
    })
}

pub(super) fn ended(turn: &Turn, status: TurnStatus, in_context: ContextInclusion) -> TurnRecord {
    let mut record = turn.turn.clone();
    record.status = status;
    record.in_context = in_context;
    record.usage = turn.total_usage();
    record.cost = turn.total_cost();
    record.ended_at = Some(now());
    record.pending.clear();
    record.before_retry = None;
    record
}

pub(super) fn with_kept(turn: &Turn, error: ConversationError) -> ConversationError {
    let mut kept = turn.progress.response(&turn.record, &turn.turn);
    kept.usage = turn.total_usage();
    kept.cost = turn.total_cost();
    // Media that was received and not stored is gone with the turn.
    for message in &mut kept.messages {
        if matches!(message.role, Role::Assistant | Role::Tool) {
            *message = without_received(message);
        }
    }
    error.with_turn(turn.id().clone()).with_kept(kept.into())
}

pub(super) fn report(turn: &Turn, error: Option<&ConversationError>) {
    let took = turn.scope.started.elapsed();
    let totals = TurnTotals::new(turn.total_usage(), turn.total_cost(), took);
    let kind = match (error, turn.progress.has_answer()) {
        (None, _) => EventKind::turn_finished(turn.progress.saved.len(), totals),
        (Some(error), true) => EventKind::turn_interrupted(error.kind(), totals),
        (Some(error), false) => EventKind::turn_failed(error.kind(), totals),
    };
    turn.core().listeners.emit(&turn.subject(), kind);
}

pub(super) async fn settle(mut turn: Turn) {
    let (usage, cost) = (turn.progress.usage, turn.progress.cost);
    if let Some(permit) = turn.permit.take() {
        permit.settle(usage, cost).await;
    }
}
