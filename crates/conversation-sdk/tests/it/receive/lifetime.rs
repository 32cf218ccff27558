//! How long received media is there, and how much of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use conversation_sdk::receive::ReceiveErrorKind;
use conversation_sdk::{
    ConversationErrorKind, ConversationManager, InMemoryStateStore, Message, ProviderErrorKind,
    ReferenceAccess, TurnEvent,
};
use media_loader::{LoadErrorKind, LoadOptions};
use media_storage::{Inventory, Scope, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage};
use tokio::sync::Notify;

use super::*;
use crate::races::poll_times;
use crate::support::{FaultyState, KIB, Scripted, config, count, pack, references};

#[tokio::test]
async fn an_event_refers_to_media_that_the_manager_reads_until_the_turn_is_over() {
    let (spools, store) = (Spools::new(), InMemoryStorage::new());
    let manager = ConversationManager::builder()
        .with_provider(Painter(1, 300 * KIB))
        .with_media_storage(store.clone())
        .with_config(spools.config().with_reference_access(ReferenceAccess::Any))
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let id = conversation.id().clone();
    let mut events = conversation.stream("paint");
    let mut seen = None;
    while let Some(event) = events.next().await {
        let TurnEvent::Media(content) = event.unwrap() else {
            continue;
        };
        let loader = manager.media_loader();
        assert!(loader.bytes(&content).await.unwrap() == picture_bytes(1, 300 * KIB));
        let scoped = |scope| loader.with_options(LoadOptions::new().with_expected_scope(scope));
        let ours = scoped(Scope::Conversation(id.clone()));
        assert!(ours.open(&content).await.is_ok());
        let others = scoped(Scope::User("user-2".parse().unwrap()));
        let error = others.open(&content).await.unwrap_err();
        assert_eq!(
            error.kind(),
            &LoadErrorKind::Storage(StorageErrorKind::NotFound)
        );
        assert_eq!(spools.open(), usize::from(cfg!(target_os = "linux")));
        seen = Some(content);
    }
    drop(events);
    spools.assert_empty();
    let seen = seen.unwrap();
    assert!(manager.media_loader().open(&seen).await.is_err());
    // Whoever sends it later has a reference to nothing, and stores nothing.
    let response = conversation.send_with_media("again", [seen]).await.unwrap();
    assert_eq!(response.messages()[0].media().count(), 1);
    assert_eq!(count(&store).await, 2);
}

/// Receives something, tells so, and never ends.
#[derive(Clone, Debug, Default)]
struct Stalls(Arc<Notify>);

#[async_trait]
impl Provider for Stalls {
    fn name(&self) -> &str {
        "stalls"
    }
    fn model(&self) -> &str {
        "m"
    }
    async fn respond(
        &self,
        _: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        let _held = paint(media.receiver(), 1, 300 * KIB).await;
        let mut open = media.receiver().begin();
        open.write(&picture_bytes(2, 300 * KIB)).await.unwrap();
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_turn_that_is_dropped_leaves_nothing() {
    let (spools, store) = (Spools::new(), InMemoryStorage::new());
    let provider = Stalls::default();
    let manager = ConversationManager::builder()
        .with_provider(provider.clone())
        .with_media_storage(store.clone())
        .with_config(spools.config())
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let mut turn = Box::pin(conversation.send("paint"));
    tokio::select! {
        _ = &mut turn => panic!("it never answers"),
        () = provider.0.notified() => {}
    }
    assert_eq!(spools.open(), 2 * usize::from(cfg!(target_os = "linux")));
    drop(turn);
    spools.assert_empty();
    manager.shutdown().await.unwrap();
    assert_eq!(count(&store).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_turn_dropped_at_any_await_leaves_media_only_where_its_history_names_it() {
    let mut outcomes = BTreeSet::new();
    for times in 1.. {
        let (spools, inner) = (Spools::new(), InMemoryStorage::new());
        let store = FaultyStorage::new(inner.clone())
            .with_fault(Fault::every(Call::Store).delay(Duration::from_millis(1)));
        let manager = ConversationManager::builder()
            .with_provider(Scripted::new().with_yields(2).then_says(calls_paint()))
            .with_media_storage(store)
            .with_state_store(FaultyState::new(InMemoryStateStore::new()).with_yields(2))
            .with_tool(Paints(vec![(1, 400 * KIB), (2, 200 * KIB)]))
            .with_config(spools.config())
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        let done = poll_times(conversation.send("paint"), times).await;
        let _ = conversation.flush().await;
        manager.shutdown().await.unwrap();
        let messages = conversation.messages().await.unwrap();
        let held = references(&messages).len();
        assert_eq!(
            held,
            if messages.is_empty() { 0 } else { 2 },
            "{times} polls"
        );
        assert_eq!(count(&inner).await, held, "{times} polls");
        // A write that was under way ends by itself, and closes its file then.
        while !spools.is_empty() {
            let wait = tokio::task::spawn_blocking(std::thread::yield_now);
            wait.await.unwrap();
        }
        outcomes.insert((done.is_some(), held));
        if done.is_some() {
            break;
        }
    }
    // Files are written in real time, so which awaits a drop meets in between is the machine's to
    // say.
    assert!(outcomes.contains(&(false, 0)) && outcomes.contains(&(true, 2)));
}

/// Receives too much, and says so as a provider should.
#[derive(Debug)]
struct Floods(u64);

#[async_trait]
impl Provider for Floods {
    fn name(&self) -> &str {
        "floods"
    }
    fn model(&self) -> &str {
        "m"
    }
    async fn respond(
        &self,
        _: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        let mut incoming = media.receiver().begin();
        for _ in 0..self.0 {
            incoming.write(&[7; 1024]).await.map_err(|error| {
                assert_eq!(error.kind(), ReceiveErrorKind::TooLarge);
                ProviderError::new(ProviderErrorKind::InvalidResponse, "floods").with_source(error)
            })?;
        }
        let content = incoming.finish(&Mime::IMAGE_PNG).await.unwrap();
        Ok(Reply::whole(Completion::new(vec![content.into()])))
    }
}

#[tokio::test]
async fn a_turn_receives_no_more_than_it_may() {
    for (kib, fits) in [(1000, true), (1001, false)] {
        let (spools, store) = (Spools::new(), InMemoryStorage::new());
        let manager = ConversationManager::builder()
            .with_provider(Floods(kib))
            .with_media_storage(store.clone())
            .with_config(spools.config().with_max_received_bytes(1000 * 1024))
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        let outcome = conversation.send("paint").await;
        match fits {
            true => assert_eq!(outcome.unwrap().media()[0].size(), Some(1000 * 1024)),
            false => assert_eq!(outcome.unwrap_err().kind(), ConversationErrorKind::Provider),
        }
        assert_eq!(count(&store).await, usize::from(fits));
        spools.assert_empty();
    }
}

#[tokio::test]
async fn many_turns_at_once_do_not_see_each_other() {
    let (spools, store) = (Spools::new(), InMemoryStorage::new());
    let manager = ConversationManager::builder()
        .with_provider(Painter(1, 300 * KIB))
        .with_media_storage(store.clone())
        .with_config(spools.config())
        .build()
        .unwrap();
    let turns = (0..16).map(|_| {
        let manager = manager.clone();
        tokio::spawn(async move {
            let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
            let response = conversation.send("paint").await.unwrap();
            let messages = conversation.messages().await.unwrap();
            assert_eq!(messages.iter().flat_map(Message::media).count(), 1);
            (conversation.id().clone(), response)
        })
    });
    for turn in turns.collect::<Vec<_>>() {
        let (id, response) = turn.await.unwrap();
        let usage = store.usage(Scope::Conversation(id)).await.unwrap();
        assert_eq!(usage.references, 1);
        assert!(bytes_of(&store, &response).await == [picture_bytes(1, 300 * KIB)]);
    }
    spools.assert_empty();
}
