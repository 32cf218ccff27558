//! Uploads.

use std::time::Duration;

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationErrorKind as Kind, LeaseTimes, ManagerConfig, Owner, ReconcileOptions, Start,
    Upload, Window,
};
use media_storage::{MediaMetadata, MediaStorageExt, RetentionPolicy};
use media_types::{Mime, UserId};
use tokio::sync::oneshot;

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
    // To ask whose it is reports nothing.
    let names = rig.event_names();
    assert!(
        !names.iter().any(|name| name == "media_missing"),
        "{names:?}"
    );
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
async fn media_that_a_function_stores_is_an_upload_of_its_user() {
    let rig = Rig::new(answers(0));
    let store = rig.store.clone();
    let stored = rig
        .manager
        .upload_with(Owner::user("u1"), |metadata| async move {
            let bytes = image_bytes(1, 200 * KIB);
            store.store_bytes(Mime::IMAGE_PNG, bytes, metadata).await
        });
    let reference = stored.await.unwrap();
    let kept = rig.store.retrieve(&reference).await.unwrap();
    assert_eq!(kept.metadata.user().unwrap().as_str(), "u1");
    let day = RetentionPolicy::RetainHours(24);
    assert_eq!(kept.metadata.retention(), Some(day));
    let ann: UserId = "u1".parse().unwrap();
    assert!(!rig.manager.is_erased(&ann).await.unwrap());
    assert!(rig.manager.erase_user(&ann).await.unwrap().is_complete());
    assert!(rig.manager.is_erased(&ann).await.unwrap());
    assert!(rig.stored().await.is_empty());
    rig.manager.lift_erasure(&ann).await.unwrap();
    assert!(!rig.manager.is_erased(&ann).await.unwrap());
}

#[tokio::test]
async fn media_that_a_function_did_not_store_for_its_user_is_refused() {
    let rig = Rig::new(answers(0));
    let (ann, bytes) = (Owner::user("u1"), image_bytes(1, 200 * KIB));
    let theirs = MediaMetadata::new().with_user("u2".parse().unwrap());
    let theirs = rig
        .store
        .store_bytes(Mime::IMAGE_PNG, bytes.clone(), theirs);
    let theirs = theirs.await.unwrap();

    let store = rig.store.clone();
    let as_another = rig.manager.upload_with(ann.clone(), |metadata| async move {
        let metadata = metadata.with_user("u2".parse().unwrap());
        store.store_bytes(Mime::IMAGE_PNG, bytes, metadata).await
    });
    assert_eq!(as_another.await.unwrap_err().kind(), Kind::InvalidInput);
    assert_eq!(rig.stored().await.len(), 1, "it was not deleted");

    let returned = theirs.clone();
    let of_another = rig
        .manager
        .upload_with(ann, |_| async move { Ok(returned) });
    assert_eq!(of_another.await.unwrap_err().kind(), Kind::InvalidInput);
    rig.store.head(&theirs).await.unwrap();
}

#[tokio::test]
async fn an_erasure_ends_a_function_that_stores_and_does_not_finish() {
    // Long enough to be renewed in time on a busy machine; the erasure waits for as long.
    let times = LeaseTimes::with_ttl(Duration::from_secs(5));
    let config = ManagerConfig::new().with_lease_times(times);
    let rig = Rig::with(answers(0), |builder| builder.with_config(config));
    let store = rig.store.clone();
    let (began, begins) = oneshot::channel();
    // Closed when the function is dropped.
    let (mut go, goes) = oneshot::channel::<()>();
    let manager = rig.manager.clone();
    let uploading = tokio::spawn(async move {
        let stored = manager.upload_with(Owner::user("u1"), |metadata| async move {
            began.send(()).unwrap();
            goes.await.unwrap();
            let bytes = image_bytes(1, 200 * KIB);
            store.store_bytes(Mime::IMAGE_PNG, bytes, metadata).await
        });
        stored.await
    });
    begins.await.unwrap();
    let ann: UserId = "u1".parse().unwrap();
    let receipt = rig.manager.erase_user(&ann).await.unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    go.closed().await;
    let error = uploading.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(rig.stored().await.is_empty());
}

#[tokio::test]
async fn media_that_a_function_stored_after_an_erasure_began_goes() {
    let rig = Rig::new(answers(0));
    let (store, manager) = (rig.store.clone(), rig.manager.clone());
    let (began, begins) = oneshot::channel();
    let (go, goes) = oneshot::channel::<()>();
    let uploading = tokio::spawn(async move {
        let stored = manager.upload_with(Owner::user("u1"), |metadata| async move {
            began.send(()).unwrap();
            goes.await.unwrap();
            let bytes = image_bytes(1, 200 * KIB);
            store.store_bytes(Mime::IMAGE_PNG, bytes, metadata).await
        });
        stored.await
    });
    begins.await.unwrap();
    let erasing = rig.manager.clone();
    let erasing = tokio::spawn(async move { erasing.erase_user(&"u1".parse().unwrap()).await });
    // Nothing of the user begins once the fence stands.
    while rig
        .manager
        .upload(Owner::user("u1"), upload())
        .await
        .is_ok()
    {}
    go.send(()).unwrap();
    let error = uploading.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(erasing.await.unwrap().unwrap().is_complete());
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
