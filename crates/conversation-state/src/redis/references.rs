//! The index of references: which conversations may refer to something, confirmed by them.

use futures_util::future::BoxFuture;
use media_types::readable::causes;
use redis::Cmd;

use crate::error::StateError;
use crate::limits::UNNAMED_KEPT_FOR;
use crate::redis::keys::{RECORD, REFERENCES};
use crate::redis::server::{OBSERVE, Session, script};
use crate::reference::ReferenceKey;

/// How many references of a conversation one request reads.
const BATCH: usize = 500;

/// The length of an incarnation, which begins the names of lives.
const INCARNATION: usize = 36;

/// The name of a reference: in the order of its parts, which hold no control characters.
pub(super) fn name(key: &ReferenceKey) -> Vec<u8> {
    let store = key.store.as_deref().unwrap_or_default();
    format!("{}\u{1}{store}\u{1}{}", key.backend, key.id).into_bytes()
}

fn key(name: &[u8]) -> Option<ReferenceKey> {
    let text = String::from_utf8_lossy(name);
    let mut parts = text.splitn(3, '\u{1}');
    let (backend, store, id) = (parts.next()?, parts.next()?, parts.next()?);
    let store = (!store.is_empty()).then(|| store.to_owned());
    Some(ReferenceKey::new(backend, store, id))
}

/// The commands that name a conversation as one that may refer to something, and those that forget that
/// the references were unnamed.
pub(super) fn announce(
    session: &Session<'_>,
    names: &std::collections::BTreeSet<Vec<u8>>,
    member: &str,
) -> (Vec<Cmd>, Option<Cmd>) {
    let add = |name: &Vec<u8>| {
        let mut command = redis::cmd("SADD");
        command.arg(session.keys().reference(name)).arg(member);
        command
    };
    let forget = (!names.is_empty()).then(|| {
        let mut command = redis::cmd("HDEL");
        command.arg(session.keys().unnamed());
        for name in names {
            command.arg(name);
        }
        command
    });
    (names.iter().map(add).collect(), forget)
}

/// What the index calls a life of a conversation.
pub(super) fn member(id: &str, incarnation: impl std::fmt::Display) -> String {
    format!("{incarnation}{id}")
}

/// The incarnation in a guard.
pub(super) fn incarnation_of(guard: &str) -> &str {
    guard
        .split_once('/')
        .map_or(guard, |(incarnation, _)| incarnation)
}

/// Whether messages refer to something, one by one.
pub(super) fn are_named<'s>(
    session: &'s Session<'s>,
    keys: &'s [ReferenceKey],
) -> BoxFuture<'s, Result<Vec<bool>, StateError>> {
    Box::pin(async move {
        let names: Vec<Vec<u8>> = keys.iter().map(name).collect();
        let ask = names.iter().map(|name| {
            let mut command = redis::cmd("SMEMBERS");
            command.arg(session.keys().reference(name));
            command
        });
        let mut named = vec![false; keys.len()];
        let members = session.each(ask.collect()).await?;
        let (mut asked, mut confirm, mut guards) = (Vec::new(), Vec::new(), Vec::new());
        for (n, (name, members)) in names.iter().zip(members).enumerate() {
            // What cannot be read may name it.
            let Some(members) = members else {
                named[n] = true;
                continue;
            };
            let members: Vec<String> = session.read(members)?;
            for member in members {
                let Some(id) = member.get(INCARNATION..) else {
                    continue;
                };
                confirm.push(names_something(session, id, name));
                guards.push(guard_of(session, id));
                asked.push((n, member));
            }
        }
        if !confirm.is_empty() {
            let mut answers = session.each([confirm, guards].concat()).await?;
            let guards = answers.split_off(asked.len());
            let mut gone = Vec::new();
            for (((n, member), answer), guard) in asked.into_iter().zip(answers).zip(guards) {
                let (Some(answer), Some(guard)) = (answer, guard) else {
                    named[n] = true;
                    continue;
                };
                let found: Vec<Vec<u8>> = session.read(answer)?;
                named[n] |= !found.is_empty();
                let guard: Option<String> = session.read(guard)?;
                let held = guard.as_deref().map(incarnation_of);
                if found.is_empty() && held != member.get(..INCARNATION) {
                    gone.push(forget_member(session, &names[n], &member));
                }
            }
            // A life that is over names nothing any more. The answer is right without.
            if !gone.is_empty()
                && let Err(error) = session.all(gone).await
            {
                tracing::debug!(error = %causes(&error), "conversations that are gone stay in the index of references");
            }
        }
        Ok(named)
    })
}

/// The command that asks for the life that a conversation is in.
fn guard_of(session: &Session<'_>, id: &str) -> Cmd {
    let mut command = redis::cmd("HGET");
    command
        .arg(&session.keys().conversation(id)[RECORD - 1])
        .arg("guard");
    command
}

/// The command that no longer names a life of a conversation as one that may refer to something.
pub(super) fn forget_member(session: &Session<'_>, name: &[u8], member: &str) -> Cmd {
    let mut command = redis::cmd("SREM");
    command.arg(session.keys().reference(name)).arg(member);
    command
}

/// The command that asks a conversation for a message that refers to something.
fn names_something(session: &Session<'_>, id: &str, name: &[u8]) -> Cmd {
    let [from, to] = [0_u8, 1].map(|end| {
        let mut bound = vec![b'['];
        bound.extend(name);
        bound.push(end);
        bound
    });
    let mut command = redis::cmd("ZRANGEBYLEX");
    command
        .arg(&session.keys().conversation(id)[REFERENCES - 1])
        .arg(from)
        .arg(to)
        .arg("LIMIT")
        .arg(0)
        .arg(1);
    command
}

/// What a page of references of a conversation is read with.
pub(super) struct Paging {
    pub(super) conversation: String,
    pub(super) after: Option<ReferenceKey>,
    pub(super) limit: usize,
}

/// The references of a conversation after one of them, sorted.
pub(super) fn of_conversation<'s>(
    session: &'s Session<'s>,
    paging: &'s Paging,
) -> BoxFuture<'s, Result<Vec<ReferenceKey>, StateError>> {
    Box::pin(async move {
        let keys = session.keys().conversation(&paging.conversation);
        let mut after = paging.after.as_ref().map(name);
        let mut found: Vec<ReferenceKey> = Vec::new();
        while found.len() < paging.limit {
            let mut from = vec![b'-'];
            if let Some(name) = &after {
                from = vec![b'('];
                from.extend(name);
                // Behind all messages that refer to it.
                from.push(1);
            }
            let mut command = redis::cmd("ZRANGEBYLEX");
            let key_of_all = &keys[REFERENCES - 1];
            command
                .arg(key_of_all)
                .arg(from)
                .arg("+")
                .arg("LIMIT")
                .arg(0)
                .arg(BATCH);
            let rows: Vec<Vec<u8>> = session.one(command).await?;
            for row in &rows {
                let end = row.iter().position(|byte| *byte == 0).unwrap_or(row.len());
                let (name, key) = (row[..end].to_vec(), key(&row[..end]));
                after = Some(name);
                let Some(key) = key else { continue };
                if found.last() != Some(&key) {
                    found.push(key);
                }
            }
            if rows.len() < BATCH {
                break;
            }
        }
        found.truncate(paging.limit);
        Ok(found)
    })
}

/// What references are remembered with.
pub(super) struct Observing {
    pub(super) keys: Vec<ReferenceKey>,
    /// Whether it is time to look for what was remembered long ago.
    pub(super) forgets_old: bool,
}

/// Remembers references as unnamed since now, and returns since when they are.
pub(super) fn observe<'s>(
    session: &'s Session<'s>,
    observing: &'s Observing,
) -> BoxFuture<'s, Result<Vec<i64>, StateError>> {
    Box::pin(async move {
        if observing.forgets_old {
            forget_old(session).await?;
        }
        let mut command = script(&OBSERVE, &[session.keys().unnamed()]);
        command.arg(session.offset());
        for key in &observing.keys {
            command.arg(name(key));
        }
        session.one(command).await
    })
}

/// The name of a reference, and since when it is remembered.
type Remembered = (Vec<u8>, Vec<u8>);

/// Forgets what was remembered long ago: nothing lists it any more, and nothing else would forget it.
async fn forget_old(session: &Session<'_>) -> Result<(), StateError> {
    let (seconds, micros): (u64, u64) = session.one(redis::cmd("TIME")).await?;
    let kept = i64::try_from(UNNAMED_KEPT_FOR.as_millis()).unwrap_or(i64::MAX);
    let oldest = session.time(seconds, micros).saturating_sub(kept);
    let key = session.keys().unnamed();
    let mut cursor = 0_u64;
    loop {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(&key).arg(cursor).arg("COUNT").arg(BATCH);
        let (next, rows): (u64, Vec<Remembered>) = session.one(scan).await?;
        // What is no time would fail whoever asks for its reference.
        let is_old = |seen: &[u8]| {
            let seen: Result<i64, _> = String::from_utf8_lossy(seen).parse();
            seen.map_or(true, |seen| seen < oldest)
        };
        let old: Vec<_> = rows.iter().filter(|(_, seen)| is_old(seen)).collect();
        if !old.is_empty() {
            let mut forget = redis::cmd("HDEL");
            forget.arg(&key);
            for (name, _) in old {
                forget.arg(name);
            }
            session.one::<i64>(forget).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

pub(super) fn forget<'s>(
    session: &'s Session<'s>,
    keys: &'s [ReferenceKey],
) -> BoxFuture<'s, Result<(), StateError>> {
    Box::pin(async move {
        if keys.is_empty() {
            return Ok(());
        }
        let mut command = redis::cmd("HDEL");
        command.arg(session.keys().unnamed());
        for key in keys {
            command.arg(name(key));
        }
        session.one::<i64>(command).await.map(drop)
    })
}
