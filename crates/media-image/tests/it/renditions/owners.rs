//! Whose renditions they are.

use std::sync::Arc;

use media_image::{ImageWorkers, RenditionError, Renditions};
use media_storage::{
    DuplicateOptions, MediaStorage, MediaStorageExt, MetadataPatch, Scope, StorageErrorKind,
};
use media_storage_testkit::{Call, Fault, FaultyStorage, Gate};
use media_types::{Mime, StorageReference};

use super::stores::{entries, metadata, photo, put, reference, stores, thumbnail};

type Held = FaultyStorage<Arc<dyn MediaStorage>>;

#[tokio::test]
async fn originals_outside_of_the_scope_are_not_found() {
    let bens = Scope::User("ben".parse().unwrap());
    for (store, _directory) in stores().await {
        let original = put(&store).await;
        store
            .rendition(&original, &thumbnail(), None)
            .await
            .unwrap();
        let error = store
            .rendition(&original, &thumbnail(), Some(&bens))
            .await
            .unwrap_err();
        assert!(
            matches!(error, RenditionError::Storage(e) if e.kind() == StorageErrorKind::NotFound)
        );
    }
}

#[tokio::test]
async fn renditions_of_other_owners_are_made_again() {
    let (store, _directory) = stores().await.remove(0);
    let original = put(&store).await;
    let child = reference(
        &store
            .rendition(&original, &thumbnail(), None)
            .await
            .unwrap(),
    );
    store
        .update(
            &original,
            MetadataPatch::new().with_user(Some("ben".parse().unwrap())),
        )
        .await
        .unwrap();
    assert!(!store.inner().exists(&child).await.unwrap());
    let again = reference(
        &store
            .rendition(&original, &thumbnail(), None)
            .await
            .unwrap(),
    );
    let metadata = store.retrieve(&again).await.unwrap().metadata;
    assert_eq!(metadata.user().unwrap().as_str(), "ben");
}

fn to_ben() -> MetadataPatch {
    MetadataPatch::new().with_user(Some("ben".parse().unwrap()))
}

/// Stores whose calls can be held: with slots for renditions, and without.
async fn held() -> Vec<(Renditions<Held>, tempfile::TempDir)> {
    let stores = stores().await.into_iter().take(2);
    let held = stores.map(|(store, directory)| {
        let held = FaultyStorage::new(Arc::clone(store.inner()));
        (Renditions::new(held, ImageWorkers::default()), directory)
    });
    held.collect()
}

/// Checks that there is nothing but an image of Ben, and that he gets a rendition of his own.
async fn check_that_all_is_bens(store: &Renditions<Held>, original: &StorageReference) {
    let inventory = store.inventory().unwrap();
    for (scope, expected) in [
        (Scope::User("ann".parse().unwrap()), 0),
        (Scope::User("ben".parse().unwrap()), 1),
    ] {
        let usage = inventory.usage(scope).await.unwrap();
        assert_eq!(usage.references, expected);
    }
    let made = store.rendition(original, &thumbnail(), None).await;
    let metadata = store.retrieve(&reference(&made.unwrap())).await;
    assert_eq!(metadata.unwrap().metadata.user().unwrap().as_str(), "ben");
}

#[tokio::test]
async fn an_image_that_changes_hands_while_its_rendition_is_made_leaves_none_to_the_owner_of_before()
 {
    for (store, _directory) in held().await {
        let upload = store.store_bytes(Mime::IMAGE_PNG, photo(), metadata());
        let original = upload.await.unwrap();
        let gate = Gate::new();
        // The first one reads to whom it belongs.
        let second = Fault::nth(Call::Retrieve, 2).hold(&gate);
        store.inner().inject(second);
        let profile = thumbnail();
        let giving = async {
            gate.arrived().await;
            store.update(&original, to_ben()).await.unwrap();
            gate.open();
        };
        let (made, ()) = tokio::join!(store.rendition(&original, &profile, None), giving);
        assert_eq!(made.unwrap().reference(), None);
        check_that_all_is_bens(&store, &original).await;
    }
}

#[tokio::test]
async fn a_rendition_that_is_made_while_its_image_changes_hands_goes() {
    for (store, _directory) in held().await {
        let upload = store.store_bytes(Mime::IMAGE_PNG, photo(), metadata());
        let original = upload.await.unwrap();
        let gate = Gate::new();
        store
            .inner()
            .inject(Fault::nth(Call::Update, 1).hold(&gate));
        let profile = thumbnail();
        let making = async {
            gate.arrived().await;
            let made = store.rendition(&original, &profile, None).await;
            assert!(made.unwrap().reference().is_some());
            gate.open();
        };
        let (updated, ()) = tokio::join!(store.update(&original, to_ben()), making);
        updated.unwrap();
        check_that_all_is_bens(&store, &original).await;
    }
}

#[tokio::test]
async fn copies_leave_renditions_out() {
    for (store, _directory) in stores().await {
        let original = put(&store).await;
        let child = reference(
            &store
                .rendition(&original, &thumbnail(), None)
                .await
                .unwrap(),
        );
        let options = || DuplicateOptions::new(metadata());
        let error = store.duplicate(&child, options()).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::InvalidInput);
        let copy = store.duplicate(&original, options()).await.unwrap();
        assert_eq!(entries(&store, Scope::All).await, 3);
        store.delete(&original).await.unwrap();
        assert!(store.exists(&copy).await.unwrap());
    }
}
