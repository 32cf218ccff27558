//! Whether a turn may begin.

use std::time::Duration;

use chrono::{DateTime, Utc};
use conversation_events::{
    ConversationError, ConversationErrorKind as Kind, EventKind, EventSubject, TurnTotals,
};
use conversation_state::{
    ContextInclusion, ConversationRecord, ConversationStatus, Fence, LoadOptions,
    LoadedConversation, StateErrorKind, StateWrite, TurnFence, TurnRecord, TurnStatus, Window,
    WriteOutcome,
};
use conversation_types::Role;
use tokio::time::Instant;

use super::opening::now;
use super::stop::StopSignal;
use crate::core::Core;

/// How often a conversation is looked at while its turn is waited for.
const WAIT_STEP: Duration = Duration::from_millis(200);

/// The answer to whether a turn may begin.
#[derive(Debug)]
pub(super) enum Admitted {
    /// No turn is running; a suspended one may wait for results.
    Free(Box<LoadedConversation>),
    /// The idempotency key belongs to this turn.
    Known(Box<LoadedConversation>, Box<TurnRecord>),
}

/// Loads a conversation and waits, for as long as allowed, until no turn runs in it.
///
/// # Errors
/// `NotFound`, `Ended`, `Busy`, `State`, `Cancelled`.
pub(super) async fn admit(
    core: &Core,
    known: &ConversationRecord,
    options: &LoadOptions,
    wait: Option<Duration>,
    stop: &StopSignal,
) -> Result<Admitted, ConversationError> {
    let started = Instant::now();
    loop {
        let mut loaded = load(core, known, options).await?;
        if let Some(turn) = loaded.keyed_turn.take() {
            return Ok(Admitted::Known(Box::new(loaded), Box::new(turn)));
        }
        let Some(turn) = loaded.current_turn().cloned() else {
            return Ok(Admitted::Free(Box::new(loaded)));
        };
        if turn.status == TurnStatus::Suspended {
            return Ok(Admitted::Free(Box::new(loaded)));
        }
        let lease_until = turn.lease.as_ref().map(|lease| lease.expires_at);
        if is_abandoned(&turn, loaded.now) {
            take_over(core, &loaded, turn).await?;
            continue;
        }
        let busy = ConversationError::new(Kind::Busy)
            .with_turn(turn.id.clone())
            .with_lease_until(lease_until);
        if core.turns.is_storing(&turn.id) {
            // Its answer was returned, and the state has it in a moment.
            tokio::select! {
                () = core.turns.storing_ended(Some(&known.id)) => continue,
                _ = stop.stopped() => return Err(busy),
            }
        }
        let left = wait.map_or(Duration::ZERO, |wait| {
            wait.saturating_sub(started.elapsed())
        });
        if left.is_zero() {
            return Err(busy);
        }
        tokio::select! {
            () = tokio::time::sleep(WAIT_STEP.min(left)) => {}
            _ = stop.stopped() => return Err(busy),
        }
    }
}

/// Loads a conversation in which no turn is open. A turn whose owner is gone is ended first.
///
/// # Errors
/// `NotFound`, `Ended`, `State`; `Busy` also where a turn waits for people.
pub(crate) async fn load_idle(
    core: &Core,
    known: &ConversationRecord,
    options: &LoadOptions,
) -> Result<LoadedConversation, ConversationError> {
    let loaded = match admit(core, known, options, None, &StopSignal::new()).await? {
        Admitted::Free(loaded) | Admitted::Known(loaded, _) => loaded,
    };
    match loaded.current_turn() {
        None => Ok(*loaded),
        Some(turn) => Err(ConversationError::new(Kind::Busy).with_turn(turn.id.clone())),
    }
}

/// Loads a conversation that is to be gone on with.
///
/// # Errors
/// `NotFound` where it was deleted or its user is being erased, `Ended`, `State`.
pub(crate) async fn load(
    core: &Core,
    known: &ConversationRecord,
    options: &LoadOptions,
) -> Result<LoadedConversation, ConversationError> {
    let not_found =
        |detail: &'static str| ConversationError::new(Kind::NotFound).with_detail(detail);
    let loaded = core.state.load(&known.id, options.clone()).await?;
    let loaded = loaded.ok_or_else(|| not_found("it was deleted"))?;
    if loaded.record.incarnation != known.incarnation {
        return Err(not_found(
            "it was deleted, and its id belongs to another conversation",
        ));
    }
    match loaded.record.status {
        ConversationStatus::Active => {}
        ConversationStatus::Deleting => return Err(not_found("it was deleted")),
        ConversationStatus::Creating => return Err(not_found("it is still being created")),
        _ => return Err(ConversationError::new(Kind::Ended)),
    }
    let user = loaded.record.user.as_ref();
    if core.lifecycle.is_fenced(user).await? {
        return Err(not_found("its user is being erased"));
    }
    Ok(loaded)
}

/// Returns whether the owner of a turn is gone: the turn runs, and its lease is over.
pub(super) fn is_abandoned(turn: &TurnRecord, now: DateTime<Utc>) -> bool {
    let lease_until = turn.lease.as_ref().map(|lease| lease.expires_at);
    turn.status == TurnStatus::Running && lease_until.is_none_or(|until| until <= now)
}

/// Ends a turn whose lease is over: its owner is gone. What it has written stands.
///
/// # Errors
/// `State`; a lost race is no error, since the next load shows who won.
pub(super) async fn take_over(
    core: &Core,
    loaded: &LoadedConversation,
    mut turn: TurnRecord,
) -> Result<(), ConversationError> {
    let Some(lease) = turn.lease.clone() else {
        return mark_interrupted(core, loaded, turn, None).await;
    };
    let fence = Fence::TakeOver {
        head: loaded.record.head,
        turn: TurnFence::new(turn.id.clone(), turn.epoch),
        expires_at: lease.expires_at,
    };
    turn.lease = None;
    mark_interrupted(core, loaded, turn, Some(fence)).await
}

async fn mark_interrupted(
    core: &Core,
    loaded: &LoadedConversation,
    mut turn: TurnRecord,
    fence: Option<Fence>,
) -> Result<(), ConversationError> {
    let options = LoadOptions::new(Window::Turn(turn.id.clone()));
    let of_turn = core.state.load(&loaded.record.id, options).await?;
    let answered = of_turn.is_some_and(|loaded| {
        loaded
            .messages
            .iter()
            .any(|stored| matches!(stored.message.role, Role::Assistant | Role::Tool))
    });
    turn = match turn.before_retry {
        // The attempt whose owner is gone has brought nothing.
        Some(_) => turn.with_end_before_retry(),
        None => {
            (turn.status, turn.in_context) = match answered {
                true => (TurnStatus::Interrupted, ContextInclusion::All),
                false => (TurnStatus::Failed, ContextInclusion::UserOnly),
            };
            turn.error = Some(Kind::LeaseLost.as_str().to_owned());
            turn.ended_at = Some(now());
            turn
        }
    };
    let mut subject = EventSubject::of(&loaded.record);
    subject.turn = Some(turn.id.clone());
    let took = (loaded.now - turn.started_at).to_std().unwrap_or_default();
    let totals = TurnTotals::new(turn.usage, turn.cost, took);
    let ended = match answered {
        true => EventKind::turn_interrupted(Kind::LeaseLost, totals),
        false => EventKind::turn_failed(Kind::LeaseLost, totals),
    };
    let fence = fence.unwrap_or_else(|| Fence::Head {
        head: loaded.record.head,
        turn: Some(TurnFence::new(turn.id.clone(), turn.epoch)),
    });
    let write = StateWrite::new(&loaded.record, fence).with_turn(turn);
    let writer = core.writer();
    match writer.write(write).await {
        WriteOutcome::Committed(_) => {
            core.listeners.emit(&subject, ended);
            Ok(())
        }
        WriteOutcome::NotCommitted(error) if error.kind() == StateErrorKind::Conflict => Ok(()),
        WriteOutcome::NotCommitted(error) | WriteOutcome::Indeterminate(error) => Err(error.into()),
    }
}
