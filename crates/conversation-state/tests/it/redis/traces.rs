//! What is left of conversations that are gone.

use std::time::Duration;

use conversation_state::conformance::Harness as _;
use conversation_state::*;
use conversation_types::Message;
use media_types::{MediaContent, Mime, StorageReference};

use super::harness::RedisHarness;
use crate::services::{is_wanted, list_around_a_damaged_record};

/// A record that every kind of index names.
fn indexed(id: &str) -> ConversationRecord {
    ConversationRecord::new(id.parse().unwrap())
        .with_user(Some("user".parse().unwrap()))
        .with_session(Some("session".parse().unwrap()))
        .with_tags(["tag"])
}

/// Creates a conversation whose message names media.
async fn with_media(store: &dyn StateStore, new: NewConversation) -> ConversationRecord {
    let record = store.create(new).await.unwrap().into_record();
    let image = MediaContent::from_reference(Mime::IMAGE_PNG, reference());
    let fence = Fence::Head {
        head: record.head,
        turn: None,
    };
    let write =
        StateWrite::new(&record, fence).with_append([Message::assistant(vec![image.into()])]);
    store.apply(write).await.unwrap().record
}

fn reference() -> StorageReference {
    let builder = StorageReference::builder("file", "a/b.png");
    builder.build().unwrap()
}

/// The keys of a store beside those that it always has.
async fn left(harness: &RedisHarness) -> Vec<String> {
    let mut left = harness.keys().await;
    left.retain(|key| !key.ends_with(":store") && !key.ends_with(":changes"));
    left.sort();
    left
}

/// The key of the indexes that name a conversation.
fn index_names(harness: &RedisHarness, id: &str) -> String {
    format!("{}:{{index}}:names:{id}", harness.prefix)
}

fn of_user() -> ConversationFilter {
    ConversationFilter::new().with_user("user".parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_leaves_its_tombstone_alone() {
    if !is_wanted("purges of Redis") {
        return;
    }
    let harness = RedisHarness::new().await;
    let store = harness.store().await;
    let new = NewConversation::new(indexed("a")).with_key(Some("key".to_owned()));
    let record = with_media(&store, new).await;
    store
        .tombstone(&record.id, Duration::from_secs(60))
        .await
        .unwrap();
    store.purge(&record.id).await.unwrap();
    assert_eq!(left(&harness).await, [harness.key("a", "tombstone")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_leaves_the_indexes_of_all_tags_that_a_conversation_had() {
    if !is_wanted("tags of Redis that change") {
        return;
    }
    let harness = RedisHarness::new().await;
    let store = harness.store().await;
    let created = store.create(NewConversation::new(indexed("a"))).await;
    let mut record = created.unwrap().into_record();
    let mut expected = vec!["session:session".to_owned(), "tag:tag".to_owned()];
    for n in 0..20 {
        let fence = Fence::Head {
            head: record.head,
            turn: None,
        };
        let update = RecordUpdate::new().with_tags([format!("tag {n}"), "tag".to_owned()]);
        let write = StateWrite::new(&record, fence).with_record(update);
        record = store.apply(write).await.unwrap().record;
        expected.push(format!("tag:tag%20{n}"));
    }
    expected.push("user:user".to_owned());
    expected.sort();
    // Each has a place of its own: a write reads none of the others.
    let mut command = ::redis::cmd("SMEMBERS");
    command.arg(index_names(&harness, "a"));
    let mut names: Vec<String> = harness.send(&command).await;
    names.sort();
    assert_eq!(names, expected);
    store.purge(&record.id).await.unwrap();
    assert_eq!(left(&harness).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_expired_leaves_every_index() {
    if !is_wanted("indexes of what expires in Redis") {
        return;
    }
    let harness = RedisHarness::new().await;
    let options = harness
        .options()
        .with_time_to_live(Duration::from_secs(3600));
    let store = RedisStateStore::open_with(&harness.url, options);
    let store = store.await.unwrap();
    with_media(&store, NewConversation::new(indexed("a"))).await;
    with_media(&store, NewConversation::new(indexed("b"))).await;
    let own = harness.key("a", "");
    let keys = left(&harness).await;
    for key in keys.iter().filter(|key| key.starts_with(&own)) {
        let mut command = ::redis::cmd("PEXPIRE");
        command.arg(key).arg(0);
        harness.send::<i64>(&command).await;
    }
    // A creation may be about to write the record.
    let before = left(&harness).await;
    assert_eq!(store.list(&of_user()).await.unwrap().records.len(), 1);
    assert_eq!(left(&harness).await, before);

    harness.advance(Duration::from_secs(2 * 3600)).await;
    assert_eq!(store.list(&of_user()).await.unwrap().records.len(), 1);
    let key = ReferenceKey::from(&reference());
    assert_eq!(store.references(&[key]).await.unwrap(), [true]);
    // What is left is the other one's.
    let members = async |key: &String| -> Vec<String> {
        let mut command = ::redis::cmd("TYPE");
        command.arg(key);
        let read = match harness.send::<String>(&command).await.as_str() {
            "zset" => ["ZRANGE", "0", "-1"].as_slice(),
            "set" => &["SMEMBERS"],
            _ => &["HKEYS"],
        };
        let mut command = ::redis::cmd(read[0]);
        command.arg(key).arg(&read[1..]);
        harness.send(&command).await
    };
    let other = harness.key("b", "");
    let mut indexes = left(&harness).await;
    indexes.retain(|key| !key.starts_with(&other));
    assert_eq!(indexes.len(), 10, "{indexes:?}");
    let of_other = index_names(&harness, "b");
    assert!(indexes.contains(&of_other), "{indexes:?}");
    indexes.retain(|key| *key != of_other);
    for key in &indexes {
        let members = members(key).await;
        assert!(
            members.len() == 1 && members[0].ends_with('b'),
            "{key}: {members:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_cannot_be_read_is_purged_with_all_its_traces() {
    if !is_wanted("purges of damaged records of Redis") {
        return;
    }
    let harness = RedisHarness::new().await;
    let store = harness.store().await;
    let damage = async {
        with_media(&store, NewConversation::new(indexed("c"))).await;
        let mut command = ::redis::cmd("HSET");
        command.arg(harness.key("c", "record")).arg("json").arg("{");
        harness.send::<i64>(&command).await;
        store.purge(&"c".parse().unwrap()).await.unwrap();
        let mut command = ::redis::cmd("HSET");
        command.arg(harness.key("a", "record")).arg("json").arg("{");
        harness.send::<i64>(&command).await;
    };
    list_around_a_damaged_record(&store, damage).await;
    for id in ["a", "b"] {
        store.purge(&id.parse().unwrap()).await.unwrap();
    }
    assert_eq!(left(&harness).await, Vec::<String>::new());
}
