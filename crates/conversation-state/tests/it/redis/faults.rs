//! Connections that are cut, answers that are lost, a server that ends, memory that is full.

use std::time::Duration;

use crate::servers::redis::Redis;
use crate::servers::tcp::TcpProxy;
use conversation_state::*;
use conversation_types::Role;

use super::harness::{RedisHarness, server};
use crate::service_faults::{
    keep_an_unclear_write_unclear, keep_what_was_acknowledged, keep_writes_through_cuts,
};
use crate::services::{
    a_later_status_is_kept, assert_refused, create, history, is_wanted,
    list_around_a_damaged_record, turn,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_lose_nothing() {
    if !is_wanted("cut connections to Redis") {
        return;
    }
    let server = server().await;
    let proxy = TcpProxy::start(server.address()).await;
    let harness = RedisHarness::new().await;
    let store = harness.store_at(&server.url_at(proxy.address())).await;
    let fault = |round: usize, text: &str| {
        match round % 3 {
            0 => proxy.cut(),
            // Before the server has seen the write, and after it.
            1 => proxy.cut_at(text.as_bytes()),
            _ => proxy.lose_answer_to(text.as_bytes(), b":1\r\n"),
        }
        round % 3 == 2
    };
    keep_writes_through_cuts(&store, &proxy, server.password(), 9, fault).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_greeting_after_a_lost_answer_leaves_the_write_unclear() {
    if !is_wanted("refused greetings of Redis") {
        return;
    }
    let server = server().await;
    let proxy = TcpProxy::start(server.address()).await;
    let harness = RedisHarness::new().await;
    let store = harness.store_at(&server.url_at(proxy.address())).await;
    // As a proxy whose server is away.
    let greeting = b"-ERR no backend\r\n-ERR no backend\r\n";
    let says = "the server refused the login";
    let fault = |text: &str| {
        // Whatever connection a repetition takes, it is a new one.
        proxy.lose_answer_to(text.as_bytes(), b":1\r\n");
    };
    keep_an_unclear_write_unclear(&store, &proxy, greeting, says, fault).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_follow_a_failover() {
    if !is_wanted("a failover of Redis") {
        return;
    }
    let settings = |password| ["--appendonly", "yes", "--masterauth", password];
    let old = Redis::start_with(&settings("hush-hush-redis")).await;
    let new = Redis::start_with(&settings(old.password())).await;
    let proxy = TcpProxy::start(old.address()).await;
    let harness = RedisHarness::at(old.url_at(proxy.address()));
    let store = harness.store().await;
    let record = create(&store, "a").await;
    let (old_one, new_one) = (RedisHarness::at(old.url()), RedisHarness::at(new.url()));
    replicate(&new_one, "127.0.0.1", &old.address().port().to_string()).await;
    let mut info = ::redis::cmd("INFO");
    info.arg("replication");
    while !new_one
        .send::<String>(&info)
        .await
        .contains("master_link_status:up")
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    replicate(&new_one, "NO", "ONE").await;
    replicate(&old_one, "127.0.0.1", &new.address().port().to_string()).await;
    // Connections that are there lead to the old master still.
    proxy.lead_to(new.address());
    store.apply(turn(&record, "t", "text")).await.unwrap();
    assert_eq!(history(&store, "a").await, ["text"]);
}

async fn replicate(server: &RedisHarness, host: &str, port: &str) {
    let mut replicate = ::redis::cmd("REPLICAOF");
    replicate.arg(host).arg(port);
    server.send::<()>(&replicate).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_keeps_what_was_acknowledged() {
    if !is_wanted("kills of Redis") {
        return;
    }
    let mut server = Redis::start().await;
    let harness = RedisHarness::at(server.url());
    let store = harness.store().await;
    assert_eq!(store.durability(), Durability::Disk);
    let texts = keep_what_was_acknowledged(&mut server, &store).await;
    assert_eq!(history(&harness.store().await, "a").await, texts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_memory_refuses_writes_whole() {
    if !is_wanted("maxmemory of Redis") {
        return;
    }
    let settings = [
        "--appendonly",
        "yes",
        "--appendfsync",
        "no",
        "--maxmemory",
        "24mb",
    ];
    let server = Redis::start_with(&settings).await;
    let harness = RedisHarness::at(server.url());
    let store = harness.store().await;
    let mut record = create(&store, "a").await;
    let text = "x".repeat(2 << 20);
    let mut stored = 0;
    let refused = loop {
        let write = turn(&record, &format!("t{stored}"), &text);
        match store.apply(write).await {
            Ok(applied) => {
                record = applied.record;
                stored += 1;
            }
            Err(error) => break error,
        }
        assert!(stored < 24, "the memory is never full");
    };
    assert!(stored > 0);
    let says = "the server has reached its maxmemory and takes no more";
    let refused: Result<(), _> = Err(refused);
    assert_refused(
        refused,
        StateErrorKind::DiskSpace,
        says,
        &["xxxx", server.password()],
    );
    // What was refused left nothing, what is there can be read, and deleting makes room.
    assert_eq!(history(&store, "a").await.len(), stored);
    store
        .tombstone(&record.id, Duration::from_secs(60))
        .await
        .unwrap();
    store.purge(&record.id).await.unwrap();
    create(&store, "b").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_that_wait_too_long_say_so() {
    if !is_wanted("waiting for Redis") {
        return;
    }
    let harness = RedisHarness::new().await;
    let options = harness.options().with_timeout(Duration::from_secs(1));
    let store = RedisStateStore::open_with(&harness.url, options)
        .await
        .unwrap();
    let record = create(&store, "a").await;
    let mut pause = ::redis::cmd("CLIENT");
    pause.arg("PAUSE").arg(60_000).arg("WRITE");
    harness.send::<()>(&pause).await;
    let write = turn(&record, "t", "some words");
    let refused = store.apply(write.clone()).await;
    let says = "the server did not answer in time";
    assert_refused(refused, StateErrorKind::Unavailable, says, &["some words"]);
    let mut go_on = ::redis::cmd("CLIENT");
    go_on.arg("UNPAUSE");
    harness.send::<()>(&go_on).await;
    // Whatever has become of it, it is there once.
    store.apply(write.clone()).await.unwrap();
    assert!(store.apply(write).await.unwrap().replayed);
    assert_eq!(history(&store, "a").await, ["some words"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_on_many_connections_take_turns() {
    if !is_wanted("many writers on Redis") {
        return;
    }
    let harness = RedisHarness::new().await;
    let (one, other) = (harness.store().await, harness.store().await);
    create(&one, "a").await;
    let write = |store: RedisStateStore, writer: usize| async move {
        for n in 0..10 {
            let text = format!("{writer}-{n}");
            loop {
                let loaded = store
                    .load(&"a".parse().unwrap(), Window::MetadataOnly.into())
                    .await;
                let record = loaded.unwrap().unwrap().record;
                match store.apply(turn(&record, &text, &text)).await {
                    Ok(_) => break,
                    Err(error) => assert_eq!(error.kind(), StateErrorKind::Conflict, "{error:?}"),
                }
            }
        }
    };
    let stores = [&one, &other, &one, &other].into_iter().enumerate();
    let writers: Vec<_> = stores
        .map(|(n, store)| tokio::spawn(write(store.clone(), n)))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut texts = history(&one, "a").await;
    texts.sort();
    let expected: Vec<String> = (0..4)
        .flat_map(|writer| (0..10).map(move |n| format!("{writer}-{n}")))
        .collect();
    assert_eq!(texts, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_somebody_edited_harm_nothing_but_themselves() {
    if !is_wanted("damaged values of Redis") {
        return;
    }
    let harness = RedisHarness::new().await;
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
    let set = |key: &str, field: &str, value: &str| {
        let mut command = ::redis::cmd("HSET");
        command.arg(harness.key("a", key)).arg(field).arg(value);
        command
    };
    harness
        .send::<i64>(&set("messages", "m:0:0", "{\"role\":\"us"))
        .await;
    let loaded = store
        .load(&known[0].id, Window::All.into())
        .await
        .unwrap()
        .unwrap();
    let message = &loaded.messages[0].message;
    assert_eq!(message.role, Role::Unknown);
    assert!(message.unreadable_reason().is_some());
    let next = store
        .apply(turn(&known[0], "u", "next"))
        .await
        .unwrap()
        .record;
    assert_eq!(history(&store, "a").await[1], "next");
    harness
        .send::<i64>(&set("turns", "s:0", "nothing of ours"))
        .await;
    let refused = store.apply(turn(&next, "t", "more words")).await;
    assert_refused(
        refused,
        StateErrorKind::Corrupted,
        "a slot cannot be read",
        &["more words"],
    );
    harness.send::<i64>(&set("record", "json", "{")).await;
    let says = "the record of conversation `a`";
    let read = store.load(&next.id, Window::All.into()).await;
    assert_refused(read, StateErrorKind::Corrupted, says, &[]);
    let refused = store.apply(turn(&next, "v", "more words")).await;
    assert_refused(refused, StateErrorKind::Corrupted, says, &["more words"]);
    let mut command = ::redis::cmd("SET");
    command.arg(harness.key("a", "record")).arg("text");
    harness.send::<()>(&command).await;
    let read = store.load(&next.id, Window::All.into()).await;
    assert_refused(
        read,
        StateErrorKind::Corrupted,
        "a value of another type",
        &[],
    );
    assert_eq!(history(&store, "b").await, ["text"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_cannot_be_read_fails_no_list() {
    if !is_wanted("damaged records of Redis") {
        return;
    }
    let harness = RedisHarness::new().await;
    let store = harness.store().await;
    let damage = async {
        let mut command = ::redis::cmd("HSET");
        command.arg(harness.key("a", "record")).arg("json").arg("{");
        harness.send::<i64>(&command).await;
    };
    list_around_a_damaged_record(&store, damage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_of_a_later_version_is_left_alone() {
    if !is_wanted("later statuses of Redis") {
        return;
    }
    let harness = RedisHarness::new().await;
    let store = harness.store().await;
    let set = async {
        let key = harness.key("a", "record");
        let mut get = ::redis::cmd("HGET");
        get.arg(&key).arg("json");
        let json: String = harness.send(&get).await;
        let mut command = ::redis::cmd("HSET");
        let json = json.replace("\"active\"", "\"resting\"");
        command.arg(&key).arg("json").arg(json);
        harness.send::<i64>(&command).await;
    };
    a_later_status_is_kept(&store, set).await;
}
