//! Callers that go, and media that is taken back.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use conversation_types::Message;
use media_storage::InMemoryStorage;
use media_storage_testkit::{Call, Fault, FaultyStorage, Gate};

use super::support::{KIB, count, externalizer, four, pending, png, png_base64, try_run};
use crate::{BatchKind, ExternalizeOptions};

/// Polls a future until it waits.
fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn dropped_at_every_wait_it_leaves_the_messages_and_nothing_in_the_store() {
    let text = format!(
        r#"[{{"type":"image","mimeType":"image/png","data":"{}"}},"![](data:image/png;base64,{})"]"#,
        png_base64(4, 400 * KIB),
        png_base64(5, 400 * KIB)
    );
    let before = [
        Message::user(vec![png(1, 200 * KIB).into(), png(2, 200 * KIB).into()]),
        Message::tool("call-1", vec![text.into(), png(3, 200 * KIB).into()]),
    ];
    for kind in [BatchKind::User, BatchKind::Answer] {
        let mut waits = 0;
        loop {
            // Each call of the store waits once before and once after it has stored.
            let store = FaultyStorage::new(InMemoryStorage::new())
                .with_fault(Fault::every(Call::Store).delay(std::time::Duration::ZERO));
            let externalizer =
                externalizer(store.clone(), ExternalizeOptions::new().with_concurrency(2));
            let mut messages = before.clone();
            let mut pending = pending(&externalizer);
            let is_over = {
                let mut future = pin!(try_run(&externalizer, kind, &mut messages, &mut pending));
                let mut is_over = false;
                for _ in 0..=waits {
                    is_over = poll_once(future.as_mut()).is_ready();
                    if is_over {
                        break;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
                is_over
            };
            if is_over {
                assert_eq!(
                    pending.references().len() as u64,
                    count(store.inner()).await
                );
                assert_eq!(pending.references().len(), 5);
                pending.rollback().await;
            } else {
                assert_eq!(messages, before);
                assert!(pending.is_empty());
            }
            drop(pending);
            settle(store.inner()).await;
            if is_over {
                break;
            }
            waits += 1;
        }
        assert!(waits >= 4, "{waits}");
    }
}

/// Waits until rollback tasks have emptied the store.
async fn settle(store: &InMemoryStorage) {
    for _ in 0..10_000 {
        if count(store).await == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("media is left in the store");
}

#[tokio::test]
async fn references_of_a_write_that_did_not_happen_are_deleted_and_others_stay() {
    let store = InMemoryStorage::new();
    let externalizer = externalizer(store.clone(), ExternalizeOptions::new());
    for (outcome, left) in [
        ("commit", 4),
        ("keep", 4),
        ("rollback", 0),
        ("drop", 0),
        ("drop while the write is under way", 4),
        ("rollback of the write", 0),
    ] {
        let mut pending = pending(&externalizer);
        let mut messages = [four(200 * KIB)];
        try_run(&externalizer, BatchKind::User, &mut messages, &mut pending)
            .await
            .unwrap();
        let references = pending.references().to_vec();
        match outcome {
            "commit" => pending.commit(),
            "keep" => pending.keep(),
            "rollback" => pending.rollback().await,
            "drop while the write is under way" => pending.begin_write(),
            "rollback of the write" => {
                pending.begin_write();
                pending.rollback().await;
            }
            _ => {}
        }
        drop(pending);
        if left == 0 {
            settle(&store).await;
        }
        assert_eq!(count(&store).await, left, "{outcome}");
        for reference in &references {
            media_storage::MediaStorageExt::delete(&store, reference)
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn a_rollback_that_is_cut_short_is_finished() {
    let gate = Gate::new();
    let store = FaultyStorage::new(InMemoryStorage::new());
    let externalizer = externalizer(store.clone(), ExternalizeOptions::new());
    let mut pending = pending(&externalizer);
    let mut messages = [four(200 * KIB), four(200 * KIB)];
    try_run(&externalizer, BatchKind::User, &mut messages, &mut pending)
        .await
        .unwrap();
    store.inject(Fault::nth(Call::Delete, 6).hold(&gate));
    {
        let mut rollback = pin!(pending.rollback());
        assert!(poll_once(rollback.as_mut()).is_pending());
    }
    drop(pending);
    gate.open();
    settle(store.inner()).await;
}
