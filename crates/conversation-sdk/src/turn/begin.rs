//! The beginning of a turn: admission, the user's media, the first write.

use std::sync::Arc;

use conversation_events::{
    ConversationError, ConversationErrorKind as Kind, EventKind, EventSubject, TurnEvent,
    TurnOutcome,
};
use conversation_externalizer::Fingerprint;
use conversation_lifecycle::{MediaSlot, name_of};
use conversation_providers::AttemptBudget;
use conversation_state::{
    ConversationRecord, Fence, LeaseChange, LoadOptions, LoadedConversation, RecordUpdate,
    StateWrite, Truncation, TurnFence, TurnRecord,
};
use conversation_types::Message;
use tokio::time::Instant;

use super::admit::{Admitted, admit};
use super::job::{Cut, TurnJob};
use super::lease::{EraseCheck, LeaseKeeper, TakenLease};
use super::opening::Opening;
use super::parent::ParentTurn;
use super::permit::Permit;
use super::planner::TurnPlanner;
use super::progress::Progress;
use super::stop::StopReason;
use super::turn::{Turn, TurnScope};
use super::user_message::{InputMedia, UserInput};
use super::{context, fingerprint, replay, resume, retry};
use crate::core::Core;
use crate::files::ConversationFiles;

/// How many lost races a turn that may look again takes part in.
const MAX_RACES: usize = 20;

/// A turn that has begun, or its outcome where nothing is left to do.
pub(super) enum Begun {
    Turn(Box<Turn>),
    Outcome(TurnOutcome),
}

/// Admits a turn and writes its beginning.
///
/// # Errors
/// Nothing was written or paid, and the error has the message: `NotFound`, `Ended`, `Busy`, `KeyReused`,
/// `NotLast`, `MediaNotAccepted`, `Media`, `Storage`, `NotAdmitted`, `Conflict`, `State`. It is unknown:
/// `StateOutcomeUnknown`.
pub(super) async fn begin(
    scope: TurnScope,
    known: &ConversationRecord,
    job: TurnJob,
) -> Result<Begun, ConversationError> {
    let message = match &job {
        TurnJob::New { message, .. } => Some(message.clone()),
        _ => None,
    };
    let begun = Box::pin(begin_after_races(scope, known, job)).await;
    begun.map_err(|error| match message {
        Some(message) if error.kind() != Kind::StateOutcomeUnknown => error.with_unsent(*message),
        _ => error,
    })
}

async fn begin_after_races(
    scope: TurnScope,
    known: &ConversationRecord,
    job: TurnJob,
) -> Result<Begun, ConversationError> {
    scope.core.check_open()?;
    let print = tokio::select! {
        biased;
        print = fingerprint::fingerprint(&scope, &job) => print,
        reason = scope.stop.stopped() => return Err(reason.error()),
    };
    for _ in 0..MAX_RACES {
        match begin_once(scope.clone(), known, job.clone(), print.as_ref()).await {
            Err(error) if scope.looks_again() && error.kind() == Kind::Conflict => {}
            begun => return begun,
        }
    }
    begin_once(scope, known, job, print.as_ref()).await
}

async fn begin_once(
    scope: TurnScope,
    known: &ConversationRecord,
    job: TurnJob,
    print: Option<&Fingerprint>,
) -> Result<Begun, ConversationError> {
    let core = Arc::clone(&scope.core);
    let max_turns = core.config.max_history_turns();
    let mut options = LoadOptions::new(context::window(max_turns));
    let key = scope.options.idempotency_key.clone().zip(print);
    if let Some((key, _)) = &key {
        options = options.with_key(key.clone());
    }
    if let TurnJob::Retry { turn, .. } = &job {
        options = options.with_turn(turn.clone());
    }
    let admitted = admit(&core, known, &options, scope.options.wait, &scope.stop).await?;
    let loaded = match admitted {
        Admitted::Free(loaded) => loaded,
        Admitted::Known(loaded, turn) => {
            replay::recognize(&turn, print)?;
            return Ok(Begun::Outcome(replay::replay(&scope, &loaded, &turn).await));
        }
    };
    warn_of_unreadable(&core, &loaded);
    Box::pin(open(scope, *loaded, job, key)).await
}

/// Stores what the job brings, and writes the beginning of the turn.
async fn open(
    scope: TurnScope,
    mut loaded: LoadedConversation,
    job: TurnJob,
    key: Option<(String, &Fingerprint)>,
) -> Result<Begun, ConversationError> {
    let core = Arc::clone(&scope.core);
    let opening = match job {
        TurnJob::New { message, cut } => {
            let cut = cut_off(&core, &mut loaded, cut).await?;
            let (ended, declined) = resume::decline_suspended(&mut loaded, cut.is_some());
            let mut opening = open_new(&scope, &loaded, *message, key).await?;
            opening.append.splice(0..0, declined);
            opening.ended.extend(ended);
            opening.cut = cut;
            opening
        }
        TurnJob::Retry {
            turn,
            from,
            replaced,
        } => {
            let permit = Permit::ask(&core, &loaded, &turn, None).await?;
            let turn = retry::last_turn(&core, &loaded, &turn).await?;
            retry::open_retry(turn, from, replaced, permit)?
        }
        TurnJob::Resume { token, output } => {
            match resume::open_resume(&scope, &loaded, &token, *output).await? {
                resume::Resumed::Opening(opening) => *opening,
                resume::Resumed::Outcome(outcome) => return Ok(Begun::Outcome(outcome)),
            }
        }
    };
    write_opening(scope, loaded, opening).await
}

fn warn_of_unreadable(core: &Core, loaded: &LoadedConversation) {
    let unreadable = loaded
        .messages
        .iter()
        .filter_map(|stored| Some((&stored.message.id, stored.message.unreadable_reason()?)));
    for (id, _) in unreadable {
        if core.turns.first_report(&loaded.record.id, id) {
            let text = format!("the message {id} cannot be read; it is kept and not sent");
            core.listeners.warn(&EventSubject::of(&loaded.record), text);
        }
    }
}

async fn open_new(
    scope: &TurnScope,
    loaded: &LoadedConversation,
    message: Message,
    key: Option<(String, &Fingerprint)>,
) -> Result<Opening, ConversationError> {
    let id = scope.log.turn().clone();
    let message = message.with_turn(id.clone());
    let permit = Permit::ask(&scope.core, loaded, &id, Some(&message)).await?;
    let input = UserInput::prepare(scope, loaded, message).await?;
    let mut turn = TurnRecord::new(id);
    turn.metadata.clone_from(&scope.options.metadata);
    if let Some((key, print)) = key {
        turn.idempotency_key = Some(key);
        turn.fingerprint = Some(print.to_text());
    }
    Ok(Opening {
        turn,
        previous: None,
        append: vec![input.message],
        ended: Vec::new(),
        saved: Vec::new(),
        truncate: None,
        cut: None,
        media: Some(input.media),
        permit,
        spent: (None, None),
    })
}

/// Finds out where an edit cuts off the history, and takes what is cut off out of what was read.
async fn cut_off(
    core: &Core,
    loaded: &mut LoadedConversation,
    cut: Option<Cut>,
) -> Result<Option<Truncation>, ConversationError> {
    let Some(cut) = cut else { return Ok(None) };
    let not_found = || {
        ConversationError::new(Kind::NotFound).with_detail("the conversation has no such message")
    };
    let id = &loaded.record.id;
    let place = core.state.find_message(id, &cut.first).await?;
    let place = place
        .filter(|place| place.branch == 0)
        .ok_or_else(not_found)?;
    let after = context::message_before(core, id, place.position).await?;
    context::end_window(core, loaded, place.position).await?;
    Ok(Some(Truncation::new(after, cut.mode)))
}

/// Writes the beginning of a turn. A race that was lost over another field is run again.
pub(super) async fn write_opening(
    scope: TurnScope,
    loaded: LoadedConversation,
    mut opening: Opening,
) -> Result<Begun, ConversationError> {
    let core = Arc::clone(&scope.core);
    let record = loaded.record.clone();
    let times = core.config.lease_times();
    let current = loaded
        .current_turn()
        .map(|turn| TurnFence::new(turn.id.clone(), turn.epoch));
    let fence = Fence::Head {
        head: record.head,
        turn: current,
    };
    opening.turn.attempts += 1;
    let before = (opening.turn.usage, opening.turn.cost);
    let (usage, cost) = opening.spent;
    opening.turn.spend(usage, cost);
    let mut write = StateWrite::new(&record, fence)
        .with_append(opening.append.iter().cloned())
        .with_lease(LeaseChange::Take {
            owner: core.run.to_string(),
            duration: times.ttl(),
        })
        .with_record(RecordUpdate::new().with_media_stores(core.stores.primary().map(name_of)));
    if let Some(cut) = opening.cut {
        write = write.with_truncate(cut);
    }
    for ended in opening.ended {
        write = write.with_turn(ended);
    }
    write = write.with_turn(opening.turn.clone());
    let none = || InputMedia {
        pending: core.pending_references(),
        kept_inline: Vec::new(),
        slot: MediaSlot::default(),
    };
    let mut media = opening.media.unwrap_or_else(none);
    let since = Instant::now();
    let applied = media.write(&scope, write).await?;
    let InputMedia {
        pending,
        kept_inline,
        ..
    } = media;
    if applied.cancel_requested {
        // Asked for just before the turn was suspended.
        scope.stop.stop(StopReason::Cancelled);
    }
    core.turns.has_begun(&scope.log);
    let mut turn = opening.turn;
    turn.epoch = applied.epoch.unwrap_or(turn.epoch);
    // Where it cannot be told, the turn is not bound: it has a lease of its own.
    let parent = ParentTurn::of(&*core.state, &applied.record);
    let parent = tokio::time::timeout(times.renew_every(), parent).await;
    let lease = TakenLease {
        state: Arc::clone(&core.state),
        record: applied.record.clone(),
        fence: TurnFence::new(turn.id.clone(), turn.epoch),
        times,
        stop: scope.stop.clone(),
        is_erased: erase_check(&core, &applied.record),
        parent: parent.ok().and_then(Result::ok).flatten(),
        since,
    };
    let lease = LeaseKeeper::start(core.tasks.runtime(), lease);
    let timeout = scope.options.timeout.unwrap_or(core.config.turn_timeout());
    let budget = AttemptBudget::new(core.config.max_attempts().max(1))
        .with_timeout(timeout)
        .with_check(lease.freshness());
    let received = core.receive_media(&applied.record, scope.options.max_media_bytes);
    let mut saved = opening.saved;
    saved.extend(
        opening
            .append
            .into_iter()
            .filter(|m| m.turn.as_ref() == Some(&turn.id)),
    );
    let history = loaded.earlier_messages(core.config.max_history_turns(), &turn.id);
    if let Some(message) = saved.first() {
        scope
            .log
            .event(TurnEvent::started(turn.id.clone(), message.id.clone()));
    }
    let begun = Turn {
        planner: Arc::new(TurnPlanner::new(&core.state, &applied.record)),
        files: Arc::new(ConversationFiles::new(&core.state, &applied.record.id)),
        record: applied.record,
        before,
        previous: opening.previous,
        truncate: opening.truncate,
        history,
        received: Arc::new(received),
        pending,
        permit: opening.permit,
        lease,
        progress: Progress {
            saved,
            kept_inline,
            usage: usage.unwrap_or_default(),
            cost,
            ..Progress::default()
        },
        budget,
        turn,
        scope,
    };
    let kind = match begun.previous {
        None => EventKind::TurnStarted,
        Some(_) => EventKind::TurnRetried,
    };
    core.listeners.emit(&begun.subject(), kind);
    Ok(Begun::Turn(Box::new(begun)))
}

fn erase_check(core: &Arc<Core>, record: &ConversationRecord) -> EraseCheck {
    let (lifecycle, user) = (core.lifecycle.clone(), record.user.clone());
    Arc::new(move || {
        let (lifecycle, user) = (lifecycle.clone(), user.clone());
        Box::pin(async move { lifecycle.is_fenced(user.as_ref()).await.unwrap_or(false) })
    })
}
