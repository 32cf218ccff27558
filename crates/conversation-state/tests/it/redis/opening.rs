//! Opening: what a server promises, and where it is refused; expiry.

use std::time::Duration;

use crate::servers::redis::Redis;
use conversation_state::*;

use super::harness::{RedisHarness, server};
use crate::services::{assert_refused, create, history, is_wanted, turn};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_opened_says_why_in_one_sentence() {
    if !is_wanted("refusals of Redis") {
        return;
    }
    let server = server().await;
    let harness = RedisHarness::new().await;
    let (address, password) = (server.address(), server.password());
    let secrets = ["wrong-secret", password];
    use StateErrorKind as Kind;
    for (url, kind, says) in [
        (
            format!("redis://:wrong-secret@{address}"),
            Kind::Permission,
            "the server refused the user or the password",
        ),
        (
            format!("redis://{address}"),
            Kind::Permission,
            "the server refused the user or the password",
        ),
        (
            format!("redis://:{password}@{address}/99"),
            Kind::InvalidInput,
            "the server refused the login or the number of the database",
        ),
        (
            format!("http://:{password}@{address}"),
            Kind::InvalidInput,
            "the URL is not one of Redis",
        ),
        (
            "redis://:wrong-secret@127.0.0.1:1".to_owned(),
            Kind::Unavailable,
            "the server cannot be reached",
        ),
    ] {
        let outcome = RedisStateStore::open_with(&url, harness.options()).await;
        assert_refused(outcome, kind, says, &secrets);
    }
    // A server without TLS says nothing to a client that wants it.
    let url = format!("rediss://:{password}@{address}");
    let options = harness.options().with_timeout(Duration::from_millis(500));
    let outcome = RedisStateStore::open_with(&url, options).await;
    let says = "it may offer no TLS";
    assert_refused(outcome, Kind::Unavailable, says, &secrets);
    // Nothing is made where that is not asked for.
    let existing = || harness.options().with_create(false);
    let outcome = RedisStateStore::open_with(&harness.url, existing()).await;
    let says = "it holds no conversations";
    assert_refused(outcome, Kind::InvalidInput, says, &secrets);
    let store = harness.store().await;
    assert!(!format!("{store:?} {:?}", harness.options()).contains(password));
    let again = RedisStateStore::open_with(&harness.url, existing()).await;
    let (again, store) = (again.unwrap().info().await, store.info().await);
    assert_eq!(again.unwrap(), store.unwrap());
    // The form of the keys may become newer, and is then left alone.
    let mut command = ::redis::cmd("HSET");
    command
        .arg(format!("{}:store", harness.prefix))
        .arg("version")
        .arg(99);
    harness.send::<i64>(&command).await;
    let outcome = RedisStateStore::open_with(&harness.url, harness.options()).await;
    let says = "version 99 of the keys, this build supports up to 1";
    assert_refused(outcome, Kind::TooNew, says, &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_tls_has_to_be_the_right_one() {
    if !is_wanted("TLS of Redis") {
        return;
    }
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let files = tempfile::tempdir().unwrap();
    let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let server = Redis::start_with(&[
        "--appendonly",
        "yes",
        "--tls-port",
        &port,
        "--tls-auth-clients",
        "no",
        "--tls-cert-file",
        certificate.to_str().unwrap(),
        "--tls-key-file",
        key.to_str().unwrap(),
    ])
    .await;
    let password = server.password();
    let harness = RedisHarness::at(format!("rediss://:{password}@127.0.0.1:{port}"));
    let outcome = RedisStateStore::open_with(&harness.url, harness.options()).await;
    let says = "the TLS handshake with the server failed";
    assert_refused(outcome, StateErrorKind::InvalidInput, says, &[password]);
    let options = harness
        .options()
        .with_root_certificates(certified.cert.pem());
    let store = RedisStateStore::open_with(&harness.url, options)
        .await
        .unwrap();
    let record = create(&store, "a").await;
    store.apply(turn(&record, "t", "text")).await.unwrap();
    assert_eq!(history(&store, "a").await, ["text"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_persistence_has_to_be_accepted() {
    if !is_wanted("Redis without persistence") {
        return;
    }
    let server = Redis::start_with(&["--appendonly", "no"]).await;
    let harness = RedisHarness::at(server.url());
    let open = |options| RedisStateStore::open_with(&harness.url, options);
    let outcome = open(harness.options()).await;
    let kind = StateErrorKind::InvalidInput;
    assert_refused(
        outcome,
        kind,
        "the server keeps no append-only file",
        &[server.password()],
    );
    let store = open(harness.options().with_volatile(true)).await.unwrap();
    assert_eq!(store.durability(), Durability::Process);
    create(&store, "a").await;
    let config = |name: &str, value: &str| {
        let mut command = ::redis::cmd("CONFIG");
        command.arg("SET").arg(name).arg(value);
        command
    };
    harness.send::<()>(&config("appendonly", "yes")).await;
    harness
        .send::<()>(&config("maxmemory-policy", "allkeys-lru"))
        .await;
    assert_refused(
        open(harness.options()).await,
        kind,
        "in place of `allkeys-lru`",
        &[],
    );
    harness
        .send::<()>(&config("maxmemory-policy", "noeviction"))
        .await;
    for (sync, durability) in [
        ("always", Durability::Disk),
        ("everysec", Durability::Delayed(Duration::from_secs(2))),
        ("no", Durability::Delayed(Duration::MAX)),
    ] {
        harness.send::<()>(&config("appendfsync", sync)).await;
        let store = open(harness.options()).await.unwrap();
        assert_eq!(store.durability(), durability, "{sync}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_more_clients_says_so() {
    if !is_wanted("maxclients of Redis") {
        return;
    }
    let settings = ["--appendonly", "yes", "--maxclients", "1"];
    let server = Redis::start_with(&settings).await;
    let harness = RedisHarness::at(server.url());
    let options = || harness.options().with_connections(1);
    let open = || RedisStateStore::open_with(&harness.url, options());
    let store = open().await.unwrap();
    let record = create(&store, "a").await;
    let says = "it may have as many clients as it takes";
    let outcome = open().await;
    assert_refused(
        outcome,
        StateErrorKind::Unavailable,
        says,
        &[server.password()],
    );
    store.apply(turn(&record, "t", "text")).await.unwrap();
    assert_eq!(history(&store, "a").await, ["text"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_read_and_not_written() {
    if !is_wanted("replicas of Redis") {
        return;
    }
    let server = Redis::start().await;
    let harness = RedisHarness::at(server.url());
    let store = harness.store().await;
    let record = create(&store, "a").await;
    let record = store
        .apply(turn(&record, "t", "text"))
        .await
        .unwrap()
        .record;
    // Its master is never reached.
    let mut replicate = ::redis::cmd("REPLICAOF");
    replicate.arg("127.0.0.1").arg(1);
    harness.send::<()>(&replicate).await;
    assert_eq!(history(&store, "a").await, ["text"]);
    let refused = store.apply(turn(&record, "u", "more words")).await;
    let says = "the server is a replica that is read-only";
    assert_refused(refused, StateErrorKind::Permission, says, &["more words"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_is_ten_keys_that_expire_together() {
    if !is_wanted("expiry of Redis") {
        return;
    }
    let harness = RedisHarness::new().await;
    let hour = Duration::from_secs(3600);
    let options = harness.options().with_time_to_live(hour);
    let store = RedisStateStore::open_with(&harness.url, options)
        .await
        .unwrap();
    let record = create(&store, "a").await;
    let mut record = store
        .apply(turn(&record, "t", &"x".repeat(2 << 20)))
        .await
        .unwrap()
        .record;
    for n in 0..20 {
        record = store
            .apply(turn(&record, &format!("t{n}"), "text"))
            .await
            .unwrap()
            .record;
    }
    let own = harness.key("a", "");
    let keys = harness.keys().await;
    let keys: Vec<_> = keys.iter().filter(|key| key.starts_with(&own)).collect();
    assert!((7..=10).contains(&keys.len()), "{keys:?}");
    for key in &keys {
        let mut command = ::redis::cmd("PTTL");
        command.arg(key);
        let left: i64 = harness.send(&command).await;
        assert!(left > 3_500_000 && left <= 3_600_000, "{key}: {left}");
    }
    // All of them at once, as the server does it.
    for key in &keys {
        let mut command = ::redis::cmd("PEXPIRE");
        command.arg(key).arg(0);
        harness.send::<i64>(&command).await;
    }
    assert!(
        store
            .load(&record.id, Window::All.into())
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .list(&ConversationFilter::new())
            .await
            .unwrap()
            .records
            .is_empty()
    );
    let refused = store.apply(turn(&record, "late", "text")).await;
    assert_refused(refused, StateErrorKind::NotFound, "", &[]);
}
