//! Media stores that fail.

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationErrorKind as Kind, ConversationManager, ManagerConfig, OmissionReason,
    OnStorageError, Owner, Part, Start, TurnStatus, Upload, Window,
};
use media_storage::{InMemoryStorage, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage};
use media_types::{MediaSource, Mime};

use crate::support::{KIB, history, image, image_bytes};

fn manager(
    store: &FaultyStorage<InMemoryStorage>,
    provider: ScriptedProvider,
    choice: OnStorageError,
) -> ConversationManager {
    ConversationManager::builder()
        .with_provider(provider)
        .with_media_storage(store.clone())
        .with_config(ManagerConfig::new().with_on_storage_error(choice))
        .build()
        .unwrap()
}

#[tokio::test]
async fn fail_turn_refuses_the_users_media_and_leaves_nothing() {
    for failing in 1..=3 {
        let fault = Fault::nth(Call::Store, failing).fail(StorageErrorKind::Unavailable);
        let store = FaultyStorage::new(InMemoryStorage::new()).with_fault(fault);
        let provider = ScriptedProvider::new();
        let manager = manager(&store, provider.clone(), OnStorageError::FailTurn);
        let mut conversation = manager.start(Start::new()).await.unwrap();
        let photos = [1, 2, 3].map(|seed| image(seed, 120 * KIB));
        let error = conversation
            .send_with_media("look", photos)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Storage);
        assert!(error.is_retryable());
        assert!(history(&conversation).await.is_empty());
        assert_eq!(provider.request_count(), 0);
        assert_eq!(store.stored().len(), store.deleted().len());
    }
}

#[tokio::test]
async fn fail_turn_keeps_the_text_of_an_answer_whose_media_is_lost() {
    let fault = Fault::every(Call::Store).fail(StorageErrorKind::DiskSpace);
    let store = FaultyStorage::new(InMemoryStorage::new()).with_fault(fault);
    let answer = ScriptedAnswer::new()
        .text("Here it is.")
        .media(Mime::IMAGE_PNG, image_bytes(1, 200 * KIB));
    let provider = ScriptedProvider::new().with_answer(answer);
    let manager = manager(&store, provider, OnStorageError::FailTurn);
    let mut conversation = manager.start(Start::new()).await.unwrap();
    let error = conversation.send("paint").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert_eq!(error.kept().unwrap().text(), "Here it is.");
    let messages = conversation.messages(Window::All).await.unwrap();
    let omitted = messages[1].content.iter().find_map(|part| match part {
        Part::Omitted(omitted) => Some(omitted),
        _ => None,
    });
    assert_eq!(omitted.unwrap().reason, OmissionReason::StorageFailed);
    let read = conversation.read(Window::All).await.unwrap();
    assert_eq!(read.turns[0].status, TurnStatus::Interrupted);
}

#[tokio::test]
async fn keep_inline_goes_on_and_says_so() {
    let fault = Fault::every(Call::Store).fail(StorageErrorKind::Unavailable);
    let store = FaultyStorage::new(InMemoryStorage::new()).with_fault(fault);
    let answer = ScriptedAnswer::new()
        .text("Mine:")
        .media(Mime::IMAGE_PNG, image_bytes(2, 200 * KIB));
    let provider = ScriptedProvider::new().with_answer(answer);
    let manager = manager(&store, provider, OnStorageError::KeepInline);
    let mut conversation = manager.start(Start::new()).await.unwrap();
    let photo = image(1, 150 * KIB);
    let response = conversation.send_with_media("look", [photo]).await.unwrap();
    assert_eq!(response.kept_inline().len(), 2);
    let inline =
        |media: &media_types::MediaContent| matches!(media.source(), MediaSource::Inline(_));
    assert!(
        response
            .messages()
            .iter()
            .flat_map(|m| m.media())
            .all(inline)
    );
}

#[tokio::test]
async fn one_message_keeps_only_so_much_inline() {
    let fault = Fault::every(Call::Store).fail(StorageErrorKind::Unavailable);
    let store = FaultyStorage::new(InMemoryStorage::new()).with_fault(fault);
    let provider = ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("ok"));
    let manager = ConversationManager::builder()
        .with_provider(provider)
        .with_media_storage(store)
        .with_config(ManagerConfig::new().with_max_inline_bytes(300 * KIB as u64))
        .build()
        .unwrap();
    let mut conversation = manager.start(Start::new()).await.unwrap();
    let photos = [1, 2, 3].map(|seed| image(seed, 140 * KIB));
    conversation.send_with_media("look", photos).await.unwrap();
    let messages = conversation.messages(Window::All).await.unwrap();
    let inline = messages[0].media().filter(|m| m.inline().is_some()).count();
    assert_eq!(inline, 2);
}

#[tokio::test]
async fn an_upload_that_cannot_be_copied_now_may_be_sent_again() {
    let faults = [
        Fault::nth(Call::Retrieve, 1).fail(StorageErrorKind::Unavailable),
        Fault::nth(Call::Retrieve, 2).fail(StorageErrorKind::Unavailable),
        Fault::nth(Call::Store, 2).fail(StorageErrorKind::DiskSpace),
    ];
    for fault in faults {
        let store = FaultyStorage::new(InMemoryStorage::new()).with_fault(fault);
        let provider = ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("a cat"));
        let manager = manager(&store, provider, OnStorageError::KeepInline);
        let start = Start::new().with_user("u1");
        let mut conversation = manager.start(start).await.unwrap();
        let upload = Upload::new(Mime::IMAGE_PNG, image_bytes(1, KIB));
        let upload = manager.upload(Owner::user("u1"), upload).await.unwrap();
        let parts = vec![Part::Media(upload)];
        let error = conversation.send(parts.clone()).await.unwrap_err();
        // Not `Media`, which says that the message itself is wrong.
        assert_eq!(error.kind(), Kind::Storage);
        assert!(error.is_retryable());
        assert!(history(&conversation).await.is_empty());
        assert_eq!(conversation.send(parts).await.unwrap().text(), "a cat");
    }
}
