//! Readers and writers beside each other.

use std::time::Duration;

use conversation_state::*;
use conversation_types::Message;
use rusqlite::Connection;

use super::harness::SqliteHarness;

fn append(record: &ConversationRecord, text: &str) -> StateWrite {
    let fence = Fence::Head {
        head: record.head,
        turn: None,
    };
    StateWrite::new(record, fence).with_append([Message::user(text)])
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer_that_holds_the_file() {
    let harness = SqliteHarness::new();
    let options = SqliteOptions::new().with_busy_timeout(Duration::from_millis(50));
    let store = SqliteStateStore::open_with(harness.path(), options)
        .await
        .unwrap();
    let record = ConversationRecord::new("a".parse().unwrap());
    let known = store
        .create(NewConversation::new(record))
        .await
        .unwrap()
        .into_record();
    let raw = Connection::open(harness.path()).unwrap();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Everything that reads goes on.
    assert!(
        store
            .load(&known.id, Window::All.into())
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        store
            .list(&ConversationFilter::new())
            .await
            .unwrap()
            .records
            .len(),
        1
    );
    assert!(store.info().await.is_ok());
    // What writes fails as something that can be repeated, and works again.
    let write = append(&known, "x");
    let error = store.apply(write.clone()).await.unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Unavailable);
    assert!(error.is_retryable() && !error.is_definite());
    raw.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.apply(write).await.unwrap().version, 2);
}

#[tokio::test]
async fn a_reader_that_takes_its_time_holds_up_nobody() {
    let harness = SqliteHarness::new();
    let options = SqliteOptions::new().with_busy_timeout(Duration::from_millis(50));
    let store = SqliteStateStore::open_with(harness.path(), options)
        .await
        .unwrap();
    let mut known = Vec::new();
    for name in ["a", "b"] {
        let record = ConversationRecord::new(name.parse().unwrap());
        let record = store
            .create(NewConversation::new(record))
            .await
            .unwrap()
            .into_record();
        known.push(store.apply(append(&record, "x")).await.unwrap().record);
    }
    // A slow load of another process, in the middle of its transaction.
    let raw = Connection::open(harness.path()).unwrap();
    raw.execute_batch("BEGIN").unwrap();
    let count = || -> i64 {
        raw.query_row("SELECT count(*) FROM messages", [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(count(), 2);
    let mut record = known[0].clone();
    for n in 0..20 {
        record = store
            .apply(append(&record, &n.to_string()))
            .await
            .unwrap()
            .record;
    }
    let loaded = store
        .load(&record.id, Window::All.into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(loaded.messages.len(), 21);
    // Deleting waits for it neither.
    store.tombstone(&known[1].id, Duration::ZERO).await.unwrap();
    store.purge(&known[1].id).await.unwrap();
    assert!(
        store
            .load(&known[1].id, Window::All.into())
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(count(), 2, "the reader sees what it saw");
    raw.execute_batch("COMMIT").unwrap();
    assert_eq!(count(), 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn more_loads_than_connections_take_turns() {
    let harness = SqliteHarness::new();
    let options = SqliteOptions::new().with_max_readers(2);
    let store = SqliteStateStore::open_with(harness.path(), options)
        .await
        .unwrap();
    let record = ConversationRecord::new("a".parse().unwrap());
    let known = store
        .create(NewConversation::new(record))
        .await
        .unwrap()
        .into_record();
    store
        .apply(append(&known, &"x".repeat(1 << 20)))
        .await
        .unwrap();
    let loads: Vec<_> = (0..40)
        .map(|_| {
            let (store, id) = (store.clone(), known.id.clone());
            tokio::spawn(async move { store.load(&id, Window::All.into()).await.unwrap().unwrap() })
        })
        .collect();
    for load in loads {
        assert_eq!(load.await.unwrap().messages.len(), 1);
    }
}

#[tokio::test]
async fn others_write_while_a_long_conversation_is_purged() {
    let harness = SqliteHarness::new();
    let store = harness.store().await;
    let create = |id: &str| NewConversation::new(ConversationRecord::new(id.parse().unwrap()));
    let mut long = store.create(create("long")).await.unwrap().into_record();
    let mut other = store.create(create("other")).await.unwrap().into_record();
    let text = "x".repeat(2 << 20);
    for _ in 0..12 {
        long = store.apply(append(&long, &text)).await.unwrap().record;
    }
    let mut purged = store.purge(&long.id);
    let mut writes = 0;
    loop {
        tokio::select! {
            biased;
            done = &mut purged => break done.unwrap(),
            applied = store.apply(append(&other, "y")) => {
                other = applied.unwrap().record;
                writes += 1;
            }
        }
    }
    assert!(writes >= 6, "{writes} writes came in between");
    let left = store.load(&long.id, Window::All.into()).await.unwrap();
    assert!(left.is_none());
}
