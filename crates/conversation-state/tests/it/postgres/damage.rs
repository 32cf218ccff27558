//! Rows that somebody edited.

use conversation_state::*;
use conversation_types::{Message, Role};

use super::harness::PostgresHarness;
use crate::services::{
    a_later_status_is_kept, assert_refused, create, history, is_wanted,
    list_around_a_damaged_record, turn,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_rows_harm_nothing_but_themselves() {
    if !is_wanted("damaged rows of PostgreSQL") {
        return;
    }
    let harness = PostgresHarness::new().await;
    let store = harness.store().await;
    let mut known = Vec::new();
    for name in ["a", "b"] {
        let record = create(&store, name).await;
        known.push(
            store
                .apply(turn(&record, "t", "text"))
                .await
                .unwrap()
                .record,
        );
    }
    let of_a = "conversation = (SELECT key FROM conversations WHERE id = 'a')";
    harness
        .sql(&format!(
            "UPDATE messages SET message = '{{\"role\":\"us' WHERE {of_a}"
        ))
        .await;
    harness
        .sql(&format!("UPDATE slots SET turn = '{{' WHERE {of_a}"))
        .await;
    let loaded = store
        .load(&known[0].id, Window::All.into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((loaded.messages.len(), loaded.turns.len()), (1, 0));
    let message = &loaded.messages[0].message;
    assert_eq!(message.role, Role::Unknown);
    assert!(message.unreadable_reason().is_some());
    // The conversation goes on, and what is damaged stays as it is.
    let fence = Fence::Head {
        head: known[0].head,
        turn: None,
    };
    let write = StateWrite::new(&known[0], fence)
        .with_replace([message.clone()])
        .with_append([Message::user("next")]);
    store.apply(write).await.unwrap();
    let kept = format!("SELECT message FROM messages WHERE {of_a} AND position = 0");
    assert_eq!(harness.sql(&kept).await, ["{\"role\":\"us"]);
    assert_eq!(history(&store, "b").await, ["text"]);
    // A turn that a write names says so; the write has not happened.
    let record = store
        .load(&known[0].id, Window::MetadataOnly.into())
        .await
        .unwrap()
        .unwrap()
        .record;
    let refused = store.apply(turn(&record, "t", "more")).await;
    assert_refused(
        refused,
        StateErrorKind::Corrupted,
        "turn t cannot be read",
        &["more"],
    );
    // A record that is damaged says so.
    harness
        .sql("UPDATE conversations SET record = '{' WHERE id = 'a'")
        .await;
    let read = store.load(&known[0].id, Window::All.into()).await;
    assert_refused(
        read,
        StateErrorKind::Corrupted,
        "the record of conversation `a`",
        &[],
    );
    let write = store.apply(turn(&known[0], "u", "more")).await;
    assert_refused(
        write,
        StateErrorKind::Corrupted,
        "the record of conversation `a`",
        &["more"],
    );
    assert_eq!(history(&store, "b").await, ["text"]);
    // A table that somebody removed says so.
    harness.sql("DROP TABLE refs CASCADE").await;
    let write = store.purge(&known[1].id).await;
    let says = "not as this library made them";
    assert_refused(write, StateErrorKind::Corrupted, says, &[]);
    assert_eq!(history(&store, "b").await, ["text"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_cannot_be_read_fails_no_list_and_can_be_purged() {
    if !is_wanted("damaged records of PostgreSQL") {
        return;
    }
    let harness = PostgresHarness::new().await;
    let store = harness.store().await;
    let damage = async {
        harness
            .sql("UPDATE conversations SET record = '{' WHERE id = 'a'")
            .await;
    };
    list_around_a_damaged_record(&store, damage).await;
    store.purge(&"a".parse().unwrap()).await.unwrap();
    let all = store.list(&ConversationFilter::new()).await.unwrap();
    assert_eq!((all.records.len(), all.unreadable.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_of_a_later_version_is_left_alone() {
    if !is_wanted("later statuses of PostgreSQL") {
        return;
    }
    let harness = PostgresHarness::new().await;
    let store = harness.store().await;
    let set = "UPDATE conversations SET status = 'resting', \
        record = replace(record, '\"active\"', '\"resting\"')";
    a_later_status_is_kept(&store, async { drop(harness.sql(set).await) }).await;
}
