//! Connections that are cut, answers that are lost, a server that ends, a pool that is exhausted.

use std::time::Duration;

use crate::servers::postgres::Postgres;
use crate::servers::tcp::TcpProxy;
use conversation_state::*;

use super::harness::{PostgresHarness, server};
use crate::service_faults::{
    keep_an_unclear_write_unclear, keep_what_was_acknowledged, keep_writes_through_cuts,
};
use crate::services::{assert_refused, create, history, is_wanted, turn};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_lose_nothing() {
    if !is_wanted("cut connections to PostgreSQL") {
        return;
    }
    let server = server().await;
    let proxy = TcpProxy::start(server.address()).await;
    let harness = PostgresHarness::new().await;
    let store = harness.store_at(&server.url_at(proxy.address())).await;
    let fault = |round: usize, _: &str| {
        match round % 4 {
            // Idle connections: nobody notices.
            0 => proxy.cut(),
            // Before the server has seen the look-up, before it has seen the commit, and after it.
            1 => proxy.cut_at(b"FOR UPDATE"),
            2 => proxy.cut_at(b"COMMIT\0"),
            _ => proxy.lose_answer_to(b"COMMIT\0", b"COMMIT\0"),
        }
        round % 4 == 3
    };
    keep_writes_through_cuts(&store, &proxy, server.password(), 12, fault).await;
    // Creations are known by their ids as well.
    proxy.lose_answer_to(b"COMMIT\0", b"COMMIT\0");
    create(&store, "b").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_handshake_after_a_lost_answer_leaves_the_write_unclear() {
    if !is_wanted("failed handshakes of PostgreSQL") {
        return;
    }
    let server = server().await;
    let proxy = TcpProxy::start(server.address()).await;
    let harness = PostgresHarness::new().await;
    let store = harness.store_at(&server.url_at(proxy.address())).await;
    // `S`: go on with TLS.
    let greeting = b"SThis is not TLS.";
    let says = "the TLS handshake with the server failed";
    let fault = |_: &str| proxy.lose_answer_to(b"COMMIT\0", b"COMMIT\0");
    keep_an_unclear_write_unclear(&store, &proxy, greeting, says, fault).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_leave_connections_to_a_database_that_became_read_only() {
    if !is_wanted("a failover of PostgreSQL") {
        return;
    }
    let harness = PostgresHarness::new().await;
    let database = harness.schema.clone();
    harness.sql(&format!("CREATE DATABASE {database}")).await;
    let url = harness.url.replace("/postgres", &format!("/{database}"));
    let there = PostgresHarness::at(url);
    let record = create(&there.store().await, "a").await;
    // As of a standby: connections that are made in the meantime stay read-only.
    let read_only = format!("ALTER DATABASE {database} SET default_transaction_read_only = on");
    harness.sql(&read_only).await;
    let store = there.store().await;
    let read = || history(&store, "a");
    tokio::join!(read(), read(), read(), read());
    harness
        .sql(&format!("ALTER DATABASE {database} RESET ALL"))
        .await;
    store.apply(turn(&record, "t", "text")).await.unwrap();
    assert_eq!(history(&store, "a").await, ["text"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_keeps_what_was_acknowledged() {
    if !is_wanted("crashes of PostgreSQL") {
        return;
    }
    let mut server = Postgres::start().await;
    let harness = PostgresHarness::at(server.url());
    let store = harness.store().await;
    let texts = keep_what_was_acknowledged(&mut server, &store).await;
    assert_eq!(history(&harness.store().await, "a").await, texts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_that_wait_too_long_say_so() {
    if !is_wanted("waiting for PostgreSQL") {
        return;
    }
    let harness = PostgresHarness::new().await;
    harness.store().await;
    let options = harness
        .options()
        .with_max_connections(1)
        .with_acquire_timeout(Duration::from_secs(3))
        .with_operation_timeout(Duration::from_secs(8));
    let store = PostgresStateStore::open_with(&harness.url, options)
        .await
        .unwrap();
    let record = create(&store, "a").await;
    // Somebody else holds the conversation for longer than anybody waits.
    let (client, connection) = tokio_postgres::connect(&harness.url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let lock = format!(
        "BEGIN; SELECT 1 FROM {}.conversations FOR UPDATE",
        harness.schema
    );
    client.batch_execute(&lock).await.unwrap();
    let write = turn(&record, "t", "text");
    let (first, second) = tokio::join!(store.apply(write.clone()), store.apply(write.clone()));
    let (mut waited, mut crowded) = (0, 0);
    for outcome in [first, second] {
        let said = outcome
            .as_ref()
            .map_or_else(ToString::to_string, |_| String::new());
        waited += usize::from(said.contains("in time") || said.contains("within 8s"));
        crowded += usize::from(said.contains("no connection became free within 3s"));
        assert_refused(outcome, StateErrorKind::Unavailable, "", &["text"]);
    }
    assert_eq!((waited, crowded), (1, 1));
    client.batch_execute("COMMIT").await.unwrap();
    // Nothing of it stays: not the lock, not the write, not the connection.
    assert!(!store.apply(write).await.unwrap().replayed);
    assert_eq!(history(&store, "a").await, ["text"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_on_many_connections_take_turns() {
    if !is_wanted("many writers on PostgreSQL") {
        return;
    }
    let harness = PostgresHarness::new().await;
    let (one, other) = (harness.store().await, harness.store().await);
    create(&one, "a").await;
    let write = |store: PostgresStateStore, writer: usize| async move {
        let mut conflicts = 0;
        for n in 0..10 {
            loop {
                let loaded = store
                    .load(&"a".parse().unwrap(), Window::MetadataOnly.into())
                    .await;
                let record = loaded.unwrap().unwrap().record;
                let write = turn(&record, &format!("{writer}-{n}"), &format!("{writer}-{n}"));
                match store.apply(write).await {
                    Ok(_) => break,
                    Err(error) if error.kind() == StateErrorKind::Conflict => conflicts += 1,
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
        conflicts
    };
    let stores = [&one, &other, &one, &other];
    let writers = stores
        .into_iter()
        .enumerate()
        .map(|(n, store)| tokio::spawn(write(store.clone(), n)));
    let writers: Vec<_> = writers.collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut texts = history(&one, "a").await;
    texts.sort();
    let mut expected: Vec<String> = (0..4)
        .flat_map(|writer| (0..10).map(move |n| format!("{writer}-{n}")))
        .collect();
    expected.sort();
    assert_eq!(texts, expected);
}
