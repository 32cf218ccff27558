//! Messages that were written before there was a store, or while it failed.

use conversation_types::{Message, Part};
use media_storage::{InMemoryStorage, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage};

use super::support::{KIB, count, externalizer, owner, pending, png, png_base64, shown};
use crate::{ExternalizeOptions, HistoryProgress, OnStorageError};

fn old(n: u8) -> Vec<Message> {
    (0..n)
        .map(|seed| {
            let media: Vec<Part> = vec![
                "x".into(),
                png(seed, 120 * KIB).into(),
                png(seed, 10).into(),
            ];
            Message::user(media)
        })
        .collect()
}

#[tokio::test]
async fn older_messages_are_externalized_once() {
    let store = InMemoryStorage::new();
    let externalizer = externalizer(store.clone(), ExternalizeOptions::new());
    let mut messages = old(6);
    let text = format!("![](data:image/png;base64,{})", png_base64(9, 120 * KIB));
    messages.push(Message::assistant(vec![text.into()]));
    messages.push(Message::assistant(vec!["words".into()]));
    let mut pending = pending(&externalizer);
    let progress = externalizer
        .externalize_history(&owner(), 0, &mut messages, &mut pending)
        .await;
    assert_eq!(progress.done, 8);
    assert_eq!(progress.changed, (0..7).collect::<Vec<_>>());
    assert_eq!(pending.references().len(), 7);
    pending.commit();
    assert_eq!(
        shown(&messages[0]),
        ["x", "<image/png stored>", "<image/png inline>"]
    );
    assert_eq!(shown(&messages[6]), ["<image/png stored>"]);
    let again = externalizer
        .externalize_history(&owner(), 0, &mut messages, &mut pending)
        .await;
    assert_eq!((again.done, again.changed.len()), (8, 0));
    assert_eq!(count(&store).await, 7);
}

#[tokio::test]
async fn an_outage_ends_it_and_what_the_store_never_takes_does_not() {
    for on_error in [OnStorageError::KeepInline, OnStorageError::FailTurn] {
        for (kind, expected, stored) in [
            (
                StorageErrorKind::Unavailable,
                HistoryProgress {
                    done: 2,
                    changed: vec![0, 1],
                },
                2,
            ),
            (
                StorageErrorKind::TooLarge,
                HistoryProgress {
                    done: 4,
                    changed: vec![0, 1, 3],
                },
                3,
            ),
        ] {
            let store = FaultyStorage::new(InMemoryStorage::new())
                .with_fault(Fault::nth(Call::Store, 3).fail(kind));
            let options = ExternalizeOptions::new().with_on_storage_error(on_error);
            let externalizer = externalizer(store.clone(), options);
            let before = old(4);
            let mut messages = before.clone();
            let mut pending = pending(&externalizer);
            let progress = externalizer
                .externalize_history(&owner(), 0, &mut messages, &mut pending)
                .await;
            assert_eq!(progress, expected);
            assert_eq!(messages[2], before[2]);
            assert_eq!(count(store.inner()).await, stored);
            pending.commit();
        }
    }
}
