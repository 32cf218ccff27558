//! Listing conversations by an index, confirmed by their records.

use futures_util::future::BoxFuture;
use media_types::readable::causes;

use crate::cursor::{ListPosition, ListRange};
use crate::error::StateError;
use crate::list::{ConversationFilter, ConversationPage, ListOrder};
use crate::record::{ConversationRecord, ConversationStatus};
use crate::redis::index;
use crate::redis::keys::RECORD;
use crate::redis::server::{PAGE, Session, script};

/// How many entries of the index one page looks at, at most, as multiples of its size: a page may be
/// smaller than asked for, or empty, with more to follow.
const BATCHES: usize = 8;
/// The fewest entries that are read at once.
const BATCH: usize = 64;

pub(super) fn list<'s>(
    session: &'s Session<'s>,
    filter: &'s ConversationFilter,
) -> BoxFuture<'s, Result<ConversationPage, StateError>> {
    Box::pin(async move {
        let size = filter.page_size();
        let batch = (size + 1).max(BATCH);
        let mut command = redis::cmd("GET");
        command.arg(session.keys().changes());
        let newest: Option<u64> = session.one(command).await?;
        let newest = newest.unwrap_or(0);
        let position = ListPosition::of(filter, newest)?;
        let index = index_of(filter);
        let key = [match filter.order {
            ListOrder::Created => session.keys().created(&index),
            ListOrder::Changed => session.keys().changed(&index),
        }];
        let mut records: Vec<ConversationRecord> = Vec::new();
        let mut unreadable = Vec::new();
        let mut gone = Vec::new();
        let mut rest = position.range.clone();
        let mut more = true;
        for _ in 0..BATCHES {
            let entries = read(session, &key, &rest, batch).await?;
            more = entries.len() == batch;
            let found = load(session, &entries).await?;
            for (entry, record) in entries.iter().zip(found) {
                if records.len() == size {
                    more = true;
                    break;
                }
                match record {
                    Record::Missing => gone.push(entry.id.clone()),
                    Record::Unreadable => unreadable.extend(entry.id.parse()),
                    // An index may name too much: what was refused, changed, or expired.
                    Record::Held(record) => {
                        records.extend(Some(*record).filter(|record| filter.accepts(record)));
                    }
                }
                rest = position.after(entry.change(), entry.created(), &entry.id);
            }
            if !more || records.len() == size {
                break;
            }
        }
        // The list is right without, and a server that only reads refuses it.
        if let Err(error) = index::forget_gone(session, &index, &gone).await {
            tracing::debug!(error = %causes(&error), "conversations that are gone stay in the indexes");
        }
        let page = position.page_until(records, Some(rest), more, newest);
        Ok(page.with_unreadable(unreadable))
    })
}

/// The index that names the fewest conversations.
fn index_of(filter: &ConversationFilter) -> String {
    if let Some(user) = &filter.user {
        index::of_user(user.as_str())
    } else if let Some(of) = &filter.session {
        index::of_session(of.as_str())
    } else if let Some(parent) = &filter.parent {
        index::of_parent(parent.as_str())
    } else if let Some(tag) = &filter.tag {
        index::of_tag(tag)
    } else {
        match filter.status {
            None | Some(ConversationStatus::Active) => index::ALL.to_owned(),
            Some(status) => index::of_status(status),
        }
    }
}

/// An entry of an index: an id and its score.
struct Entry {
    id: String,
    score: f64,
}

impl Entry {
    /// The number of the change, in an index by change.
    fn change(&self) -> u64 {
        // Scores are whole numbers, and exact below 2^53.
        if self.score > 0.0 {
            self.score as u64
        } else {
            0
        }
    }

    /// The time of creation, in an index by creation.
    fn created(&self) -> i64 {
        -(self.score as i64)
    }
}

/// Reads the beginning of a range: fewer entries than asked for are its end.
async fn read(
    session: &Session<'_>,
    key: &[String; 1],
    range: &ListRange,
    count: usize,
) -> Result<Vec<Entry>, StateError> {
    let (order, first) = match range {
        ListRange::Created(None) => ("from", String::new()),
        ListRange::Created(Some((at, _))) => ("from", at.wrapping_neg().to_string()),
        ListRange::ChangedUntil(change) => ("until", change.to_string()),
        ListRange::ChangedAfter(change) => ("from", format!("({change}")),
    };
    let mut entries: Vec<Entry> = Vec::new();
    let mut skip = 0;
    loop {
        let mut command = script(&PAGE, key);
        command
            .arg(order)
            .arg(&first)
            .arg(skip)
            .arg(count - entries.len());
        let rows: Vec<(String, f64)> = session.one(command).await?;
        skip += rows.len();
        let is_end = rows.len() < count - entries.len();
        let rows = rows.into_iter().map(|(id, score)| Entry { id, score });
        entries.extend(rows.filter(|entry| match range {
            // The range begins behind an entry that has others of its time before it.
            ListRange::Created(Some((at, after))) => entry.created() != *at || entry.id > *after,
            _ => true,
        }));
        if is_end || entries.len() == count {
            return Ok(entries);
        }
    }
}

/// What an entry of an index names.
enum Record {
    Missing,
    Unreadable,
    Held(Box<ConversationRecord>),
}

/// Reads the records that entries name.
async fn load(session: &Session<'_>, entries: &[Entry]) -> Result<Vec<Record>, StateError> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let commands = entries.iter().map(|entry| {
        let mut command = redis::cmd("HGET");
        command
            .arg(&session.keys().conversation(&entry.id)[RECORD - 1])
            .arg("json");
        command
    });
    let answers = session.each(commands.collect()).await?;
    let read = answers.into_iter().map(|answer| {
        let Some(answer) = answer else {
            return Ok(Record::Unreadable);
        };
        let json: Option<Vec<u8>> = session.read(answer)?;
        Ok(match json.map(|json| serde_json::from_slice(&json)) {
            None => Record::Missing,
            Some(Ok(record)) => Record::Held(Box::new(record)),
            Some(Err(_)) => Record::Unreadable,
        })
    });
    read.collect()
}
