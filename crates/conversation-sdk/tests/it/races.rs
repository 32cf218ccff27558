//! Many at once, and turns that are dropped anywhere.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use conversation_sdk::provider::Completion;
use conversation_sdk::{
    ConversationErrorKind, ConversationManager, InMemoryStateStore, Message, StateStore, ToolCall,
    Window,
};
use media_storage::{InMemoryStorage, Inventory, Scope};
use media_storage_testkit::{Call, Fault, FaultyStorage};

use crate::externalizer::Gives;
use crate::support::{
    FaultyState, KIB, Scripted, StateFault, builder, config, count, pack, picture, picture_bytes,
    references, stored,
};

/// How far the clock moves with each poll.
const STEP: Duration = Duration::from_millis(1);

/// Polls a future so many times and drops it then; tells whether it was done. The clock is paused
/// and moves with the polls, so that the number of polls does not hang on the machine's speed.
pub(crate) async fn poll_times<T>(future: impl Future<Output = T>, times: usize) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..times {
        let polled = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::time::advance(STEP).await;
    }
    None
}

#[tokio::test(start_paused = true)]
async fn a_turn_dropped_at_any_await_is_in_the_history_whole_or_not_at_all() {
    let mut outcomes = BTreeSet::new();
    for times in 1.. {
        let calls = vec![ToolCall::new("c", "give", "{}")];
        let provider = Scripted::new()
            .with_yields(2)
            .then_says(crate::support::says("first"))
            .then_says(Completion::new(vec![]).with_tool_calls(calls))
            .then_says(Completion::new(vec![picture(4, 200 * KIB).into()]));
        let store = InMemoryStorage::new();
        let slow = FaultyStorage::new(store.clone());
        let state = FaultyState::new(InMemoryStateStore::new()).with_yields(2);
        let manager = ConversationManager::builder()
            .with_provider(provider)
            .with_media_storage(slow.clone())
            .with_state_store(state.clone())
            .with_tool(Gives(vec![picture(3, 200 * KIB).into()]))
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        conversation
            .send_with_media("x", [picture(1, 200 * KIB)])
            .await
            .unwrap();
        slow.inject(Fault::every(Call::Store).delay(STEP));
        slow.inject(Fault::every(Call::Delete).delay(STEP));
        let before = conversation.messages().await.unwrap().len();
        let turn = conversation.send_with_media("y", [picture(2, 200 * KIB)]);
        let done = poll_times(turn, times).await;
        // What was begun comes to its end; then state and store agree.
        conversation.flush().await.unwrap();
        manager.shutdown().await.unwrap();
        let messages = conversation.messages().await.unwrap();
        let added = messages.len() - before;
        assert!(
            added == 0 || added == 4,
            "{added} messages after {times} polls"
        );
        let held: BTreeSet<String> = references(&messages)
            .iter()
            .map(|one| one.id().to_owned())
            .collect();
        let kept: BTreeSet<String> = stored(&store, Scope::All)
            .await
            .iter()
            .map(|one| one.id().to_owned())
            .collect();
        assert!(
            held.is_subset(&kept),
            "a reference to nothing after {times} polls"
        );
        assert_eq!(
            kept.len() - held.len(),
            0,
            "media left behind after {times} polls"
        );
        assert_eq!(held.len(), if added == 0 { 1 } else { 4 });
        outcomes.insert((done.is_some(), added));
        if done.is_some() {
            break;
        }
    }
    // Not at all, whole although dropped, and whole.
    assert_eq!(
        outcomes.into_iter().collect::<Vec<_>>(),
        [(false, 0), (false, 4), (true, 4)]
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_dropped_turn_the_conversation_goes_on() {
    let provider = Scripted::new().with_yields(3);
    let store = InMemoryStorage::new();
    let state = FaultyState::new(InMemoryStateStore::new()).with_yields(5);
    let manager = builder(&provider, &store)
        .with_state_store(state)
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    for times in 1..40 {
        let turn = conversation.send_with_media("x", [picture(1, 200 * KIB)]);
        let _ = poll_times(turn, times).await;
        // No conflict with what the dropped turn may still be saving.
        conversation.send("next").await.unwrap();
    }
    let messages = conversation.messages().await.unwrap();
    assert_eq!(messages.len() % 2, 0);
    assert_eq!(
        messages
            .iter()
            .filter(|message| message.text() == "next")
            .count(),
        39
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_conversations_at_once() {
    let (provider, store) = (Scripted::new(), InMemoryStorage::new());
    let manager = builder(&provider, &store).build().unwrap();
    let tasks: Vec<_> = (0..100_u64)
        .map(|n| {
            let manager = manager.clone();
            tokio::spawn(async move {
                let config = config().with_user(format!("user-{n}"));
                let mut conversation = manager.new_conversation(&pack(), config).await.unwrap();
                for turn in 0..3 {
                    let media = [picture(n * 10 + turn, 101 * KIB)];
                    conversation.send_with_media("x", media).await.unwrap();
                }
                conversation
            })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        let conversation = task.await.unwrap();
        let messages = conversation.messages().await.unwrap();
        assert_eq!(messages.len(), 6);
        let scope = Scope::Conversation(conversation.id().clone());
        assert_eq!(store.usage(scope).await.unwrap().references, 3);
        let listed = manager.conversations(format!("user-{n}")).await.unwrap();
        assert_eq!(listed.len(), 1);
        for (turn, reference) in references(&messages).iter().enumerate() {
            let bytes = media_storage::MediaStorageExt::retrieve_bytes(&store, reference, u64::MAX);
            let expected = picture_bytes((n * 10 + turn) as u64, 101 * KIB);
            assert_eq!(bytes.await.unwrap(), expected);
        }
    }
}

#[tokio::test]
async fn of_two_writers_one_loses_and_takes_back_only_its_own() {
    let (provider, store) = (Scripted::new().with_yields(5), InMemoryStorage::new());
    let state = InMemoryStateStore::new();
    let manager = builder(&provider, &store)
        .with_state_store(state.clone())
        .build()
        .unwrap();
    let mut first = manager.new_conversation(&pack(), config()).await.unwrap();
    first
        .send_with_media("start", [picture(0, 200 * KIB)])
        .await
        .unwrap();
    let mut second = manager.resume(&pack(), &first.id().clone()).await.unwrap();
    let (a, b) = tokio::join!(
        first.send_with_media("a", [picture(1, 200 * KIB)]),
        second.send_with_media("b", [picture(2, 200 * KIB)]),
    );
    let (winner, loser) = match (a, b) {
        (Ok(winner), Err(loser)) | (Err(loser), Ok(winner)) => (winner, loser),
        both => panic!("{both:?}"),
    };
    assert_eq!(loser.kind(), ConversationErrorKind::Conflict);
    assert!(loser.is_retryable() && loser.answer().is_some());
    let messages = first.messages().await.unwrap();
    let texts: Vec<_> = messages.iter().map(Message::text).collect();
    assert_eq!(texts, ["start", "ok", &winner.messages()[0].text(), "ok"]);
    let kept: Vec<_> = references(&messages);
    assert_eq!(kept.len(), 2);
    assert_eq!(count(&store).await, 2);
    // One after the other, both go on from the newest history.
    first.send("c").await.unwrap();
    second.send("d").await.unwrap();
    assert_eq!(first.messages().await.unwrap().len(), 8);
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_found_out() {
    for fault in [
        StateFault::AppendBefore,
        StateFault::AppendAfter,
        StateFault::AppendAfterAndLoad,
        StateFault::AppendAfterAndAnother,
    ] {
        let (provider, store) = (Scripted::new(), InMemoryStorage::new());
        let state = FaultyState::new(InMemoryStateStore::new());
        let manager = builder(&provider, &store)
            .with_state_store(state.clone())
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        conversation.send("start").await.unwrap();
        state.inject(fault);
        let sent = conversation
            .send_with_media("x", [picture(1, 200 * KIB)])
            .await;
        state.heal();
        let id = conversation.id().clone();
        let held = state
            .load(&id, Window::All)
            .await
            .unwrap()
            .unwrap()
            .messages;
        let references = references(&held);
        match fault {
            StateFault::AppendBefore => {
                let error = sent.unwrap_err();
                assert_eq!(error.kind(), ConversationErrorKind::State);
                assert!(error.is_retryable());
                assert_eq!((held.len(), count(&store).await), (2, 0));
            }
            StateFault::AppendAfter => {
                sent.unwrap();
                assert_eq!(
                    (held.len(), references.len(), count(&store).await),
                    (4, 1, 1)
                );
            }
            // Nobody can know; a reference to nothing would be worse than media too much.
            _ => {
                assert_eq!(sent.unwrap_err().kind(), ConversationErrorKind::State);
                let from_elsewhere = usize::from(fault == StateFault::AppendAfterAndAnother);
                assert_eq!(
                    (held.len(), references.len(), count(&store).await),
                    (4 + from_elsewhere, 1, 1)
                );
            }
        }
        conversation.send("go on").await.unwrap();
    }
}
