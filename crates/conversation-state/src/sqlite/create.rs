//! Creating a conversation.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::error::{StateError, StateErrorKind};
use crate::failures::Failures;
use crate::outcome::{Created, NewConversation};
use crate::record::ConversationRecord;
use crate::sqlite::rows::{add_log, find, insert_record};
use crate::sqlite::upkeep;
use crate::sqlite::view::View;
use crate::transition::{creation_known, judge_creation};

pub(super) fn create(
    transaction: &Transaction<'_>,
    failures: &Failures,
    new: &NewConversation,
    now: DateTime<Utc>,
) -> Result<Created, StateError> {
    let (record, log) = judge_creation(new, now)?;
    let id = record.id.as_str();
    let held = find(transaction, failures, id)?;
    if let Some(row) = &held {
        let view = View::new(transaction, failures, row.key);
        if view.created_by(new.write)? {
            return Ok(Created::New(row.record.clone()));
        }
        creation_known(&row.record)?;
    }
    if let Some(existing) = keyed(transaction, failures, new)? {
        return Ok(Created::Existing(existing));
    }
    if held.is_some() || upkeep::is_refused(transaction, failures, id, now)? {
        let error = StateError::new(StateErrorKind::Conflict, "create conversation");
        return Err(error
            .with_subject(id)
            .with_detail("the id is in use, or was deleted lately"));
    }
    let key = insert_record(transaction, failures, &record, new.key.as_deref())?;
    add_log(transaction, failures, key, &log)?;
    Ok(Created::New(record))
}

/// The conversation that the user has under the same key.
fn keyed(
    connection: &Connection,
    failures: &Failures,
    new: &NewConversation,
) -> Result<Option<ConversationRecord>, StateError> {
    let Some(key) = &new.key else {
        return Ok(None);
    };
    // No user has an empty id, so it stands for none.
    let user = new.record.user.as_ref().map_or("", |user| user.as_str());
    let sql = "SELECT record FROM conversations \
               WHERE ifnull(user, '') = ?1 AND creation_key = ?2";
    let json: Option<String> = failures.map(
        connection
            .query_row(sql, params![user, key], |row| row.get(0))
            .optional(),
    )?;
    json.map(|json| failures.read(&json, "the record of a conversation"))
        .transpose()
}
