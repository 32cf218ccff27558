//! Files that are damaged, of something else, or newer.

use conversation_state::*;
use conversation_types::{Message, Role, TurnId};
use rusqlite::Connection;

use super::harness::SqliteHarness;
use crate::services::{a_later_status_is_kept, list_around_a_damaged_record};

#[tokio::test]
async fn a_file_that_is_damaged_or_of_something_else_is_named_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let text = "this is no database at all, only some text".repeat(50);
    std::fs::write(path("text"), text).unwrap();
    let other = Connection::open(path("other")).unwrap();
    other.execute_batch("CREATE TABLE t (a)").unwrap();
    drop(other);
    drop(SqliteStateStore::open(path("newer")).await.unwrap());
    let newer = Connection::open(path("newer")).unwrap();
    newer.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(newer);
    std::fs::create_dir(path("directory")).unwrap();
    for (name, kind) in [
        ("text", StateErrorKind::Corrupted),
        ("other", StateErrorKind::Corrupted),
        ("newer", StateErrorKind::TooNew),
        ("directory", StateErrorKind::InvalidInput),
        ("no/such/directory", StateErrorKind::InvalidInput),
    ] {
        let before = std::fs::read(path(name)).ok();
        let error = SqliteStateStore::open(path(name)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error:?}");
        assert_eq!(error.operation(), "open conversation database");
        assert_eq!(error.subject(), path(name).to_str());
        assert!(error.to_string().contains(name), "{error}");
        assert!(!error.hint().is_empty());
        assert_eq!(std::fs::read(path(name)).ok(), before, "{name} was changed");
    }
    let error = SqliteStateStore::open(path("newer")).await.unwrap_err();
    let expected = format!(
        "failed to open conversation database `{}`: schema version 99, this build supports up to 2",
        path("newer").display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(!path("no").exists());
    // An empty file is a new one.
    std::fs::write(path("empty"), "").unwrap();
    SqliteStateStore::open(path("empty")).await.unwrap();
}

#[tokio::test]
async fn damaged_rows_harm_nothing_but_themselves() {
    let harness = SqliteHarness::new();
    let store = harness.store().await;
    let mut known = Vec::new();
    for name in ["a", "b"] {
        let record = ConversationRecord::new(name.parse().unwrap());
        let record = store
            .create(NewConversation::new(record))
            .await
            .unwrap()
            .into_record();
        let turn = TurnRecord::new(TurnId::new("t").unwrap()).with_status(TurnStatus::Complete);
        let fence = Fence::Head {
            head: 0,
            turn: None,
        };
        let messages = ["x", "y", "z"].map(|text| Message::user(text).with_turn(turn.id.clone()));
        let write = StateWrite::new(&record, fence)
            .with_turn(turn)
            .with_append(messages);
        known.push(store.apply(write).await.unwrap().record);
    }
    let raw = Connection::open(harness.path()).unwrap();
    let of_a = "conversation = (SELECT key FROM conversations WHERE id = 'a')";
    for (position, value) in [(0, "'{\"role\":\"us'"), (1, "x'ff00fe'"), (2, "42")] {
        let sql =
            format!("UPDATE messages SET message = {value} WHERE position = {position} AND {of_a}");
        assert_eq!(raw.execute(&sql, []).unwrap(), 1);
    }
    let sql = format!("UPDATE slots SET turn = '{{' WHERE {of_a}");
    assert_eq!(raw.execute(&sql, []).unwrap(), 1);

    let loaded = store
        .load(&known[0].id, Window::All.into())
        .await
        .unwrap()
        .unwrap();
    let intact = store
        .load(&known[1].id, Window::All.into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((loaded.messages.len(), loaded.turns.len()), (3, 0));
    assert!(loaded.messages.iter().all(|stored| {
        stored.message.role == Role::Unknown && stored.message.unreadable_reason().is_some()
    }));
    assert_eq!(
        (
            intact.messages[0].message.text().as_str(),
            intact.turns.len()
        ),
        ("x", 1)
    );
    // The conversation goes on, and what is damaged stays as it is.
    let fence = Fence::Head {
        head: known[0].head,
        turn: None,
    };
    let rewritten = loaded.messages.into_iter().map(|stored| stored.message);
    let write = StateWrite::new(&known[0], fence)
        .with_replace(rewritten)
        .with_append([Message::user("next")]);
    store.apply(write).await.unwrap();
    let sql = format!("SELECT message FROM messages WHERE position = 0 AND {of_a}");
    let text: String = raw.query_row(&sql, [], |row| row.get(0)).unwrap();
    assert_eq!(text, "{\"role\":\"us");
    let loaded = store
        .load(&known[0].id, Window::NewestTurns(1).into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(loaded.messages[0].message.text(), "next");
    // A record that is damaged says so.
    raw.execute("UPDATE conversations SET record = '{' WHERE id = 'a'", [])
        .unwrap();
    let error = store
        .load(&known[0].id, Window::All.into())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Corrupted);
    assert!(error.to_string().contains("conversation `a`"), "{error}");
    assert!(store.load(&known[1].id, Window::All.into()).await.is_ok());
}

#[tokio::test]
async fn a_record_that_cannot_be_read_fails_no_list_and_can_be_purged() {
    let harness = SqliteHarness::new();
    let store = harness.store().await;
    let damage = async {
        let file = Connection::open(harness.path()).unwrap();
        file.execute("UPDATE conversations SET record = '{' WHERE id = 'a'", [])
            .unwrap();
    };
    list_around_a_damaged_record(&store, damage).await;
    store.purge(&"a".parse().unwrap()).await.unwrap();
    let all = store.list(&ConversationFilter::new()).await.unwrap();
    assert_eq!((all.records.len(), all.unreadable.len()), (1, 0));
}

#[tokio::test]
async fn a_status_of_a_later_version_is_left_alone() {
    let harness = SqliteHarness::new();
    let store = harness.store().await;
    let set = async {
        let file = Connection::open(harness.path()).unwrap();
        let set = "UPDATE conversations SET status = 'resting', \
            record = replace(record, '\"active\"', '\"resting\"')";
        assert_eq!(file.execute(set, []).unwrap(), 1);
    };
    a_later_status_is_kept(&store, set).await;
}
