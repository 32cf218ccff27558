//! How renditions end: with their originals, and as orphans.

use media_image::{Profile, RenditionError};
use media_storage::{
    MediaStorage, MediaStorageExt, Scope, StorageErrorKind, SweepDepth, SweepOptions,
};
use media_types::StorageReference;

use super::stores::{Store, entries, put, reference, stores, thumbnail};

#[tokio::test]
async fn it_dies_with_its_original() {
    for (store, _directory) in stores().await {
        let delete_many = |references: Vec<StorageReference>| {
            let store = store.clone();
            async move {
                let results = store.delete_many(&references, Default::default()).await;
                results.into_iter().for_each(|result| result.unwrap());
            }
        };
        for many in [false, true] {
            let (original, other) = (put(&store).await, put(&store).await);
            let mut children = Vec::new();
            for edge in [40, 60] {
                let content = store
                    .rendition(&original, &Profile::thumbnail(edge), None)
                    .await;
                children.push(reference(&content.unwrap()));
            }
            let kept = store.rendition(&other, &thumbnail(), None).await.unwrap();
            match many {
                false => store.delete(&original).await.unwrap(),
                true => delete_many(vec![original.clone()]).await,
            }
            for child in children {
                let error = store.inner().retrieve(&child).await.unwrap_err();
                assert_eq!(error.kind(), StorageErrorKind::NotFound);
            }
            assert!(store.exists(&reference(&kept)).await.unwrap());
            // It is made no more.
            let error = store
                .rendition(&original, &thumbnail(), None)
                .await
                .unwrap_err();
            assert!(
                matches!(error, RenditionError::Storage(e) if e.kind() == StorageErrorKind::NotFound)
            );
            delete_many(vec![other]).await;
            assert_eq!(entries(&store, Scope::All).await, 0);
        }
    }
}

#[tokio::test]
async fn deleting_a_conversation_and_erasing_a_user_take_it_along() {
    for scope in [
        Scope::Conversation("c".parse().unwrap()),
        Scope::User("ann".parse().unwrap()),
    ] {
        for (store, _directory) in stores().await {
            let original = put(&store).await;
            let child = store
                .rendition(&original, &thumbnail(), None)
                .await
                .unwrap();
            let inventory = store.inventory().unwrap();
            assert_eq!(
                inventory.delete_scope(scope.clone()).await.unwrap().deleted,
                2
            );
            assert!(!store.inner().exists(&reference(&child)).await.unwrap());
        }
    }
}

#[tokio::test]
async fn an_orphan_is_not_found_and_is_removed() {
    for (store, _directory) in stores().await {
        let (original, other) = (put(&store).await, put(&store).await);
        let orphan = reference(
            &store
                .rendition(&original, &thumbnail(), None)
                .await
                .unwrap(),
        );
        let kept = reference(&store.rendition(&other, &thumbnail(), None).await.unwrap());
        // Deleted beside the layer.
        store.inner().delete(&original).await.unwrap();
        let error = store.retrieve(&orphan).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound);
        assert_eq!(store.remove_orphans(Scope::All).await.unwrap(), 1);
        assert!(!store.inner().exists(&orphan).await.unwrap());
        assert!(store.exists(&kept).await.unwrap() && store.exists(&other).await.unwrap());
    }
}

#[tokio::test]
async fn full_sweeps_remove_orphans_by_themselves() {
    for (store, _directory) in stores().await {
        let (original, other) = (put(&store).await, put(&store).await);
        for original in [&original, &other] {
            store.rendition(original, &thumbnail(), None).await.unwrap();
        }
        store.inner().delete(&original).await.unwrap();
        let sweep = |store: Store, options: SweepOptions| async move {
            let report = store.inventory().unwrap().sweep(options).await.unwrap();
            (report.orphans, report.failed)
        };
        let full = || SweepOptions::new().with_depth(SweepDepth::Full);
        assert_eq!(sweep(store.clone(), SweepOptions::new()).await, (0, 0));
        let without = store.clone().with_orphan_sweeps(false);
        assert_eq!(sweep(without, full()).await, (0, 0));
        assert_eq!(sweep(store.clone(), full().with_dry_run()).await, (1, 0));
        assert_eq!(
            sweep(store.clone(), full().with_max_deletes(0)).await,
            (0, 0)
        );
        assert_eq!(entries(&store, Scope::All).await, 3);
        let limited = full().with_max_deletes(1);
        assert_eq!(sweep(store.clone(), limited).await, (1, 0));
        assert_eq!(entries(&store, Scope::All).await, 2);
        assert_eq!(sweep(store.clone(), full()).await, (0, 0));
    }
}
