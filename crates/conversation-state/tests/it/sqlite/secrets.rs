//! What is left in the file of what was deleted.

use std::time::Duration;

use conversation_state::*;
use conversation_types::Message;

use super::harness::SqliteHarness;

/// The file and those beside it.
fn bytes_beside(harness: &SqliteHarness) -> Vec<u8> {
    let mut all = Vec::new();
    for suffix in ["", "-wal", "-shm"] {
        let mut path = harness.path().into_os_string();
        path.push(suffix);
        all.extend(std::fs::read(path).unwrap_or_default());
    }
    all
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[tokio::test]
async fn purged_text_is_overwritten() {
    let harness = SqliteHarness::new();
    let store = harness.store().await;
    let record =
        ConversationRecord::new("a".parse().unwrap()).with_title(Some("secret title".into()));
    let known = store
        .create(NewConversation::new(record))
        .await
        .unwrap()
        .into_record();
    let fence = Fence::Head {
        head: 0,
        turn: None,
    };
    let large = "secret text ".repeat(10_000);
    let messages = ["secret text", large.as_str()].map(Message::user);
    let write = StateWrite::new(&known, fence).with_append(messages);
    store.apply(write).await.unwrap();
    assert!(contains(&bytes_beside(&harness), b"secret text"));
    store.tombstone(&known.id, Duration::ZERO).await.unwrap();
    store.purge(&known.id).await.unwrap();
    let left = bytes_beside(&harness);
    for secret in ["secret text", "secret title"] {
        assert!(
            !contains(&left, secret.as_bytes()),
            "{secret} is still there"
        );
    }
}
