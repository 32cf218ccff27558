//! What users and clients may not choose.

use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationErrorKind as Kind, ForeignMedia, ManagerConfig, Owner, Start, UserMessage,
};
use media_storage::{MediaMetadata, MediaStorageExt};
use media_types::{MediaContent, MediaSource, Mime, ProviderFile, StorageReference};

use crate::support::{Rig, first_text, history, image_bytes};

/// Everything that a user may name and must not get: media of others, forged references, files of
/// this machine, file ids of a provider.
#[tokio::test]
async fn a_user_gets_nothing_that_is_not_theirs() {
    let rig = Rig::new(ScriptedProvider::new());
    let of_another = MediaMetadata::new()
        .with_conversation("conv-0".parse().unwrap())
        .with_user("u2".parse().unwrap());
    let theirs = rig
        .store
        .store_bytes(Mime::IMAGE_PNG, image_bytes(1, 1000), of_another)
        .await
        .unwrap();
    let forged = |backend: &str, id: &str| {
        let reference = StorageReference::builder(backend, id).build().unwrap();
        MediaContent::from_reference(Mime::IMAGE_PNG, reference)
    };
    let file = ProviderFile::new("openai", "file-abc").unwrap();
    let refused = [
        MediaContent::from_reference(Mime::IMAGE_PNG, theirs.clone()),
        forged("received", "x"),
        forged("received", "../x"),
        forged("memory", theirs.id()),
        forged("file", "../../etc/passwd"),
        MediaContent::new(Mime::IMAGE_PNG, MediaSource::ProviderFile(file)),
    ];
    for content in refused {
        let mut conversation = rig.start().await;
        let message = UserMessage::from("look").with_part(content.clone());
        let error = conversation.send(message).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Media, "{content:?}");
        assert!(history(&conversation).await.is_empty());
    }
    // Nobody was asked, and nothing was stored.
    assert_eq!(rig.provider.request_count(), 0);
    assert_eq!(rig.stored().await.len(), 1);
    // Whoever names what is not theirs raises no alert.
    let names = rig.event_names();
    assert!(
        !names.iter().any(|name| name == "media_missing"),
        "{names:?}"
    );
}

#[tokio::test]
async fn an_upload_of_the_same_user_is_taken_over() {
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().text("An image."))
        .with_answer(ScriptedAnswer::new().text("Still."));
    let rig = Rig::new(provider);
    let own = MediaMetadata::new().with_user("u1".parse().unwrap());
    let uploaded = rig
        .store
        .store_bytes(Mime::IMAGE_PNG, image_bytes(1, 5000), own)
        .await
        .unwrap();
    let mut conversation = rig.start().await;
    let content = MediaContent::from_reference(Mime::IMAGE_PNG, uploaded.clone());
    let message = UserMessage::from("look").with_part(content);
    let response = conversation.send(message).await.unwrap();
    let named = response.messages()[0]
        .media()
        .next()
        .unwrap()
        .reference()
        .unwrap();
    // A reference of the conversation's own; the upload goes by its expiry.
    assert_ne!(named.id(), uploaded.id());
    rig.store.delete(&uploaded).await.unwrap();
    let bytes = rig.store.retrieve_bytes(named, 1 << 20).await.unwrap();
    assert_eq!(bytes, image_bytes(1, 5000));
    // Naming what the conversation has already is no copy.
    let again = MediaContent::from_reference(Mime::IMAGE_PNG, named.clone());
    let message = UserMessage::from("and this?").with_part(again);
    conversation.send(message).await.unwrap();
    assert_eq!(rig.stored().await.len(), 1);
}

#[tokio::test]
async fn trusted_code_may_name_anything() {
    let provider = ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("ok"));
    let config = ManagerConfig::new().with_foreign_media(ForeignMedia::Allow);
    let rig = Rig::with(provider, |builder| builder.with_config(config));
    let mut conversation = rig.manager.start(Start::new()).await.unwrap();
    let file = ProviderFile::new("openai", "file-abc").unwrap();
    let content = MediaContent::new(Mime::IMAGE_PNG, MediaSource::ProviderFile(file));
    let message = UserMessage::from("look").with_part(content);
    conversation.send(message).await.unwrap();
}

#[tokio::test]
async fn a_running_turn_is_read_and_stopped_by_its_conversation_alone() {
    let gate = Gate::new();
    let answer = ScriptedAnswer::new()
        .text("for u1 ")
        .gate(&gate)
        .text("alone");
    let rig = Rig::new(ScriptedProvider::new().with_answer(answer));
    let mut conversation = rig.start().await;
    let mut events = conversation.stream("Go");
    first_text(&mut events).await;
    let other = Start::new().with_user("u2");
    let other = rig.manager.start(other).await.unwrap();
    for position in [events.position(), events.turn().clone().into()] {
        let error = other.attach(position).response().await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
    }
    let cancelled = rig
        .manager
        .cancel_turn(other.id(), Owner::user("u2"), events.turn())
        .await;
    assert_eq!(cancelled.unwrap_err().kind(), Kind::NotFound);
    gate.open();
    assert_eq!(events.response().await.unwrap().text(), "for u1 alone");
}
