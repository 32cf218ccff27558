//! Indexes of conversations: written before the records, removed after them.

use redis::Cmd;

use crate::record::{ConversationRecord, ConversationStatus};
use crate::redis::keys::{Keys, encoded};
use crate::redis::server::{TOUCH, script};

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

/// The indexes that name a conversation.
pub(super) fn of(record: &ConversationRecord) -> Vec<String> {
    let mut indexes = vec![ALL.to_owned()];
    indexes.extend(record.user.as_ref().map(|user| of_user(user.as_str())));
    let session = record.session.as_ref();
    indexes.extend(session.map(|session| of_session(session.as_str())));
    indexes.extend(
        record
            .parent
            .as_ref()
            .map(|parent| of_parent(parent.as_str())),
    );
    indexes.extend(record.tags.iter().map(|tag| of_tag(tag)));
    if record.status != ConversationStatus::Active {
        indexes.push(of_status(record.status));
    }
    indexes
}

/// The command that names a conversation in its indexes, as changed now. A deletion is named also where
/// no memory is left.
pub(super) fn touch(keys: &Keys, record: &ConversationRecord) -> Cmd {
    let mut names = vec![keys.changes()];
    for index in of(record) {
        names.push(keys.created(&index));
        names.push(keys.changed(&index));
    }
    let mut command = script(&TOUCH, &names);
    command
        .arg(record.id.as_str())
        .arg(record.created_at.timestamp_millis())
        .arg(u8::from(record.status == ConversationStatus::Deleting));
    command
}

/// The commands that remove a conversation from all indexes that can name it.
pub(super) fn remove(keys: &Keys, id: &str, record: &ConversationRecord) -> Vec<Cmd> {
    let mut indexes = of(record);
    indexes.extend(INDEXED.map(of_status));
    let names = indexes
        .iter()
        .flat_map(|index| [keys.created(index), keys.changed(index)]);
    let remove = |name| {
        let mut command = redis::cmd("ZREM");
        command.arg(name).arg(id);
        command
    };
    names.map(remove).collect()
}
