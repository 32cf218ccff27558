//! Values that somebody edited: what depends on them is refused whole, and nothing else is harmed.

use std::time::Duration;

use conversation_state::*;
use conversation_types::Message;
use media_types::{MediaContent, Mime, StorageReference};

use super::harness::RedisHarness;
use crate::services::{
    assert_refused, create, history, is_wanted, list_around_a_damaged_record, turn,
};

fn reference() -> StorageReference {
    let builder = StorageReference::builder("file", "a/b.png");
    builder.build().unwrap()
}

fn with_media() -> Message {
    let image = MediaContent::from_reference(Mime::IMAGE_PNG, reference());
    Message::assistant(vec![image.into()])
}

/// Sets a field of a hash of conversation `a`, and returns what it was.
async fn edit(harness: &RedisHarness, key: &str, field: &str, value: &str) -> String {
    let key = harness.key("a", key);
    let mut command = ::redis::cmd("HGET");
    command.arg(&key).arg(field);
    let was: String = harness.send(&command).await;
    let mut command = ::redis::cmd("HSET");
    command.arg(&key).arg(field).arg(value);
    harness.send::<i64>(&command).await;
    was
}

async fn rename(harness: &RedisHarness, from: &str, to: &str) {
    let mut command = ::redis::cmd("RENAME");
    command
        .arg(harness.key("a", from))
        .arg(harness.key("a", to));
    harness.send::<()>(&command).await;
}

async fn set(harness: &RedisHarness, id: &str, key: &str) {
    let mut command = ::redis::cmd("SET");
    command.arg(harness.key(id, key)).arg("text");
    harness.send::<()>(&command).await;
}

/// Everything that conversation `a` has, sorted.
async fn contents(harness: &RedisHarness) -> Vec<(String, Vec<String>)> {
    let own = harness.key("a", "");
    let mut keys = harness.keys().await;
    keys.retain(|key| key.starts_with(&own));
    keys.sort();
    let mut contents = Vec::new();
    for key in keys {
        let mut command = ::redis::cmd("TYPE");
        command.arg(&key);
        let words: &[&str] = match harness.send::<String>(&command).await.as_str() {
            "hash" => &["HGETALL"],
            "zset" => &["ZRANGE", "0", "-1", "WITHSCORES"],
            _ => &["MGET"],
        };
        let mut command = ::redis::cmd(words[0]);
        command.arg(&key).arg(&words[1..]);
        let mut values: Vec<String> = harness.send(&command).await;
        // A hash has no order.
        values.sort();
        contents.push((key, values));
    }
    contents
}

/// Makes conversation `a` of two turns, and writes that replace its first message and cut off its second.
async fn writes(store: &dyn StateStore) -> Vec<StateWrite> {
    let record = create(store, "a").await;
    let record = store.apply(turn(&record, "t", "one")).await.unwrap().record;
    let record = store.apply(turn(&record, "u", "two")).await.unwrap().record;
    let loaded = store.load(&record.id, Window::All.into()).await;
    let first = loaded.unwrap().unwrap().messages.swap_remove(0).message;
    let cut = |mode| {
        turn(&record, "v", "three").with_truncate(Truncation::new(Some(first.id.clone()), mode))
    };
    let replaced = Message::user("other").with_id(first.id.clone());
    vec![
        turn(&record, "v", "three").with_replace([replaced]),
        cut(TruncationMode::KeepAsBranch),
        cut(TruncationMode::Remove),
    ]
}

/// The number of a write of [`writes`], and the value that it reads: key, field, what it is edited to.
const READ: [(usize, &str, &str, &str); 9] = [
    (0, "messages", "h:0:0", "{"),
    (0, "messages", "h:0:0", r#"{"id":[1]}"#),
    (0, "messages", "h:0:0", r#"{"id":"m","chunks":1e15}"#),
    (1, "messages", "h:0:1", "{"),
    (1, "turns", "s:1", "nothing of ours"),
    (1, "turns", "s:1", "{\"branch\":1e999}\n"),
    (2, "messages", "h:0:1", r#"{"id":"m","refs":[[]]}"#),
    (2, "turns", "s:1", "5\n{}"),
    (2, "turns", "s:1", "{\"id\":{}}\n{}"),
];

/// The number of a write, and a key that it changes.
const CHANGED: [(usize, &str); 8] = [
    (0, "refs"),
    (0, "writes"),
    (0, "places"),
    (0, "window"),
    (1, "firsts"),
    (1, "places"),
    (2, "chunks"),
    (2, "window"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_depends_on_an_edited_value_is_applied_whole_or_not_at_all() {
    if !is_wanted("edited values of Redis that a write reads") {
        return;
    }
    for (number, key, field, value) in READ {
        let harness = RedisHarness::new().await;
        let store = harness.store().await;
        let write = writes(&store).await.swap_remove(number);
        let was = edit(&harness, key, field, value).await;
        refuse(&harness, &store, &write, &format!("{key} {field}: {value}")).await;
        edit(&harness, key, field, &was).await;
        assert!(!store.apply(write).await.unwrap().replayed);
        assert_eq!(history(&store, "a").await.last().unwrap(), "three");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_to_a_key_of_another_type_is_applied_whole_or_not_at_all() {
    if !is_wanted("keys of Redis of another type") {
        return;
    }
    for (number, key) in CHANGED {
        let harness = RedisHarness::new().await;
        let store = harness.store().await;
        let mut write = writes(&store).await.swap_remove(number);
        if key == "refs" {
            write = write.with_append([with_media()]);
        }
        // Not every conversation has every key.
        let mut command = ::redis::cmd("EXISTS");
        command.arg(harness.key("a", key));
        let is_there: bool = harness.send(&command).await;
        if is_there {
            rename(&harness, key, "aside").await;
        }
        set(&harness, "a", key).await;
        refuse(&harness, &store, &write, key).await;
        let mut command = ::redis::cmd("DEL");
        command.arg(harness.key("a", key));
        harness.send::<i64>(&command).await;
        if is_there {
            rename(&harness, "aside", key).await;
        }
        assert!(!store.apply(write).await.unwrap().replayed);
    }
}

/// Checks that a write is refused as damage, also when it is repeated, and changes nothing.
async fn refuse(harness: &RedisHarness, store: &dyn StateStore, write: &StateWrite, what: &str) {
    let before = contents(harness).await;
    for _ in 0..2 {
        let refused = store.apply(write.clone()).await;
        let kind = refused.as_ref().map_err(StateError::kind).err();
        assert_eq!(kind, Some(StateErrorKind::Corrupted), "{what}: {refused:?}");
        assert_refused(
            refused,
            StateErrorKind::Corrupted,
            "a key holds",
            &["three"],
        );
        assert_eq!(contents(harness).await, before, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_cannot_be_read_hides_no_other_message() {
    if !is_wanted("edited headers of Redis") {
        return;
    }
    for header in ["{", "5", r#"{"id":5,"chunks":"x"}"#, r#"{"chunks":1e15}"#] {
        let harness = RedisHarness::new().await;
        let store = harness.store().await;
        writes(&store).await;
        edit(&harness, "messages", "h:0:0", header).await;
        for window in [Window::All, Window::NewestTurns(2)] {
            let loaded = store.load(&"a".parse().unwrap(), window.into()).await;
            let loaded = loaded.unwrap().unwrap();
            let texts: Vec<String> = loaded
                .messages
                .iter()
                .map(|stored| stored.message.text())
                .collect();
            assert_eq!(texts, ["one", "two"], "{header}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_another_type_fails_no_list_and_is_purged() {
    if !is_wanted("records of Redis of another type") {
        return;
    }
    let harness = RedisHarness::new().await;
    let store = harness.store().await;
    list_around_a_damaged_record(&store, set(&harness, "a", "record")).await;
    set(&harness, "a", "refs").await;
    store.purge(&"a".parse().unwrap()).await.unwrap();
    let page = store.list(&ConversationFilter::new()).await.unwrap();
    assert_eq!(page.records.len(), 1);
    assert!(page.unreadable.is_empty());
    let own = harness.key("a", "");
    let left = harness.keys().await;
    assert!(!left.iter().any(|key| key.starts_with(&own)), "{left:?}");

    // And one with a record that is whole.
    set(&harness, "b", "refs").await;
    store.purge(&"b".parse().unwrap()).await.unwrap();
    let page = store.list(&ConversationFilter::new()).await.unwrap();
    assert!(page.records.is_empty() && page.unreadable.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_may_name_media() {
    if !is_wanted("references of Redis of another type") {
        return;
    }
    let harness = RedisHarness::new().await;
    let store = harness.store().await;
    let record = create(&store, "a").await;
    let write = turn(&record, "t", "text").with_append([with_media()]);
    store.apply(write).await.unwrap();
    let other = ReferenceKey::new("file", None, "other");
    let asked = [ReferenceKey::from(&reference()), other];
    for key in ["refs", "record"] {
        rename(&harness, key, "aside").await;
        set(&harness, "a", key).await;
        assert_eq!(
            store.references(&asked).await.unwrap(),
            [true, false],
            "{key}"
        );
        rename(&harness, "aside", key).await;
    }
    store
        .tombstone(&"a".parse().unwrap(), Duration::from_secs(60))
        .await
        .unwrap();
    store.purge(&"a".parse().unwrap()).await.unwrap();
    assert_eq!(store.references(&asked).await.unwrap(), [false, false]);
}

/// Makes conversation `a` under a key, with media and a turn that is running.
async fn running(store: &dyn StateStore) {
    let record = ConversationRecord::new("a".parse().unwrap())
        .with_user(Some("user".parse().unwrap()))
        .with_tags(["tag"]);
    let new = NewConversation::new(record).with_key(Some("key".to_owned()));
    let record = store.create(new).await.unwrap().into_record();
    let fence = Fence::Head {
        head: record.head,
        turn: None,
    };
    let turn = TurnRecord::new("t".parse().unwrap());
    let begin = StateWrite::new(&record, fence)
        .with_append([with_media().with_turn(turn.id.clone())])
        .with_turn(turn)
        .with_lease(LeaseChange::Take {
            owner: "node".to_owned(),
            duration: Duration::from_secs(60),
        });
    store.apply(begin).await.unwrap();
}

/// The keys of a store beside those that it always has.
async fn left(harness: &RedisHarness) -> Vec<String> {
    let mut left = harness.keys().await;
    left.retain(|key| !key.ends_with(":store") && !key.ends_with(":changes"));
    left.sort();
    left
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_type_keeps_no_deletion_from_its_end() {
    if !is_wanted("deletions in Redis with keys of another type") {
        return;
    }
    for key in [
        "turns",
        "window",
        "firsts",
        "messages",
        "places",
        "chunks",
        "writes",
        "planner",
        "refs",
        "tombstone",
        "names",
        "creation",
    ] {
        let harness = RedisHarness::new().await;
        let store = harness.store().await;
        running(&store).await;
        let name = match key {
            "names" => format!("{}:{{index}}:names:a", harness.prefix),
            "creation" => format!("{}:creation:user:key", harness.prefix),
            key => harness.key("a", key),
        };
        let mut command = ::redis::cmd("DEL");
        command.arg(&name);
        let was_there: i64 = harness.send(&command).await;
        let is_optional = ["chunks", "planner", "tombstone"].contains(&key);
        assert_eq!(was_there == 0, is_optional, "{key}");
        // No key is a list.
        let mut command = ::redis::cmd("RPUSH");
        command.arg(&name).arg("text");
        harness.send::<i64>(&command).await;

        let id = "a".parse().unwrap();
        for _ in 0..2 {
            let kept = store.tombstone(&id, Duration::from_secs(60)).await;
            let kept = kept.unwrap_or_else(|error| panic!("{key}: {error:?}"));
            assert_eq!(kept.unwrap().status, ConversationStatus::Deleting, "{key}");
        }
        let loaded = store.load(&id, Window::MetadataOnly.into()).await;
        let loaded = loaded.unwrap_or_else(|error| panic!("{key}: {error:?}"));
        assert!(loaded.is_some(), "{key}");
        store.purge(&id).await.unwrap();
        let mut left = left(&harness).await;
        // Where nothing tells which references it had, the index forgets them when it is asked.
        left.retain(|name| key != "refs" || !name.contains(":reference:"));
        assert_eq!(left, [harness.key("a", "tombstone")], "{key}");
        let again = NewConversation::new(ConversationRecord::new(id));
        let refused = store.create(again).await;
        assert_eq!(refused.unwrap_err().kind(), StateErrorKind::Conflict);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_of_a_damaged_record_frees_the_key_of_its_creation() {
    if !is_wanted("keys of creations in Redis") {
        return;
    }
    for damage in ["record", "guard", "json"] {
        let harness = RedisHarness::new().await;
        let store = harness.store().await;
        running(&store).await;
        let other = ConversationRecord::new("b".parse().unwrap());
        let other = other.with_user(Some("user".parse().unwrap()));
        let other = NewConversation::new(other).with_key(Some("other".to_owned()));
        store.create(other).await.unwrap();
        match damage {
            "record" => set(&harness, "a", "record").await,
            field => drop(edit(&harness, "record", field, "edited").await),
        }
        store.purge(&"a".parse().unwrap()).await.unwrap();
        let left = left(&harness).await;
        let claims: Vec<&String> = left
            .iter()
            .filter(|key| key.contains(":creation:"))
            .collect();
        let of_other = format!("{}:creation:user:other", harness.prefix);
        assert_eq!(claims, [&of_other], "{damage}");
    }
}
