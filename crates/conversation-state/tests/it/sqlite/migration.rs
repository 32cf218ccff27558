//! Files of version 0.1.

use std::path::Path;

use conversation_state::*;
use conversation_types::{Message, Part, Role};
use media_types::ConversationId;
use serde_json::json;

/// A file that version 0.1.0 wrote: `conv-a` with two turns, media and a tool, `conv-b` ended,
/// `conv-c` deleted, `conv-d` without messages, and `conv-e` whose second message is damaged.
fn fixture(directory: &Path) -> std::path::PathBuf {
    let original = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/v0.1.sqlite");
    let path = directory.join("c.sqlite");
    std::fs::copy(original, &path).unwrap();
    path
}

fn id(text: &str) -> ConversationId {
    text.parse().unwrap()
}

async fn load(store: &SqliteStateStore, name: &str, window: Window) -> LoadedConversation {
    store.load(&id(name), window.into()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_file_of_version_0_1_opens_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = fixture(directory.path());
    let store = SqliteStateStore::open(&path).await.unwrap();

    let a = load(&store, "conv-a", Window::All).await;
    assert_eq!(
        (a.record.version, a.record.head, a.record.message_count),
        (2, 2, 6)
    );
    assert_eq!(a.record.externalized_through, 4);
    assert_eq!(a.record.user.as_ref().unwrap().as_str(), "user-1");
    assert_eq!(a.record.session.as_ref().unwrap().as_str(), "session-1");
    assert_eq!(a.record.run.as_ref().unwrap().as_str(), "run-1");
    let prompt = a.record.prompt.as_ref().unwrap();
    assert_eq!(prompt["pack"], "painter");
    assert_eq!(prompt["variables"], json!({"mood": "kind"}));
    assert!(a.record.extra.is_empty(), "{:?}", a.record.extra);
    let ids: Vec<&str> = a
        .messages
        .iter()
        .map(|stored| stored.message.id.as_str())
        .collect();
    assert_eq!(ids, ["m-0", "m-1", "m-2", "m-3", "m-4", "m-5"]);
    let first = &a.messages[0].message;
    assert_eq!(
        first.content[0].as_text(),
        Some("Paint the sun \u{0}\u{1f600} 'quoted'")
    );
    assert_eq!(
        first.content[1].as_media().unwrap().inline().unwrap(),
        "small"
    );
    assert!(
        matches!(&first.content[2], Part::Unknown(part) if part.json().get().contains("[1 ,2]"))
    );
    assert_eq!(a.messages[1].message.tool_calls[0].name, "paint");
    assert_eq!(a.messages[1].message.usage.unwrap().input_tokens, 12);

    // Turns are counted from one message of the user to the next.
    let window = load(&store, "conv-a", Window::NewestTurns(1)).await;
    let texts: Vec<String> = window.messages.iter().map(|m| m.message.text()).collect();
    assert_eq!(texts, ["And the moon?", "Silver."]);
    // References are in the index.
    let key = ReferenceKey::new(
        "file",
        None,
        "session-1/conv-a/ab12cd-0f3c9a7e51b2k4m8n1p6r9t2vw.png",
    );
    assert_eq!(
        store.references(std::slice::from_ref(&key)).await.unwrap(),
        [true]
    );
    assert_eq!(
        store.referenced_by(&id("conv-a"), None, 9).await.unwrap(),
        [key]
    );

    let b = load(&store, "conv-b", Window::All).await;
    assert_eq!(
        (b.record.status, b.messages.len()),
        (ConversationStatus::Ended, 2)
    );
    let c = load(&store, "conv-c", Window::All).await;
    assert_eq!(c.record.status, ConversationStatus::Deleting);
    let d = load(&store, "conv-d", Window::All).await;
    assert_eq!((d.record.message_count, d.messages.len()), (0, 0));
    let e = load(&store, "conv-e", Window::All).await;
    let roles: Vec<Role> = e
        .messages
        .iter()
        .map(|stored| stored.message.role)
        .collect();
    assert_eq!(roles, [Role::User, Role::Unknown, Role::User]);
    assert_eq!(e.messages[1].message.id.as_str(), "m-1");

    let filter = ConversationFilter::new().with_user("user-1".parse().unwrap());
    assert_eq!(store.list(&filter).await.unwrap().records.len(), 2);
    let all = ConversationFilter::new().with_order(ListOrder::Changed);
    let all = store.list(&all).await.unwrap().records;
    assert_eq!(all.len(), 4);
    assert!(
        all.windows(2)
            .all(|two| two[0].updated_at >= two[1].updated_at)
    );

    // It goes on, also in the place of messages that had no id.
    let fence = Fence::Head {
        head: a.record.head,
        turn: None,
    };
    let replaced = Message::user("Paint the sun").with_id("m-0".parse().unwrap());
    let write = StateWrite::new(&a.record, fence)
        .with_replace([replaced])
        .with_append([Message::user("And the sea?")]);
    let applied = store.apply(write.clone()).await.unwrap();
    assert_eq!((applied.version, applied.record.message_count), (3, 7));
    assert!(store.apply(write).await.unwrap().replayed);
    let mut old = StateWrite::new(&a.record, Fence::Version(1));
    old.base_version = 1;
    // No write of version 0.1 is known by its id.
    let error = store.apply(old).await.unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Indeterminate);
    let info = store.info().await.unwrap();
    let incarnation = applied.record.incarnation;
    drop(store);

    let store = SqliteStateStore::open(&path).await.unwrap();
    assert_eq!(store.info().await.unwrap(), info);
    let again = load(&store, "conv-a", Window::All).await;
    assert_eq!(again.record.incarnation, incarnation);
    assert_eq!(again.messages[0].message.text(), "Paint the sun");
    assert_eq!(again.messages.len(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_open_a_file_of_version_0_1_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = fixture(directory.path());
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                let store = SqliteStateStore::open(path).await.unwrap();
                let loaded = load(&store, "conv-a", Window::All).await;
                (loaded.record.incarnation, loaded.messages.len())
            })
        })
        .collect();
    let mut seen = Vec::new();
    for task in tasks {
        seen.push(task.await.unwrap());
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "migrated once: {seen:?}");
}
