//! The decision about a write.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use conversation_types::{MessageId, TurnId};

use crate::error::{StateError, StateErrorKind};
use crate::limits::{WRITES_KEPT, WRITES_KEPT_FOR};
use crate::outcome::Applied;
use crate::record::{ConversationRecord, ConversationStatus};
use crate::transition::check::{self, Failures};
use crate::transition::plan::{NewMessage, Plan, PlannedCut};
use crate::transition::prepare::{APPLY, PreparedWrite};
use crate::transition::turns::TurnChanges;
use crate::transition::view::{LoggedWrite, StateView, TurnRow};
use crate::turn::TurnRecord;
use crate::update::RecordUpdate;
use crate::write::{Fence, StateWrite, TruncationMode, TurnFence};

/// Most entries of the log that one write removes: more than it adds, so that the log shrinks.
const PRUNED_PER_WRITE: u64 = 16;

/// The decision about a write.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Judgment<'a> {
    /// An earlier attempt has applied it, with this outcome.
    Replayed(Box<Applied>),
    /// It is to be applied.
    Apply(Box<Plan<'a>>),
}

/// Decides about a write on a conversation as it is, at a time of the store's clock.
///
/// # Errors
/// Those that [`StateStore::apply`](crate::StateStore::apply) has for writes that are not applied,
/// and those of the view.
pub fn judge<'a, V: StateView>(
    view: &V,
    record: &ConversationRecord,
    prepared: &'a PreparedWrite,
    now: DateTime<Utc>,
) -> Result<Judgment<'a>, StateError> {
    let write = prepared.write();
    let failures = Failures::new(APPLY, write.conversation.as_str());
    if record.incarnation != write.incarnation {
        return Err(failures
            .kind(StateErrorKind::NotFound)
            .with_detail("it was deleted, and another one was created under its id"));
    }
    let current = current(view, record, failures)?;
    if let Some(logged) = view.logged(write.id, write.base_version)? {
        let applied = replayed(record, current.as_ref(), &logged, now);
        return Ok(Judgment::Replayed(Box::new(applied)));
    }
    if write.base_version > record.version {
        return Err(failures.kind(StateErrorKind::Indeterminate).with_detail(
            "the store is at an earlier version than the write; it may have been restored",
        ));
    }
    if write.base_version + 1 < record.counters.oldest_write {
        return Err(failures.kind(StateErrorKind::Indeterminate));
    }
    if record.status == ConversationStatus::Deleting {
        return Err(failures
            .kind(StateErrorKind::Conflict)
            .with_detail("it is being deleted"));
    }
    // Written back, its word would be lost.
    if record.status == ConversationStatus::Unknown {
        return Err(failures
            .kind(StateErrorKind::TooNew)
            .with_detail("its status is of a newer version"));
    }
    keys(view, write, failures)?;
    fence(record, current.as_ref(), &write.fence, now, failures)?;
    plan(view, record, prepared, now, failures).map(|plan| Judgment::Apply(Box::new(plan)))
}

fn current<V: StateView>(
    view: &V,
    record: &ConversationRecord,
    failures: Failures<'_>,
) -> Result<Option<TurnRow>, StateError> {
    let Some(id) = &record.current_turn else {
        return Ok(None);
    };
    match view.turn(id)? {
        Some(row) => Ok(Some(row)),
        None => Err(failures
            .kind(StateErrorKind::Corrupted)
            .with_detail(format!("the current turn {id} is missing"))),
    }
}

fn replayed(
    record: &ConversationRecord,
    current: Option<&TurnRow>,
    logged: &LoggedWrite,
    now: DateTime<Utc>,
) -> Applied {
    let mut applied = applied(record.clone(), current.map(|row| &row.turn), now);
    applied.version = logged.version;
    applied.head = logged.head;
    applied.epoch = logged.epoch;
    applied.replayed = true;
    applied
}

fn applied(
    record: ConversationRecord,
    current: Option<&TurnRecord>,
    now: DateTime<Utc>,
) -> Applied {
    let mut applied = Applied::new(record, now);
    if let Some(turn) = current {
        applied.epoch = Some(turn.epoch);
        applied.lease_expires_at = turn.lease.as_ref().map(|lease| lease.expires_at);
        applied.cancel_requested = turn.cancel_requested;
    }
    applied
}

/// Before the fence: a repetition of a turn by somebody else finds the turn, not a conflict.
fn keys<V: StateView>(
    view: &V,
    write: &StateWrite,
    failures: Failures<'_>,
) -> Result<(), StateError> {
    let mut seen = HashSet::new();
    for turn in &write.turns {
        let Some(key) = &turn.idempotency_key else {
            continue;
        };
        if !seen.insert(key) {
            return Err(failures.invalid("two turns have the same idempotency key"));
        }
        if let Some(holder) = view.turn_with_key(key)?
            && holder != turn.id
        {
            return Err(failures.kind(StateErrorKind::KeyTaken).with_turn(holder));
        }
    }
    Ok(())
}

fn fence(
    record: &ConversationRecord,
    current: Option<&TurnRow>,
    fence: &Fence,
    now: DateTime<Utc>,
    failures: Failures<'_>,
) -> Result<(), StateError> {
    let is_current = |fence: &TurnFence| {
        current.is_some_and(|row| row.turn.id == fence.turn && row.turn.epoch == fence.epoch)
    };
    let holds = match fence {
        Fence::Version(version) => *version == record.version,
        Fence::Turn(turn) => is_current(turn),
        Fence::Head { head, turn } => {
            *head == record.head && turn.as_ref().map_or(current.is_none(), is_current)
        }
        Fence::TakeOver {
            head,
            turn,
            expires_at,
        } => {
            let lease = current.and_then(|row| row.turn.lease.as_ref());
            let unchanged = lease.is_some_and(|lease| lease.expires_at == *expires_at);
            let holds = *head == record.head && is_current(turn) && unchanged;
            if holds && now < *expires_at {
                // Not a conflict: it may hold a little later.
                return Err(failures
                    .kind(StateErrorKind::Unavailable)
                    .with_detail(format!("turn {} is leased until {expires_at}", turn.turn)));
            }
            holds
        }
    };
    match holds {
        true => Ok(()),
        false => Err(failures.kind(StateErrorKind::Conflict)),
    }
}

fn plan<'a, V: StateView>(
    view: &V,
    record: &ConversationRecord,
    prepared: &'a PreparedWrite,
    now: DateTime<Utc>,
    failures: Failures<'_>,
) -> Result<Plan<'a>, StateError> {
    let write = prepared.write();
    let mut next = record.clone();
    next.version += 1;
    next.updated_at = now.max(record.updated_at);
    for message in &prepared.replace {
        if view.message(&message.id)?.is_none() {
            let detail = format!("message {} is not in the conversation", message.id);
            return Err(failures.invalid(detail));
        }
    }
    let cut = cut(view, write, &mut next, failures)?;

    let start = next.message_count;
    let mut first: HashMap<&TurnId, u64> = HashMap::new();
    for (position, message) in (start..).zip(&prepared.append) {
        if let Some(turn) = &message.turn {
            first.entry(turn).or_insert(position);
        }
    }
    let mut turns = TurnChanges::new(view, failures, now);
    turns.put(write, &mut next, &first, cut.as_ref())?;
    let append = append(view, prepared, &mut next, &mut turns, failures)?;
    if let Some(id) = &write.cancel_turn {
        turns.cancel(id)?;
    }
    let taken_over = matches!(write.fence, Fence::TakeOver { .. });
    turns.lease(&write.lease, &mut next, taken_over)?;
    update(&mut next, &write.record);
    check::record(&next, failures)?;

    let moves_head = matches!(write.fence, Fence::Head { .. } | Fence::TakeOver { .. });
    let changes_history = !append.is_empty()
        || !prepared.replace.is_empty()
        || cut.is_some()
        || !write.turns.is_empty();
    if moves_head && changes_history {
        next.head += 1;
    }
    let turns = turns.finish();
    let current = match &next.current_turn {
        None => None,
        Some(id) => {
            let planned = turns.iter().filter_map(|planned| planned.turn.as_ref());
            match planned.into_iter().find(|turn| turn.id == *id) {
                Some(turn) => Some(turn.clone()),
                None => view.turn(id)?.map(|row| row.turn),
            }
        }
    };
    let keep_log_from = keep_log_from(view, &next, now)?;
    next.counters.oldest_write = keep_log_from;
    let applied = applied(next, current.as_ref(), now);
    Ok(Plan {
        replace: prepared.replace.iter().collect(),
        cut,
        turns,
        append,
        planner: &write.planner,
        log: LoggedWrite::new(write.id, applied.version, applied.head, applied.epoch, now),
        keep_log_from,
        applied,
    })
}

fn cut<V: StateView>(
    view: &V,
    write: &StateWrite,
    record: &mut ConversationRecord,
    failures: Failures<'_>,
) -> Result<Option<PlannedCut>, StateError> {
    let Some(truncation) = &write.truncate else {
        return Ok(None);
    };
    let from = match &truncation.after {
        None => 0,
        Some(id) => match view.message(id)? {
            Some(place) if place.branch == 0 => place.position + 1,
            _ => {
                let detail = format!("message {id} is not in the history");
                return Err(failures.invalid(detail));
            }
        },
    };
    if from >= record.message_count {
        return Ok(None);
    }
    if let Some(id) = &record.current_turn
        && !write.turns.iter().any(|turn| turn.id == *id)
        && view.turn(id)?.is_some_and(|row| row.first >= from)
    {
        return Err(failures.invalid(format!("turn {id} is still open and would be cut off")));
    }
    let branch = match truncation.mode {
        TruncationMode::Remove => None,
        TruncationMode::KeepAsBranch => {
            record.branch += 1;
            Some(record.branch)
        }
    };
    record.message_count = from;
    record.externalized_through = record.externalized_through.min(from);
    record.counters.open_slot = None;
    Ok(Some(PlannedCut { from, branch }))
}

fn append<'a, V: StateView>(
    view: &V,
    prepared: &'a PreparedWrite,
    record: &mut ConversationRecord,
    turns: &mut TurnChanges<'_, V>,
    failures: Failures<'_>,
) -> Result<Vec<NewMessage<'a>>, StateError> {
    let mut added: HashSet<&MessageId> = HashSet::new();
    let mut new = Vec::with_capacity(prepared.append.len());
    for message in &prepared.append {
        if !added.insert(&message.id) || view.message(&message.id)?.is_some() {
            let detail = format!("message {} is already in the conversation", message.id);
            return Err(failures.invalid(detail));
        }
        let position = record.message_count;
        let slot = match (&message.turn, record.counters.open_slot) {
            (Some(turn), _) => turns.slot_of(turn)?,
            (None, Some(slot)) if !message.is_user => slot,
            (None, _) => turns.open_slot(record, position),
        };
        if message.turn.is_some() {
            record.counters.open_slot = None;
        }
        record.message_count += 1;
        new.push(NewMessage {
            position,
            slot,
            message,
        });
    }
    Ok(new)
}

fn update(record: &mut ConversationRecord, update: &RecordUpdate) {
    if let Some(title) = &update.title {
        record.title.clone_from(title);
    }
    if let Some(metadata) = &update.metadata {
        record.metadata.clone_from(metadata);
    }
    if let Some(tags) = &update.tags {
        record.tags.clone_from(tags);
    }
    if let Some(status) = update.status {
        record.status = status;
    }
    if let Some(messages) = update.externalized_through {
        record.externalized_through = messages.min(record.message_count);
    }
    if let Some(prompt) = &update.prompt {
        record.prompt.clone_from(prompt);
    }
    for store in &update.add_media_stores {
        record.add_media_store(store.clone());
    }
    for child in &update.add_children {
        if !record.children.contains(child) {
            record.children.push(child.clone());
        }
    }
    record
        .children
        .retain(|child| !update.remove_children.contains(child));
    for (name, value) in &update.extra {
        record.extra.insert(name.clone(), value.clone());
    }
}

/// The oldest version whose write is still known after this one.
fn keep_log_from<V: StateView>(
    view: &V,
    next: &ConversationRecord,
    now: DateTime<Utc>,
) -> Result<u64, StateError> {
    let kept = TimeDelta::from_std(WRITES_KEPT_FOR).unwrap_or(TimeDelta::MAX);
    let oldest = next.counters.oldest_write;
    let newest = next.version.saturating_sub(WRITES_KEPT) + 1;
    for version in oldest..newest.min(oldest + PRUNED_PER_WRITE) {
        // An entry that is missing is of no use to anybody.
        let due = view.logged_at(version)?.is_none_or(|at| now - at > kept);
        if !due {
            return Ok(version);
        }
    }
    Ok(newest.clamp(oldest, oldest + PRUNED_PER_WRITE))
}
