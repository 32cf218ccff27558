//! Upkeep.

use std::time::Duration;

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{ManagerConfig, OnStorageError, Window};
use conversation_state::{
    BranchSource, ConversationRecord, ConversationStatus, NewConversation, StateStore,
};
use media_storage::{
    InMemoryStorage, MediaMetadata, MediaStorageExt, RetentionPolicy, StorageErrorKind,
    SweepOptions,
};
use media_storage_testkit::{Call, Fault, FaultyStorage};
use media_types::{ConversationId, Mime};

use crate::cut::{HOUR, MovedClock};
use crate::support::{KIB, Rig, image};

fn answers(count: usize) -> ScriptedProvider {
    (0..count).fold(ScriptedProvider::new(), |provider, _| {
        provider.with_answer(ScriptedAnswer::new().text("ok"))
    })
}

#[tokio::test]
async fn media_that_was_kept_inline_is_stored_later() {
    let store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::nth(Call::Store, 1).fail(StorageErrorKind::Unavailable));
    let config = ManagerConfig::new().with_on_storage_error(OnStorageError::KeepInline);
    let rig = Rig::with(answers(2), |builder| {
        builder
            .with_config(config)
            .with_media_storage(store.clone())
    });
    let mut conversation = rig.start().await;
    let response = conversation
        .send_with_media("look", [image(1, 200 * KIB)])
        .await
        .unwrap();
    assert_eq!(response.kept_inline().len(), 1);
    let ids = |messages: Vec<conversation_sdk::Message>| -> Vec<_> {
        messages.into_iter().map(|message| message.id).collect()
    };
    let before = conversation.messages(Window::All).await.unwrap();
    assert!(before[0].media().next().unwrap().reference().is_none());
    let head = conversation.record().await.unwrap().head;

    let report = rig.manager.run_upkeep_once().await.unwrap();
    assert_eq!(report.externalized_messages, 1);
    assert!(report.failures.is_empty());
    let after = conversation.messages(Window::All).await.unwrap();
    assert!(after[0].media().next().unwrap().reference().is_some());
    assert_eq!(ids(before), ids(after));
    let record = conversation.record().await.unwrap();
    assert_eq!((record.head, record.externalized_through), (head, 2));
    let again = rig.manager.run_upkeep_once().await.unwrap();
    assert_eq!(again.externalized_messages, 0);
    conversation.send("and now").await.unwrap();
}

#[tokio::test]
async fn expired_media_is_swept_from_every_store() {
    let rig = Rig::new(answers(0));
    let metadata = MediaMetadata::new().with_retention(RetentionPolicy::DeleteAfterMinutes(0));
    rig.store
        .store_bytes(Mime::IMAGE_PNG, "a", metadata.clone())
        .await
        .unwrap();
    let dry = rig
        .manager
        .sweep(SweepOptions::new().with_dry_run())
        .await
        .unwrap();
    assert_eq!(dry[0].expired, 1);
    assert_eq!(rig.stored().await.len(), 1);
    let report = rig.manager.run_upkeep_once().await.unwrap();
    assert_eq!(report.sweeps[0].expired, 1);
    assert!(rig.stored().await.is_empty());
    assert!(rig.event_names().contains(&"media_expired".to_owned()));
    serde_json::to_string(&report).unwrap();
}

#[tokio::test]
async fn branches_that_were_never_finished_go() {
    let clock = MovedClock::default();
    let rig = Rig::on(
        answers(0),
        clock.state(),
        InMemoryStorage::new(),
        |builder| builder,
    );
    let id = ConversationId::mint();
    let source = BranchSource::new(ConversationId::mint(), 1);
    let record = ConversationRecord::new(id.clone())
        .with_status(ConversationStatus::Creating)
        .with_source(Some(source));
    rig.state
        .create(NewConversation::new(record))
        .await
        .unwrap();
    let metadata = MediaMetadata::new().with_conversation(id.clone());
    rig.store
        .store_bytes(Mime::IMAGE_PNG, "copy", metadata)
        .await
        .unwrap();
    let report = rig.manager.run_upkeep_once().await.unwrap();
    assert_eq!(report.abandoned_branches, 0);
    clock.forward(HOUR);
    let report = rig.manager.run_upkeep_once().await.unwrap();
    assert_eq!(report.abandoned_branches, 1);
    assert!(
        rig.state
            .load(&id, Window::MetadataOnly.into())
            .await
            .unwrap()
            .is_none()
    );
    assert!(rig.stored().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn upkeep_in_the_background_ends_with_the_manager() {
    let interval = Duration::from_secs(600);
    let config = ManagerConfig::new().with_background_upkeep(Some(interval));
    let rig = Rig::with(answers(0), |builder| builder.with_config(config.clone()));
    let metadata = MediaMetadata::new().with_retention(RetentionPolicy::DeleteAfterMinutes(0));
    rig.store
        .store_bytes(Mime::IMAGE_PNG, "a", metadata.clone())
        .await
        .unwrap();
    rig.manager.conversations("u1").await.unwrap();
    tokio::time::sleep(interval * 2).await;
    assert!(rig.stored().await.is_empty());
    rig.manager.shutdown(Duration::from_secs(1)).await.unwrap();
    rig.store
        .store_bytes(Mime::IMAGE_PNG, "b", metadata)
        .await
        .unwrap();
    tokio::time::sleep(interval * 4).await;
    assert_eq!(rig.stored().await.len(), 1);
}
