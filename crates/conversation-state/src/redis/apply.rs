//! Applying a write: one round trip to look everything up, one to write.

use futures_util::future::BoxFuture;
use redis::{Cmd, Value};

use crate::error::{StateError, StateErrorKind};
use crate::outcome::Applied;
use crate::record::ConversationRecord;
use crate::redis::index;
use crate::redis::keys::{KEYS, PLANNER, RECORD, WRITES};
use crate::redis::look::{LogEntry, guard, look, time};
use crate::redis::references::{announce, member};
use crate::redis::server::{Session, WRITE, script};
use crate::redis::steps::{Steps, references_of};
use crate::transition::{
    Judgment, LoggedWrite, LookupResults, Lookups, Plan, PreparedWrite, judge,
};

/// How often a write begins anew after another one was faster, before the caller gets an error.
const ATTEMPTS: u32 = 64;

pub(super) fn apply<'s>(
    session: &'s Session<'s>,
    prepared: &'s PreparedWrite,
) -> BoxFuture<'s, Result<Applied, StateError>> {
    Box::pin(async move {
        let write = prepared.write();
        let id = write.conversation.as_str();
        let keys = session.keys().conversation(id);
        let lookups = Lookups::of(prepared);
        for _ in 0..ATTEMPTS {
            let base = write.base_version;
            let seen = look(session, id, &keys, write.id, base, &lookups).await?;
            let Some(record) = &seen.record else {
                let error =
                    StateError::new(StateErrorKind::NotFound, "apply write to conversation");
                return Err(error.with_subject(id));
            };
            match judge(&seen.results, record, prepared, time(seen.now))? {
                Judgment::Replayed(applied) => {
                    confirm(session, &applied.record).await?;
                    return Ok(*applied);
                }
                Judgment::Apply(plan) => {
                    let write = written(session, &keys, &seen.guard, record, &seen.results, &plan)?;
                    if carry_out(session, write, &plan).await? {
                        return Ok(plan.applied);
                    }
                }
            }
        }
        Err(session
            .failures()
            .unavailable("other writers are always faster"))
    })
}

/// The command that writes a plan if nobody has written since it was judged.
fn written(
    session: &Session<'_>,
    keys: &[String; KEYS],
    expected: &str,
    old: &ConversationRecord,
    seen: &LookupResults,
    plan: &Plan<'_>,
) -> Result<Cmd, StateError> {
    let failures = session.failures();
    let time_to_live = session.options().time_to_live;
    let mut steps = Steps::new(script(&WRITE, keys), expected, "*", time_to_live);
    // As it is already, and first: a script that has written something is not refused for want of memory.
    steps.set(RECORD, "guard", expected);
    for message in &plan.replace {
        if let Some(place) = seen.messages.get(&message.id) {
            steps.replace(&format!("{}:{}", place.branch, place.position), message);
        }
    }
    if let Some(cut) = &plan.cut {
        steps.cut(cut.from, old.message_count, cut.branch);
    }
    for planned in &plan.turns {
        let turn = planned.turn.as_ref();
        let json = turn.map(|turn| failures.write(turn)).transpose()?;
        let held = turn.and_then(|turn| seen.turns.get(&turn.id));
        let old_key = held.and_then(|row| row.turn.idempotency_key.as_deref());
        steps.slot(planned, json.as_deref(), old_key);
    }
    for message in &plan.append {
        steps.append(message.position, message.slot, message.message);
    }
    for entry in plan.planner {
        steps.set(PLANNER, &entry.key, entry.value.get());
    }
    for (version, _) in seen.log_times.range(..plan.keep_log_from) {
        steps.prune(*version);
    }
    log(
        &mut steps,
        &plan.log,
        &failures.write(&LogEntry::from(&plan.log))?,
    );
    // Last, with the log: whatever stops the steps before, the same write is still to be done.
    let new = &plan.applied.record;
    record(&mut steps, new, &failures.write(new)?);
    Ok(steps.finish())
}

/// Adds what a record is written with.
pub(super) fn record(steps: &mut Steps, record: &ConversationRecord, json: &str) {
    steps.set(RECORD, "guard", guard(record));
    steps.set(RECORD, "json", json);
    steps.set(RECORD, "version", record.version.to_string());
    steps.set(RECORD, "count", record.message_count.to_string());
    steps.set(RECORD, "oldest", record.counters.oldest_write.to_string());
    match &record.current_turn {
        Some(turn) => steps.set(RECORD, "turn", turn.as_str()),
        None => steps.remove(RECORD, "turn"),
    }
}

/// Adds an entry of the log.
pub(super) fn log(steps: &mut Steps, log: &LoggedWrite, json: &str) {
    steps.set(WRITES, &format!("v:{}", log.version), json);
    steps.set(WRITES, &format!("i:{}", log.id), log.version.to_string());
}

/// Names the conversation in the indexes, and then writes. Returns whether nobody was faster.
async fn carry_out(session: &Session<'_>, write: Cmd, plan: &Plan<'_>) -> Result<bool, StateError> {
    let record = &plan.applied.record;
    let replaced = plan.replace.iter().copied();
    let messages = replaced.chain(plan.append.iter().map(|new| new.message));
    let names = references_of(messages);
    let member = member(record.id.as_str(), record.incarnation);
    let (mut commands, forget) = announce(session, &names, &member);
    if !commands.is_empty() {
        // Before the write, and not with it: a message whose reference is not in the index would lose
        // its media, one that is there too much loses nothing.
        commands.extend(forget.clone());
        session.all(std::mem::take(&mut commands)).await?;
    }
    commands.push(index::touch(session.keys(), record));
    let at = commands.len();
    commands.push(write);
    // Again: they may have been seen as unnamed until now.
    commands.extend(forget);
    let answers = session.all(commands).await?;
    let answer = answers.into_iter().nth(at).unwrap_or(Value::Nil);
    session.read(answer)
}

/// Completes what an earlier attempt of a write has begun: it may not have reached the indexes.
pub(super) async fn confirm(
    session: &Session<'_>,
    record: &ConversationRecord,
) -> Result<(), StateError> {
    let touch = index::touch(session.keys(), record);
    session.all(vec![touch]).await.map(drop)
}
