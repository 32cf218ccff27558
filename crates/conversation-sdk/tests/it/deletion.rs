//! Ending and deleting conversations, and what happens when that is cut short.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use conversation_sdk::{
    ConversationErrorKind, ConversationManager, ConversationStatus, InMemoryStateStore,
    ManagerConfig, StateStore, Window,
};
use media_storage::{
    InMemoryStorage, Inventory, MediaStorageExt, RetentionPolicy, Scope, StorageErrorKind,
    SweepOptions,
};
use media_storage_testkit::{Call, Fault, FaultyStorage};

use crate::support::{
    FaultyState, Heard, KIB, Scripted, StateFault, builder, config, count, pack, picture,
    references,
};

#[tokio::test]
async fn ending_applies_the_retention_of_the_media() {
    for (policy, left) in [(RetentionPolicy::Retain, 2), (RetentionPolicy::Delete, 0)] {
        let (provider, store, heard) = (Scripted::new(), InMemoryStorage::new(), Heard::default());
        let manager = builder(&provider, &store)
            .with_listener(heard.clone())
            .with_config(ManagerConfig::default().with_media_default_policy(policy))
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        let media = [picture(1, 200 * KIB), picture(2, 300 * KIB)];
        let response = conversation.send_with_media("x", media).await.unwrap();
        conversation.end().await.unwrap();
        assert_eq!(count(&store).await, left);
        assert_eq!(store.usage(Scope::All).await.unwrap().blobs, left as u64);
        for reference in references(response.messages()) {
            assert_eq!(store.retrieve(&reference).await.is_ok(), left > 0);
        }
        // The history stays; it takes no more turns, and ending again is no error.
        assert_eq!(conversation.messages().await.unwrap().len(), 2);
        assert_eq!(
            conversation.send("more").await.unwrap_err().kind(),
            ConversationErrorKind::Ended
        );
        conversation.end().await.unwrap();
        let deleted = heard
            .names()
            .iter()
            .filter(|name| **name == "deleted")
            .count();
        assert_eq!(deleted, 2 - left);
    }
}

#[tokio::test]
async fn the_policy_at_the_time_of_storing_counts() {
    let (provider, store, state) = (
        Scripted::new(),
        InMemoryStorage::new(),
        InMemoryStateStore::new(),
    );
    let manager = |policy| {
        builder(&provider, &store)
            .with_state_store(state.clone())
            .with_config(ManagerConfig::default().with_media_default_policy(policy))
            .build()
            .unwrap()
    };
    let retaining = manager(RetentionPolicy::Retain);
    let mut conversation = retaining.new_conversation(&pack(), config()).await.unwrap();
    conversation
        .send_with_media("x", [picture(1, 200 * KIB)])
        .await
        .unwrap();
    let id = conversation.id().clone();
    let deleting = manager(RetentionPolicy::Delete);
    let mut conversation = deleting.resume(&pack(), &id).await.unwrap();
    let response = conversation
        .send_with_media("y", [picture(2, 200 * KIB)])
        .await
        .unwrap();
    conversation.end().await.unwrap();
    assert_eq!(count(&store).await, 1);
    assert!(
        store
            .retrieve(&references(response.messages())[0])
            .await
            .is_err()
    );
}

#[tokio::test]
async fn media_that_has_a_time_is_gone_when_it_is_over() {
    let (provider, store, heard) = (Scripted::new(), InMemoryStorage::new(), Heard::default());
    let manager = builder(&provider, &store)
        .with_listener(heard.clone())
        .with_config(
            ManagerConfig::default().with_media_default_policy(RetentionPolicy::RetainHours(2)),
        )
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    conversation
        .send_with_media("x", [picture(1, 200 * KIB)])
        .await
        .unwrap();
    let hours =
        |n| SweepOptions::new().with_now(chrono::Utc::now() + chrono::TimeDelta::minutes(n));
    assert_eq!(manager.sweep(hours(119)).await.unwrap().expired, 0);
    assert_eq!(
        manager
            .sweep(hours(121).with_dry_run())
            .await
            .unwrap()
            .expired,
        1
    );
    assert!(!heard.names().contains(&"expired"));
    assert_eq!(manager.sweep(hours(121)).await.unwrap().expired, 1);
    assert!(heard.names().contains(&"expired"));
    let response = conversation.send("and?").await.unwrap();
    assert_eq!(response.notes().len(), 1);
}

#[tokio::test]
async fn deleting_takes_the_conversation_and_its_media_and_nothing_else() {
    let (provider, store) = (Scripted::new(), InMemoryStorage::new());
    let manager = builder(&provider, &store).build().unwrap();
    let same = || [picture(1, 200 * KIB)];
    let mut one = manager.new_conversation(&pack(), config()).await.unwrap();
    one.send_with_media("x", same()).await.unwrap();
    let mut two = manager.new_conversation(&pack(), config()).await.unwrap();
    let response = two.send_with_media("x", same()).await.unwrap();
    let theirs = references(response.messages()).remove(0);
    assert_eq!(store.usage(Scope::All).await.unwrap().blobs, 1, "one copy");
    // A history that names media of another conversation does not own it.
    let foreign =
        media_types::MediaContent::from_reference(media_types::Mime::IMAGE_PNG, theirs.clone());
    one.send_with_media("and this", [foreign]).await.unwrap();

    let id = one.id().clone();
    manager.delete_conversation(&id).await.unwrap();
    assert_eq!(count(&store).await, 1);
    assert_eq!(
        store.retrieve_media(&theirs).await.unwrap().inline(),
        picture(1, 200 * KIB).inline()
    );
    assert_eq!(
        manager.resume(&pack(), &id).await.unwrap_err().kind(),
        ConversationErrorKind::NotFound
    );
    assert_eq!(
        one.send("still there?").await.unwrap_err().kind(),
        ConversationErrorKind::NotFound
    );
    manager.delete_conversation(&id).await.unwrap();
    assert_eq!(manager.conversations("user-1").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_deletion_that_is_cut_short_is_finished_later() {
    // Cut short at each step: the tombstone, each reference, the state.
    for step in 0..6 {
        let inner = InMemoryStorage::new();
        let store = FaultyStorage::new(inner.clone());
        let state = FaultyState::new(InMemoryStateStore::new());
        let manager = || {
            ConversationManager::builder()
                .with_provider(Scripted::new())
                .with_media_storage(store.clone())
                .with_state_store(state.clone())
                .build()
                .unwrap()
        };
        let first = manager();
        let mut conversation = first.new_conversation(&pack(), config()).await.unwrap();
        for seed in 0..4 {
            conversation
                .send_with_media("x", [picture(seed, 200 * KIB)])
                .await
                .unwrap();
        }
        let id = conversation.id().clone();
        match step {
            0 => state.inject(StateFault::SetStatus),
            1..=4 => {
                store.inject(Fault::nth(Call::Delete, step).fail(StorageErrorKind::Unavailable))
            }
            _ => state.inject(StateFault::Delete),
        }
        first.delete_conversation(&id).await.unwrap_err();
        store.heal();
        let held = state.load(&id, Window::All).await.unwrap().unwrap();
        if step == 0 {
            // Nothing has happened yet.
            assert_eq!(held.record.status, ConversationStatus::Active);
            assert_eq!(count(&inner).await, 4);
            continue;
        }
        // For readers it is gone, and no reader ever meets a reference to nothing.
        assert_eq!(held.record.status, ConversationStatus::Deleting);
        assert!(first.conversations("user-1").await.unwrap().is_empty());
        let error = conversation.send("x").await.unwrap_err();
        assert_eq!(error.kind(), ConversationErrorKind::NotFound);
        // The next process finishes it when it is first used.
        let second = manager();
        assert!(second.conversations("user-1").await.unwrap().is_empty());
        second.shutdown().await.unwrap();
        assert_eq!(count(&inner).await, 0, "step {step}");
        assert!(state.load(&id, Window::Record).await.unwrap().is_none());
        assert_eq!(manager().finish_deletions().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_end_that_is_cut_short_is_finished_later() {
    let inner = InMemoryStorage::new();
    let store = FaultyStorage::new(inner.clone())
        .with_fault(Fault::nth(Call::Delete, 2).fail(StorageErrorKind::Unavailable));
    let state = InMemoryStateStore::new();
    let manager = ConversationManager::builder()
        .with_provider(Scripted::new())
        .with_media_storage(store.clone())
        .with_state_store(state.clone())
        .with_config(ManagerConfig::default().with_media_default_policy(RetentionPolicy::Delete))
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let media = [1, 2, 3].map(|seed| picture(seed, 200 * KIB));
    conversation.send_with_media("x", media).await.unwrap();
    let error = conversation.end().await.unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::Storage);
    assert_eq!(
        conversation.send("x").await.unwrap_err().kind(),
        ConversationErrorKind::Ended
    );
    assert_eq!(manager.finish_deletions().await.unwrap(), 1);
    assert_eq!(count(&inner).await, 0);
    let held = state
        .load(conversation.id(), Window::Record)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(held.record.status, ConversationStatus::Ended);
    assert_eq!(held.record.messages, 2);
}

#[tokio::test]
async fn a_turn_under_way_loses_against_a_deletion() {
    let (provider, store) = (Scripted::new().with_yields(20), InMemoryStorage::new());
    let manager = builder(&provider, &store).build().unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    conversation.send("start").await.unwrap();
    let id = conversation.id().clone();
    let (sent, deleted) = tokio::join!(
        conversation.send_with_media("x", [picture(1, 200 * KIB)]),
        manager.delete_conversation(&id),
    );
    deleted.unwrap();
    assert_eq!(sent.unwrap_err().kind(), ConversationErrorKind::Conflict);
    assert_eq!(count(&store).await, 0);
    assert!(conversation.messages().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_manager_without_the_store_does_not_lose_the_references() {
    let (provider, store, state) = (
        Scripted::new(),
        InMemoryStorage::new(),
        InMemoryStateStore::new(),
    );
    let with = builder(&provider, &store)
        .with_state_store(state.clone())
        .build()
        .unwrap();
    let without = ConversationManager::builder()
        .with_provider(provider.clone())
        .with_state_store(state.clone())
        .build()
        .unwrap();
    let mut conversation = with.new_conversation(&pack(), config()).await.unwrap();
    conversation
        .send_with_media("x", [picture(1, 200 * KIB)])
        .await
        .unwrap();
    let mut plain = without.new_conversation(&pack(), config()).await.unwrap();
    plain
        .send_with_media("x", [picture(1, 200 * KIB)])
        .await
        .unwrap();
    without.delete_conversation(plain.id()).await.unwrap();

    let id = conversation.id().clone();
    let error = without.delete_conversation(&id).await.unwrap_err();
    assert_eq!(error.kind(), ConversationErrorKind::Config);
    assert!(without.finish_deletions().await.is_err());
    assert!(state.load(&id, Window::Record).await.unwrap().is_some());
    assert_eq!(with.finish_deletions().await.unwrap(), 1);
    assert_eq!(count(&store).await, 0);
    assert!(state.load(&id, Window::Record).await.unwrap().is_none());
}
