//! Whose renditions they are.

use media_image::RenditionError;
use media_storage::{
    DuplicateOptions, MediaStorage, MediaStorageExt, MetadataPatch, Scope, StorageErrorKind,
};

use super::stores::{entries, metadata, put, reference, stores, thumbnail};

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
