//! Tombstones and purges.

use std::time::Duration;

use futures_util::future::BoxFuture;
use redis::Value;

use crate::clock::later;
use crate::error::StateError;
use crate::record::ConversationRecord;
use crate::redis::apply::{log, record};
use crate::redis::create::{Owner, free, free_all};
use crate::redis::failure::is_wrong_type;
use crate::redis::index;
use crate::redis::keys::{KEYS, RECORD, REFERENCES, TOMBSTONE, TURNS, WRITES};
use crate::redis::look::{LogEntry, time};
use crate::redis::references::{forget_member, incarnation_of, member};
use crate::redis::server::{Session, WRITE, script};
use crate::redis::steps::Steps;
use crate::transition::tombstoned;

/// How often a deletion begins anew after another writer was faster.
const ATTEMPTS: u32 = 64;
/// How many references one request removes.
const BATCH: usize = 500;

/// A conversation to delete or to purge.
pub(super) struct Doomed {
    pub(super) id: String,
    pub(super) keep: Duration,
}

pub(super) fn tombstone<'s>(
    session: &'s Session<'s>,
    input: &'s Doomed,
) -> BoxFuture<'s, Result<Option<ConversationRecord>, StateError>> {
    Box::pin(async move {
        let failures = session.failures();
        let keys = session.keys().conversation(&input.id);
        for _ in 0..ATTEMPTS {
            let seen = Seen::of(session, &input.id, &keys).await?;
            let held: i64 = seen.tombstone.parse().unwrap_or_default();
            let until = later(time(seen.now), input.keep)
                .timestamp_millis()
                .max(held);
            let mut steps = Steps::new(script(&WRITE, &keys), &seen.guard, &seen.tombstone, None);
            // First, for a script that has written something is not refused for want of memory.
            steps.remove(RECORD, "");
            // What is of another type names no write and no turn. It would keep the deletion from its end.
            for key in [TURNS, WRITES] {
                steps.clear(key);
            }
            let value = until.to_string();
            let keep = until.saturating_sub(seen.now).clamp(1, 1 << 53).to_string();
            steps.call(
                "SET",
                TOMBSTONE,
                &[value.as_bytes(), b"PX", keep.as_bytes()],
            );
            let mut commands = Vec::new();
            let now_deleting = seen
                .record
                .as_ref()
                .and_then(|held| tombstoned(held, time(seen.now)));
            if let Some((next, logged)) = &now_deleting {
                record(&mut steps, next, &failures.write(next)?);
                log(
                    &mut steps,
                    logged,
                    &failures.write(&LogEntry::from(logged))?,
                );
                // A conversation that waits for its deletion does not expire before it.
                for key in 1..KEYS {
                    steps.call("PERSIST", key, &[]);
                }
                commands.push(index::touch(session.keys(), next));
            }
            commands.push(steps.finish());
            let mut answers = session.all(commands).await?;
            let applied: bool = session.read(answers.pop().unwrap_or(Value::Nil))?;
            if !applied {
                continue;
            }
            if let (Some(held), Some(creation)) = (&seen.record, &seen.creation) {
                let incarnation = held.incarnation.to_string();
                free(session, creation, Owner::Incarnation(&incarnation)).await?;
            }
            return Ok(now_deleting.map(|(next, _)| next).or(seen.record));
        }
        Err(failures.unavailable("other writers are always faster"))
    })
}

pub(super) fn purge<'s>(
    session: &'s Session<'s>,
    input: &'s Doomed,
) -> BoxFuture<'s, Result<(), StateError>> {
    Box::pin(async move {
        let keys = session.keys().conversation(&input.id);
        for _ in 0..ATTEMPTS {
            let mut command = redis::cmd("HMGET");
            command.arg(&keys[RECORD - 1]);
            command.arg("guard").arg("json").arg("key");
            let held = match session.one(command).await {
                // Whatever somebody put there instead of the record goes with the rest.
                Err(error) if is_wrong_type(&error) => {
                    return remove_all(session, input, &keys).await;
                }
                held => held,
            };
            let (guard, json, creation): Held = held?;
            if guard.is_none() && json.is_none() {
                return Ok(());
            }
            let guard = guard.unwrap_or_default();
            // A record that cannot be read is removed like any other.
            let record: Option<ConversationRecord> =
                json.and_then(|json| serde_json::from_slice(&json).ok());
            let incarnation = incarnation_of(&guard);
            if let Some(creation) = creation.filter(|creation| !creation.is_empty()) {
                // A guard that somebody edited tells nothing.
                let held = record.as_ref().map(|record| record.incarnation.to_string());
                let owner = match held.as_deref() == Some(incarnation) {
                    true => Owner::Incarnation(incarnation),
                    false => Owner::Conversation(&input.id),
                };
                free(session, &creation, owner).await?;
            }
            // No new reference appears in one that is being deleted.
            let names = references(session, &keys).await?;
            let mut steps = Steps::new(script(&WRITE, &keys), &guard, "*", None);
            for key in 1..KEYS {
                steps.call("UNLINK", key, &[]);
            }
            let mut answers = session.all(vec![steps.finish()]).await?;
            let applied: bool = session.read(answers.pop().unwrap_or(Value::Nil))?;
            if !applied {
                continue;
            }
            // Indexes last: they may name too much, never too little.
            let mut commands = index::remove(session, &input.id, record.as_ref()).await?;
            let member = member(&input.id, incarnation);
            for name in names {
                commands.push(forget_member(session, &name, &member));
            }
            for part in commands.chunks(BATCH) {
                session.all(part.to_vec()).await?;
            }
            return Ok(());
        }
        Err(session
            .failures()
            .unavailable("other writers are always faster"))
    })
}

/// What a deletion depends on: unlike a write, neither turns nor the log.
struct Seen {
    /// What the conversation is recognized by; empty where there is none.
    guard: String,
    record: Option<ConversationRecord>,
    /// The name of the key under which the conversation was created.
    creation: Option<String>,
    /// What the tombstone is expected to hold: empty where there is none, `*` for a value of another type.
    tombstone: String,
    now: i64,
}

impl Seen {
    async fn of(
        session: &Session<'_>,
        id: &str,
        keys: &[String; KEYS],
    ) -> Result<Self, StateError> {
        let failures = session.failures();
        let mut record = redis::cmd("HMGET");
        record.arg(&keys[RECORD - 1]);
        record.arg("guard").arg("json").arg("key");
        let mut tombstone = redis::cmd("GET");
        tombstone.arg(&keys[TOMBSTONE - 1]);
        let commands = vec![record, tombstone, redis::cmd("TIME")];
        let mut answers = session.each(commands).await?.into_iter();
        let mut next = || answers.next().flatten();
        let what = format!("the record of conversation `{}`", id.escape_debug());
        let held = next().ok_or_else(|| failures.damaged(format!("{what} is of another type")))?;
        let (guard, json, creation): Held = session.read(held)?;
        let tombstone: Option<String> = match next() {
            Some(tombstone) => session.read(tombstone)?,
            None => Some("*".to_owned()),
        };
        let (seconds, micros): (u64, u64) = session.read(next().unwrap_or(Value::Nil))?;
        let record = match (&guard, json) {
            (None, None) => None,
            (_, json) => Some(failures.read(json.unwrap_or_default(), &what)?),
        };
        Ok(Self {
            guard: guard.unwrap_or_default(),
            record,
            creation: creation.filter(|creation| !creation.is_empty()),
            tombstone: tombstone.unwrap_or_default(),
            now: session.time(seconds, micros),
        })
    }
}

/// Guard, record and key of a creation.
type Held = (Option<String>, Option<Vec<u8>>, Option<String>);

/// Removes the keys of a conversation that has no record, and then what names it.
async fn remove_all(
    session: &Session<'_>,
    input: &Doomed,
    keys: &[String; KEYS],
) -> Result<(), StateError> {
    // While the indexes tell whose it is.
    free_all(session, &input.id).await?;
    let mut unlink = redis::cmd("UNLINK");
    unlink.arg(&keys[..KEYS - 1]);
    session.one::<i64>(unlink).await?;
    let commands = index::remove(session, &input.id, None).await?;
    session.all(commands).await.map(drop)
}

/// The names of all references of a conversation.
async fn references(
    session: &Session<'_>,
    keys: &[String; KEYS],
) -> Result<std::collections::BTreeSet<Vec<u8>>, StateError> {
    let mut names = std::collections::BTreeSet::new();
    let mut cursor = 0_u64;
    loop {
        let mut command = redis::cmd("ZSCAN");
        command
            .arg(&keys[REFERENCES - 1])
            .arg(cursor)
            .arg("COUNT")
            .arg(BATCH);
        let part = match session.one(command).await {
            // The index forgets what it names for a conversation that is gone when it is asked.
            Err(error) if is_wrong_type(&error) => return Ok(names),
            part => part,
        };
        let (next, rows): (u64, Vec<(Vec<u8>, f64)>) = part?;
        for (mut row, _) in rows {
            let end = row.iter().position(|byte| *byte == 0).unwrap_or(row.len());
            row.truncate(end);
            names.insert(row);
        }
        if next == 0 {
            return Ok(names);
        }
        cursor = next;
    }
}
