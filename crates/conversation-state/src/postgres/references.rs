//! The index of references.

use futures_util::future::BoxFuture;

use crate::error::StateError;
use crate::limits::UNNAMED_KEPT_FOR;
use crate::postgres::rows::{NOW, column, text};
use crate::postgres::session::{Mode, Session, Step, values};
use crate::reference::ReferenceKey;
use crate::transition::{EncodedMessage, NewMessage};

/// Removes the references of a message.
pub(super) const REMOVE: &str = "DELETE FROM refs WHERE message = \
    (SELECT key FROM messages WHERE conversation = $1 AND id = $2)";
/// Adds references of messages that are in the conversation by now.
const ADD: &str = "INSERT INTO refs (message, conversation, backend, store, id) \
    SELECT m.key, $1, r.backend, r.store, r.id \
    FROM unnest($2, $3, $4, $5) AS r (message, backend, store, id) \
    JOIN messages m ON m.conversation = $1 AND m.id = r.message";
const FORGET: &str = "DELETE FROM unnamed u \
    USING unnest($1, $2, $3) AS r (backend, store, id) \
    WHERE u.id = r.id AND u.backend = r.backend AND u.store = r.store";
const ARE_NAMED: &str = "SELECT EXISTS (SELECT 1 FROM refs \
    WHERE refs.id = r.id AND refs.backend = r.backend AND refs.store = r.store) \
    FROM unnest($1, $2, $3) WITH ORDINALITY AS r (backend, store, id, place) ORDER BY r.place";
const OF_CONVERSATION: &str = "SELECT DISTINCT backend, store, id FROM refs \
    WHERE conversation = (SELECT key FROM conversations WHERE id = $1) \
    AND (backend, store, id) > ($2, $3, $4) ORDER BY backend, store, id LIMIT $5";
/// Some of what was remembered long ago: nothing lists it any more, and nothing else would forget it. In
/// transactions of their own, and behind nobody, so that two calls never wait for each other.
const FORGET_OLD: &str = "DELETE FROM unnamed WHERE (id, backend, store) IN \
    (SELECT id, backend, store FROM unnamed WHERE first_seen < (NOW) + $1 \
    LIMIT 1000 FOR UPDATE SKIP LOCKED) RETURNING 1";
/// How many references one such transaction forgets.
const OLD_AT_ONCE: usize = 1000;
/// In one order, so that two calls never wait for each other.
const OBSERVE: &str = "INSERT INTO unnamed (backend, store, id, first_seen) \
    SELECT DISTINCT r.backend, r.store, r.id, ($5) + $4 \
    FROM unnest($1, $2, $3) AS r (backend, store, id) ORDER BY 1, 2, 3 \
    ON CONFLICT (id, backend, store) DO UPDATE SET first_seen = unnamed.first_seen \
    RETURNING backend, store, id, first_seen";

/// Names of references, column by column.
#[derive(Default)]
pub(super) struct Names<'a> {
    messages: Vec<&'a [u8]>,
    backends: Vec<&'a [u8]>,
    stores: Vec<&'a [u8]>,
    ids: Vec<&'a [u8]>,
}

impl<'a> Names<'a> {
    fn of(keys: &'a [ReferenceKey]) -> Self {
        let mut names = Self::default();
        keys.iter().for_each(|key| names.push(key));
        names
    }

    fn push(&mut self, key: &'a ReferenceKey) {
        self.backends.push(key.backend.as_bytes());
        // No store has an empty name, so it stands for none.
        self.stores
            .push(key.store.as_deref().unwrap_or_default().as_bytes());
        self.ids.push(key.id.as_bytes());
    }

    /// Returns the statements that add the references of messages.
    pub(super) fn steps<'s>(&'s self, conversation: &'s i64) -> Vec<Step<'s>> {
        if self.ids.is_empty() {
            return Vec::new();
        }
        let row = values![
            INT8 *conversation, BYTEA_ARRAY self.messages, BYTEA_ARRAY self.backends,
            BYTEA_ARRAY self.stores, BYTEA_ARRAY self.ids
        ];
        vec![Step::new(ADD, row), Step::new(FORGET, self.values())]
    }

    fn values(&self) -> Vec<crate::postgres::session::Value<'_>> {
        values![BYTEA_ARRAY self.backends, BYTEA_ARRAY self.stores, BYTEA_ARRAY self.ids]
    }
}

/// The references of messages that a write replaces or adds.
pub(super) fn of_messages<'a>(
    replaced: &[&'a EncodedMessage],
    new: &[NewMessage<'a>],
) -> Names<'a> {
    let mut names = Names::default();
    let messages = replaced.iter().copied();
    for message in messages.chain(new.iter().map(|new| new.message)) {
        for key in &message.references {
            names.messages.push(message.id.as_str().as_bytes());
            names.push(key);
        }
    }
    names
}

/// Whether messages refer to something, one by one.
pub(super) fn are_named<'s>(
    session: &'s Session,
    keys: &'s [ReferenceKey],
) -> BoxFuture<'s, Result<Vec<bool>, StateError>> {
    Box::pin(async move {
        let names = Names::of(keys);
        let step = Step::new(ARE_NAMED, names.values());
        let answers = session.whole(Mode::Read, vec![step]).await?;
        let rows = answers.into_iter().flatten();
        rows.map(|row| column(&row, 0, session.failures()))
            .collect()
    })
}

/// What a page of references of a conversation is read with.
pub(super) struct Paging {
    pub(super) conversation: String,
    pub(super) after: Option<ReferenceKey>,
    pub(super) limit: usize,
}

/// The references of a conversation after one of them, sorted.
pub(super) fn of_conversation<'s>(
    session: &'s Session,
    paging: &'s Paging,
) -> BoxFuture<'s, Result<Vec<ReferenceKey>, StateError>> {
    Box::pin(async move {
        let first = ReferenceKey::new("", None, "");
        let after = paging.after.as_ref().unwrap_or(&first);
        let id = paging.conversation.as_bytes();
        let store = after.store.as_deref().unwrap_or_default().as_bytes();
        let (backend, reference) = (after.backend.as_bytes(), after.id.as_bytes());
        let limit = i64::try_from(paging.limit).unwrap_or(i64::MAX);
        let row = values![BYTEA id, BYTEA backend, BYTEA store, BYTEA reference, INT8 limit];
        let step = Step::new(OF_CONVERSATION, row);
        let answers = session.whole(Mode::Read, vec![step]).await?;
        let rows = answers.into_iter().flatten();
        rows.map(|row| key(&row, session)).collect()
    })
}

fn key(row: &tokio_postgres::Row, session: &Session) -> Result<ReferenceKey, StateError> {
    let failures = session.failures();
    let store = text(row, 1, failures)?;
    Ok(ReferenceKey {
        backend: text(row, 0, failures)?,
        store: (!store.is_empty()).then_some(store),
        id: text(row, 2, failures)?,
    })
}

/// What references are remembered with.
pub(super) struct Observing {
    pub(super) keys: Vec<ReferenceKey>,
    pub(super) clock_offset: i64,
    /// Whether it is time to look for what was remembered long ago.
    pub(super) forgets_old: bool,
}

/// Remembers references as unnamed since now, and returns since when they are.
pub(super) fn observe<'s>(
    session: &'s Session,
    observing: &'s Observing,
) -> BoxFuture<'s, Result<Vec<i64>, StateError>> {
    Box::pin(async move {
        if observing.forgets_old {
            forget_old(session, observing.clock_offset).await?;
        }
        let names = Names::of(&observing.keys);
        let sql = OBSERVE.replace("$5", NOW);
        let mut row = names.values();
        row.extend(values![INT8 observing.clock_offset]);
        let answers = session
            .whole(Mode::Write, vec![Step::new(&sql, row)])
            .await?;
        let mut seen = std::collections::HashMap::new();
        for row in answers.iter().flatten() {
            let first_seen: i64 = column(row, 3, session.failures())?;
            seen.insert(key(row, session)?, first_seen);
        }
        let missing = || session.failures().damaged("a row is missing");
        let keys = observing.keys.iter();
        keys.map(|key| {
            // An empty name of a store stands for none.
            let mut key = key.clone();
            key.store = key.store.filter(|store| !store.is_empty());
            seen.get(&key).copied().ok_or_else(missing)
        })
        .collect()
    })
}

async fn forget_old(session: &Session, clock_offset: i64) -> Result<(), StateError> {
    let kept = i64::try_from(UNNAMED_KEPT_FOR.as_millis()).unwrap_or(i64::MAX);
    let oldest = clock_offset.saturating_sub(kept);
    let sql = FORGET_OLD.replace("NOW", NOW);
    loop {
        let old = Step::new(&sql, values![INT8 oldest]);
        let forgotten = session.whole(Mode::Write, vec![old]).await?;
        if forgotten.iter().map(Vec::len).sum::<usize>() < OLD_AT_ONCE {
            return Ok(());
        }
    }
}

pub(super) fn forget<'s>(
    session: &'s Session,
    keys: &'s [ReferenceKey],
) -> BoxFuture<'s, Result<(), StateError>> {
    Box::pin(async move {
        let names = Names::of(keys);
        let step = Step::new(FORGET, names.values());
        session.whole(Mode::Write, vec![step]).await.map(drop)
    })
}
