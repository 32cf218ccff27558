//! The tables, and the version of their form.

use super::super::ConversationFilter;

/// Marks files of this library (`PRAGMA application_id`): the bytes `cvst`.
pub(super) const APPLICATION_ID: i64 = 0x6376_7374;

/// Version of the form (`PRAGMA user_version`); 0 is a file without tables.
pub(super) const VERSION: i64 = 1;

/// Makes the tables. `record` and `message` are the JSON that is documented for them; the columns
/// beside `record` are copies of its fields, for indexes.
pub(super) const CREATE: &str = "
CREATE TABLE conversations (
    key         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    user        TEXT,
    session     TEXT,
    status      TEXT NOT NULL,
    updated_at  INTEGER NOT NULL,
    record      TEXT NOT NULL
);
CREATE INDEX conversations_by_user ON conversations (user, updated_at DESC, id) WHERE user IS NOT NULL;
CREATE INDEX conversations_by_session ON conversations (session, updated_at DESC, id) WHERE session IS NOT NULL;
CREATE INDEX conversations_by_status ON conversations (status, updated_at DESC, id) WHERE status NOT IN ('active', 'ended');
CREATE INDEX conversations_by_time ON conversations (updated_at DESC, id);
CREATE TABLE messages (
    conversation  INTEGER NOT NULL REFERENCES conversations (key),
    position      INTEGER NOT NULL,
    message       TEXT NOT NULL,
    UNIQUE (conversation, position)
);
";

/// The query for a filter. Each names the columns of an index literally, so that SQLite uses it.
pub(super) fn list(filter: &ConversationFilter) -> &'static str {
    macro_rules! list {
        ($condition:literal) => {
            concat!(
                "SELECT record FROM conversations WHERE ",
                $condition,
                " AND (?1 IS NULL OR user = ?1) AND (?2 IS NULL OR session = ?2)",
                " AND (CASE WHEN ?3 IS NULL THEN status <> 'deleting' ELSE status = ?3 END)",
                " AND (?4 IS NULL OR updated_at < ?4 OR updated_at = ?4 AND id > ?5)",
                " ORDER BY updated_at DESC, id LIMIT ?6"
            )
        };
    }
    use super::super::ConversationStatus as Status;
    match (filter.user(), filter.session(), filter.status()) {
        (Some(_), _, _) => list!("user = ?1"),
        (None, Some(_), _) => list!("session = ?2"),
        (None, None, Some(Status::Deleting)) => list!("status = 'deleting'"),
        (None, None, Some(Status::Ending)) => list!("status = 'ending'"),
        (None, None, _) => list!("TRUE"),
    }
}
