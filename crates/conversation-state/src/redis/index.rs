//! Indexes of conversations: written before the records, removed after them.

use redis::{Cmd, Value};

use crate::error::StateError;
use crate::record::{ConversationRecord, ConversationStatus};
use crate::redis::failure::is_wrong_type;
use crate::redis::keys::{Keys, encoded};
use crate::redis::server::{Session, TOUCH, UNLIST, script};

/// How long a creation may take from its look at the clock to its record, in milliseconds: far longer
/// than any request.
const CREATION: i64 = 60 * 60 * 1000;

/// The index of all conversations.
pub(super) const ALL: &str = "all";

pub(super) fn of_user(user: &str) -> String {
    format!("user:{}", encoded(user))
}

pub(super) fn of_session(session: &str) -> String {
    format!("session:{}", encoded(session))
}

pub(super) fn of_parent(parent: &str) -> String {
    format!("parent:{}", encoded(parent))
}

pub(super) fn of_tag(tag: &str) -> String {
    format!("tag:{}", encoded(tag))
}

pub(super) fn of_status(status: ConversationStatus) -> String {
    format!("status:{}", status.as_str())
}

/// Every status that has an index: most conversations are active.
const INDEXED: [ConversationStatus; 4] = [
    ConversationStatus::Creating,
    ConversationStatus::Ending,
    ConversationStatus::Ended,
    ConversationStatus::Deleting,
];

/// The indexes that depend on what a conversation belongs to.
fn own(record: &ConversationRecord) -> Vec<String> {
    let user = record.user.as_ref().map(|user| of_user(user.as_str()));
    let session = record.session.as_ref();
    let session = session.map(|session| of_session(session.as_str()));
    let parent = record.parent.as_ref();
    let parent = parent.map(|parent| of_parent(parent.as_str()));
    let tags = record.tags.iter().map(|tag| of_tag(tag));
    let owners = [user, session, parent].into_iter().flatten();
    owners.chain(tags).collect()
}

/// The command that names a conversation in its indexes, as changed now. A deletion is named also where
/// no memory is left.
pub(super) fn touch(keys: &Keys, record: &ConversationRecord) -> Cmd {
    let own = own(record);
    let mut indexes = vec![ALL.to_owned()];
    indexes.extend(own.iter().cloned());
    if record.status != ConversationStatus::Active {
        indexes.push(of_status(record.status));
    }
    let mut names = vec![keys.changes(), keys.names(record.id.as_str())];
    names.extend(pairs(keys, &indexes));
    let mut command = script(&TOUCH, &names);
    command
        .arg(record.id.as_str())
        .arg(record.created_at.timestamp_millis())
        .arg(u8::from(record.status == ConversationStatus::Deleting));
    for name in own {
        command.arg(name);
    }
    command
}

/// The keys of indexes.
fn pairs(keys: &Keys, indexes: &[String]) -> Vec<String> {
    let both = |index: &String| [keys.created(index), keys.changed(index)];
    indexes.iter().flat_map(both).collect()
}

/// All indexes that can name a conversation, with those of its record, where that can be read.
fn candidates(names: Vec<String>, record: Option<&ConversationRecord>) -> Vec<String> {
    let mut indexes = vec![ALL.to_owned()];
    indexes.extend(INDEXED.map(of_status));
    indexes.extend(names);
    indexes.extend(record.map(own).unwrap_or_default());
    indexes.sort();
    indexes.dedup();
    indexes
}

fn names_of(session: &Session<'_>, id: &str) -> Cmd {
    let mut command = redis::cmd("SMEMBERS");
    command.arg(session.keys().names(id));
    command
}

/// The indexes that depend on what a conversation belongs to; nothing where they are of another type.
async fn names(session: &Session<'_>, id: &str) -> Result<Option<Vec<String>>, StateError> {
    match session.one(names_of(session, id)).await {
        Err(error) if is_wrong_type(&error) => Ok(None),
        names => names.map(Some),
    }
}

/// The user of a conversation, encoded, and empty for nobody; nothing where no index says it.
pub(super) async fn user_of(session: &Session<'_>, id: &str) -> Result<Option<String>, StateError> {
    let Some(names) = names(session, id).await? else {
        return Ok(None);
    };
    if names.is_empty() {
        return Ok(None);
    }
    let of_user = names.iter().find_map(|name| name.strip_prefix("user:"));
    Ok(Some(of_user.unwrap_or_default().to_owned()))
}

/// The commands that remove a conversation from all indexes that can name it.
///
/// # Errors
/// Those of the server.
pub(super) async fn remove(
    session: &Session<'_>,
    id: &str,
    record: Option<&ConversationRecord>,
) -> Result<Vec<Cmd>, StateError> {
    let keys = session.keys();
    let names = names(session, id).await?.unwrap_or_default();
    let indexes = candidates(names, record);
    let remove = |name| {
        let mut command = redis::cmd("ZREM");
        command.arg(name).arg(id);
        command
    };
    let mut commands: Vec<Cmd> = pairs(keys, &indexes).into_iter().map(remove).collect();
    // Last, for it says where else to look.
    let mut forget = redis::cmd("DEL");
    forget.arg(keys.names(id));
    commands.push(forget);
    Ok(commands)
}

/// Removes conversations that have no record any more from all indexes: they have expired, or their
/// purge was cut short. One that is being created is named before it has its record, and stays.
///
/// # Errors
/// Those of the server.
pub(super) async fn forget_gone(
    session: &Session<'_>,
    index: &str,
    ids: &[String],
) -> Result<(), StateError> {
    if ids.is_empty() {
        return Ok(());
    }
    let keys = session.keys();
    let mut commands = vec![redis::cmd("TIME")];
    for id in ids {
        let mut score = redis::cmd("ZSCORE");
        score.arg(keys.created(index)).arg(id);
        commands.extend([score, names_of(session, id)]);
    }
    let mut answers = session.each(commands).await?.into_iter();
    // What is of another type keeps no other from going.
    let mut next = || answers.next().flatten().unwrap_or(Value::Nil);
    let (seconds, micros): (u64, u64) = session.read(next())?;
    let oldest = session.time(seconds, micros).saturating_sub(CREATION);
    let mut commands = Vec::new();
    for id in ids {
        let score: Option<f64> = session.read(next())?;
        let names: Vec<String> = session.read(next())?;
        // Scores are whole numbers, and exact below 2^53.
        let Some(score) = score.map(|score| score as i64) else {
            continue;
        };
        if score.saturating_neg() > oldest {
            continue;
        }
        let mut indexes = candidates(names, None);
        indexes.retain(|other| other != index);
        indexes.insert(0, index.to_owned());
        let mut names = vec![keys.names(id)];
        names.extend(pairs(keys, &indexes));
        let mut command = script(&UNLIST, &names);
        command.arg(id).arg(score);
        commands.push(command);
    }
    if !commands.is_empty() {
        session.all(commands).await?;
    }
    Ok(())
}
