//! Opening: by many at once, and where it is refused.

use conversation_state::*;

use super::harness::{PostgresHarness, server};
use crate::services::{assert_refused, create, history, is_wanted, turn};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_open_a_new_schema_at_once() {
    if !is_wanted("opening PostgreSQL") {
        return;
    }
    for _ in 0..3 {
        let harness = std::sync::Arc::new(PostgresHarness::new().await);
        let openers = (0..8).map(|_| {
            let harness = std::sync::Arc::clone(&harness);
            tokio::spawn(async move { harness.store().await.info().await.unwrap() })
        });
        let openers: Vec<_> = openers.collect();
        let mut seen = Vec::new();
        for opener in openers {
            seen.push(opener.await.unwrap());
        }
        assert!(seen.iter().all(|info| *info == seen[0]));
        assert_eq!(seen[0].backend, "postgres");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_opened_says_why_in_one_sentence() {
    if !is_wanted("refusals of PostgreSQL") {
        return;
    }
    let server = server().await;
    let harness = PostgresHarness::new().await;
    let address = server.address();
    let password = server.password();
    let secrets = ["wrong-secret", password];
    use StateErrorKind as Kind;
    for (url, kind, says) in [
        (
            format!("postgres://test:wrong-secret@{address}/postgres"),
            Kind::Permission,
            "the server refused the user or the password",
        ),
        (
            format!("postgres://test@{address}/postgres"),
            Kind::Permission,
            "the server asks for a login that the URL does not give",
        ),
        (
            format!("{}?sslmode=require", server.url()),
            Kind::InvalidInput,
            "TLS is required, and the server does not offer it",
        ),
        (
            format!("{}?sslmode=verify-full", server.url()),
            Kind::InvalidInput,
            "TLS is required, and the server does not offer it",
        ),
        (
            format!("postgres://test:{password}@{address}/missing"),
            Kind::InvalidInput,
            "the database does not exist",
        ),
        (
            format!("postgres://test:wrong-secret?@{address}:x/"),
            Kind::InvalidInput,
            "the URL is not one of PostgreSQL",
        ),
        (
            "postgres://test:wrong-secret@127.0.0.1:1/postgres".to_owned(),
            Kind::Unavailable,
            "the server cannot be reached",
        ),
    ] {
        let outcome = PostgresStateStore::open_with(&url, harness.options()).await;
        assert_refused(outcome, kind, says, &secrets);
    }
    let schema = harness.options().with_schema("a\"; DROP SCHEMA public; --");
    let outcome = PostgresStateStore::open_with(&harness.url, schema).await;
    assert_refused(
        outcome,
        Kind::InvalidInput,
        "the name of the schema",
        &secrets,
    );
    // Nothing is made where that is not asked for.
    let existing = || harness.options().with_create(false);
    let outcome = PostgresStateStore::open_with(&harness.url, existing()).await;
    let says = "it holds no conversations";
    assert_refused(outcome, Kind::InvalidInput, says, &secrets);
    let store = harness.store().await;
    assert!(!format!("{store:?} {:?}", harness.options()).contains(password));
    let again = PostgresStateStore::open_with(&harness.url, existing()).await;
    assert_eq!(
        again.unwrap().info().await.unwrap(),
        store.info().await.unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_schema_is_left_alone() {
    if !is_wanted("later schemas of PostgreSQL") {
        return;
    }
    let harness = PostgresHarness::new().await;
    let store = harness.store().await;
    let record = create(&store, "a").await;
    harness
        .sql("UPDATE store SET version = 99; ALTER TABLE changes RENAME TO later")
        .await;
    let outcome = PostgresStateStore::open_with(&harness.url, harness.options()).await;
    let says = "schema version 99, this build supports up to 1";
    assert_refused(outcome, StateErrorKind::TooNew, says, &[]);
    let there = harness.sql("SELECT version FROM store").await;
    assert_eq!(there, ["99"]);
    // Whoever has it open is told, and writes nothing.
    let refused = store.apply(turn(&record, "t", "text")).await;
    assert_refused(
        refused,
        StateErrorKind::Corrupted,
        "not as this library made them",
        &["text"],
    );
    assert!(harness.sql("SELECT 1 FROM messages").await.is_empty());
    // Tables of somebody else are not touched either.
    let other = PostgresHarness::new().await;
    let make = format!(
        "CREATE SCHEMA {0}; CREATE TABLE {0}.messages (x int)",
        other.schema
    );
    harness.sql(&make).await;
    let outcome = PostgresStateStore::open_with(&other.url, other.options()).await;
    assert_refused(
        outcome,
        StateErrorKind::Corrupted,
        "tables of something else",
        &[],
    );
    let tables = format!(
        "SELECT relname FROM pg_class WHERE relnamespace = '{}'::regnamespace",
        other.schema
    );
    assert_eq!(harness.sql(&tables).await, ["messages"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_read_only_is_read() {
    if !is_wanted("a read-only PostgreSQL") {
        return;
    }
    let harness = PostgresHarness::new().await;
    let store = harness.store().await;
    let record = create(&store, "a").await;
    let record = store
        .apply(turn(&record, "t", "text"))
        .await
        .unwrap()
        .record;
    let read_only = format!(
        "{}?options=-c%20default_transaction_read_only%3Don",
        harness.url
    );
    let reader = harness.store_at(&read_only).await;
    assert_eq!(history(&reader, "a").await, ["text"]);
    assert_eq!(
        reader
            .list(&ConversationFilter::new())
            .await
            .unwrap()
            .records
            .len(),
        1
    );
    let kind = StateErrorKind::Permission;
    let says = "the database is read-only";
    assert_refused(
        reader.apply(turn(&record, "u", "more")).await,
        kind,
        says,
        &["more"],
    );
    let new = NewConversation::new(ConversationRecord::new("b".parse().unwrap()));
    assert_refused(reader.create(new).await, kind, says, &[]);
    let keep = std::time::Duration::from_secs(1);
    assert_refused(reader.tombstone(&record.id, keep).await, kind, says, &[]);
    assert_refused(reader.fence_user(b"hash", keep).await, kind, says, &[]);
    // A new schema cannot be made there.
    let new = PostgresHarness::at(read_only.clone());
    let outcome = PostgresStateStore::open_with(&read_only, new.options()).await;
    assert_refused(outcome, kind, says, &[]);
    assert_eq!(history(&store, "a").await, ["text"]);
}
