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
CREATE INDEX conversations_deleting ON conversations (updated_at DESC, id) WHERE status = 'deleting';
CREATE INDEX conversations_ending ON conversations (updated_at DESC, id) WHERE status = 'ending';
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::state::ConversationStatus as Status;

    #[test]
    fn every_list_has_its_index_and_sorts_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(CREATE).unwrap();
        let all = ConversationFilter::new;
        for (filter, index) in [
            (all(), "conversations_by_time"),
            (all().with_status(Status::Active), "conversations_by_time"),
            (
                all().with_status(Status::Deleting),
                "conversations_deleting",
            ),
            (all().with_status(Status::Ending), "conversations_ending"),
            (
                all().with_user("u".parse().unwrap()),
                "conversations_by_user",
            ),
            (
                all().with_session("s".parse().unwrap()),
                "conversations_by_session",
            ),
        ] {
            let mut plan = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {}", list(&filter)))
                .unwrap();
            let steps: Vec<String> = plan
                .query_map([None::<&str>; 6], |row| row.get(3))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let steps = steps.join("; ");
            assert!(steps.contains(index), "{filter:?}: {steps}");
            assert!(!steps.contains("TEMP B-TREE"), "{filter:?}: {steps}");
        }
    }
}
