//! Uploads.

use std::time::Duration;

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationErrorKind as Kind, Owner, ReconcileOptions, Start, Upload, Window,
};
use media_storage::{MediaStorageExt, RetentionPolicy};
use media_types::Mime;

use crate::support::{KIB, Rig, image_bytes, references};

fn answers(count: usize) -> ScriptedProvider {
    (0..count).fold(ScriptedProvider::new(), |provider, _| {
        provider.with_answer(ScriptedAnswer::new().text("ok"))
    })
}

fn upload() -> Upload {
    Upload::new(Mime::IMAGE_PNG, image_bytes(1, 200 * KIB)).with_filename("cat.png")
}

#[tokio::test]
async fn an_upload_is_copied_into_each_conversation_that_names_it() {
    let rig = Rig::new(answers(2));
    let media = rig
        .manager
        .upload(Owner::user("u1"), upload())
        .await
        .unwrap();
    let reference = media.reference().unwrap().clone();
    let stored = rig.store.head(&reference).await.unwrap();
    assert_eq!(media.filename(), Some("cat.png"));
    assert!(stored.expires_at().is_some() && stored.metadata.state_store().is_none());
    for _ in 0..2 {
        let mut conversation = rig.start().await;
        conversation
            .send_with_media("look", [media.clone()])
            .await
            .unwrap();
        let copy = references(&conversation.messages(Window::All).await.unwrap()).remove(0);
        assert_ne!(copy, reference);
        let copied = rig.store.head(&copy).await.unwrap();
        assert_eq!(copied.expires_at(), None);
        assert_eq!(copied.metadata.conversation(), Some(conversation.id()));
    }
    assert_eq!(rig.stored().await.len(), 3);
}

#[tokio::test]
async fn an_upload_is_its_users_alone() {
    let rig = Rig::new(answers(1));
    let media = rig
        .manager
        .upload(Owner::user("u1"), upload())
        .await
        .unwrap();
    let mut conversation = rig
        .manager
        .start(Start::new().with_user("u2"))
        .await
        .unwrap();
    let error = conversation
        .send_with_media("?", [media])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Media);
    assert_eq!(rig.stored().await.len(), 1);
    let error = rig
        .manager
        .upload(Owner::any(), upload())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidInput);
}

#[tokio::test]
async fn uploads_of_a_user_who_is_erased_are_refused_and_gone() {
    let rig = Rig::new(answers(0));
    for _ in 0..10 {
        rig.manager
            .upload(Owner::user("u1"), upload())
            .await
            .unwrap();
    }
    let receipt = rig
        .manager
        .erase_user(&"u1".parse().unwrap())
        .await
        .unwrap();
    assert!(receipt.is_complete());
    assert_eq!(receipt.places[0].references, 10);
    let error = rig
        .manager
        .upload(Owner::user("u1"), upload())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(rig.stored().await.is_empty());
}

#[tokio::test]
async fn uploads_go_by_their_retention_alone() {
    let rig = Rig::new(answers(0));
    let kept = upload().with_retention(RetentionPolicy::Retain);
    rig.manager.upload(Owner::user("u1"), kept).await.unwrap();
    let short = upload().with_retention(RetentionPolicy::DeleteAfterMinutes(0));
    rig.manager.upload(Owner::user("u1"), short).await.unwrap();
    let options = ReconcileOptions::new()
        .with_grace(Duration::ZERO)
        .with_force(true);
    for _ in 0..2 {
        let report = rig.manager.reconcile(options.clone()).await.unwrap();
        assert_eq!((report.stores[0].foreign, report.deleted()), (2, 0));
    }
    rig.manager.run_upkeep_once().await.unwrap();
    assert_eq!(rig.stored().await.len(), 1);
}
