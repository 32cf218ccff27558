use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream::StreamExt;
use image::ImageFormat as Encoder;
use media_encryption::{Encrypted, LocalKeys, MasterKey};
use media_image::{
    ImageErrorKind, ImageFormat, ImageWorkers, MAX_RENDITIONS, Profile, RENDITION_TAG,
    RenditionError, Renditions, parent_of,
};
use media_storage::{
    DuplicateOptions, InMemoryStorage, MediaMetadata, MediaStorage, MediaStorageExt, MetadataPatch,
    RetentionPolicy, Scope, StorageErrorKind, SweepDepth, SweepOptions,
};
use media_storage_testkit::{Backend, StoreOptions, conformance_tests};
use media_store_fs::FileStore;
use media_types::{MediaContent, MediaSource, Mime, StorageReference};

use crate::samples;

type Store = Renditions<Arc<dyn MediaStorage>>;

/// Every kind of store: with ids that follow from the original's, and with listings; encrypted ones.
async fn stores() -> Vec<(Store, tempfile::TempDir)> {
    let mut stores = Vec::new();
    for (on_disk, encrypted) in [(true, false), (false, false), (true, true), (false, true)] {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn MediaStorage> = match on_disk {
            true => {
                let media = directory.path().join("media");
                Arc::new(FileStore::open(media).await.unwrap())
            }
            false => Arc::new(InMemoryStorage::new()),
        };
        let store = match encrypted {
            true => {
                let master_key = MasterKey::from_hex(&"5a".repeat(32)).unwrap();
                let keys = LocalKeys::builder(directory.path().join("keys"), master_key);
                let keys = keys.with_create(true).open().await.unwrap();
                Arc::new(Encrypted::builder(store, keys).build())
            }
            false => store,
        };
        stores.push((Renditions::new(store, ImageWorkers::default()), directory));
    }
    stores
}

fn metadata() -> MediaMetadata {
    MediaMetadata::new()
        .with_user("ann".parse().unwrap())
        .with_session("s".parse().unwrap())
        .with_conversation("c".parse().unwrap())
        .with_filename("beach.png".to_owned())
        .with_state_store("state-1".to_owned())
        .with_tag("album", "summer")
        .with_retention(RetentionPolicy::RetainDays(3))
}

fn photo() -> Bytes {
    samples::encoded(&samples::photo(300, 200), Encoder::Png)
}

async fn put(store: &Store) -> StorageReference {
    store
        .store_bytes(Mime::IMAGE_PNG, photo(), metadata())
        .await
        .unwrap()
}

fn thumbnail() -> Profile {
    Profile::thumbnail(60).with_formats([ImageFormat::Jpeg])
}

fn reference(content: &MediaContent) -> StorageReference {
    content
        .reference()
        .expect("a rendition that is stored")
        .clone()
}

async fn entries(store: &Store, scope: Scope) -> usize {
    store.inventory().unwrap().list(scope).count().await
}

#[tokio::test]
async fn a_rendition_has_scope_and_expiry_of_its_original() {
    for (store, _directory) in stores().await {
        let original = put(&store).await;
        let content = store
            .rendition(&original, &thumbnail(), None)
            .await
            .unwrap();
        assert_eq!((content.width(), content.height()), (Some(60), Some(40)));
        let child = reference(&content);
        assert_ne!(child.id(), original.id());
        let (of, stored) = (
            store.retrieve(&original).await.unwrap(),
            store.retrieve(&child).await.unwrap(),
        );
        assert_eq!(stored.expires_at(), of.expires_at());
        assert!(of.expires_at().is_some());
        for scope in [
            Scope::User("ann".parse().unwrap()),
            Scope::Conversation("c".parse().unwrap()),
            Scope::tag("album", "summer"),
        ] {
            assert!(scope.contains(&stored.metadata));
        }
        assert_eq!(stored.metadata.filename(), Some("beach.jpg"));
        // No history names it, so that nobody who reconciles histories may judge it.
        assert_eq!(stored.metadata.state_store(), None);
        assert_eq!(parent_of(&stored.metadata), Some(original.id()));
        assert!(stored.metadata.tags()[RENDITION_TAG].starts_with("60x40 "));
        assert_eq!(stored.mime, Mime::IMAGE_JPEG);
        let bytes = stored.body.bytes(1 << 20).await.unwrap();
        assert_eq!(image::load_from_memory(&bytes).unwrap().width(), 60);
        // The original is not a rendition.
        assert_eq!(parent_of(&of.metadata), None);
    }
}

#[tokio::test]
async fn it_is_made_once_however_many_ask() {
    for (store, _directory) in stores().await {
        let original = put(&store).await;
        let profile = thumbnail();
        let asked = (0..12).map(|_| store.rendition(&original, &profile, None));
        let made: Vec<_> = join_all(asked)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let first = reference(&made[0]);
        assert!(
            made.iter()
                .all(|content| reference(content).id() == first.id())
        );
        assert_eq!(entries(&store, Scope::All).await, 2);
        // Nor by another handle, as after a restart.
        let again = Renditions::new(Arc::clone(store.inner()), ImageWorkers::default());
        let content = again.rendition(&original, &profile, None).await.unwrap();
        assert_eq!(reference(&content).id(), first.id());
        assert_eq!(entries(&store, Scope::All).await, 2);
    }
}

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

#[tokio::test]
async fn an_original_that_fits_is_its_own_rendition() {
    for (store, _directory) in stores().await {
        let original = put(&store).await;
        let content = store
            .rendition(&original, &Profile::new(), None)
            .await
            .unwrap();
        assert_eq!(reference(&content), original);
        assert_eq!(content.width(), Some(300));
        assert_eq!(entries(&store, Scope::All).await, 1);
    }
}

#[tokio::test]
async fn more_renditions_than_are_kept_are_made_inline() {
    for (store, _directory) in stores().await {
        let original = put(&store).await;
        for edge in 0..MAX_RENDITIONS as u32 + 1 {
            let profile = Profile::thumbnail(20 + edge);
            let content = store.rendition(&original, &profile, None).await.unwrap();
            let is_stored = (edge as usize) < MAX_RENDITIONS;
            assert_eq!(
                matches!(content.source(), MediaSource::Stored(_)),
                is_stored
            );
        }
        assert_eq!(entries(&store, Scope::All).await, 1 + MAX_RENDITIONS);
        store.delete(&original).await.unwrap();
        assert_eq!(entries(&store, Scope::All).await, 0);
    }
}

#[tokio::test]
async fn what_is_no_image_stores_nothing() {
    for (store, _directory) in stores().await {
        let text = store
            .store_bytes(Mime::IMAGE_PNG, "no image", metadata())
            .await
            .unwrap();
        let error = store
            .rendition(&text, &thumbnail(), None)
            .await
            .unwrap_err();
        assert!(
            matches!(error, RenditionError::Image(e) if e.kind() == ImageErrorKind::UnknownFormat)
        );
        let bomb = samples::png_header(60_000, 60_000);
        let bomb = store
            .store_bytes(Mime::IMAGE_PNG, bomb, metadata())
            .await
            .unwrap();
        let error = store
            .rendition(&bomb, &thumbnail(), None)
            .await
            .unwrap_err();
        assert!(matches!(error, RenditionError::Image(e) if e.kind() == ImageErrorKind::TooLarge));
        assert_eq!(entries(&store, Scope::All).await, 2);
    }
}

struct Memory(InMemoryStorage);

impl Backend for Memory {
    type Store = Renditions<InMemoryStorage>;

    async fn open(
        &self,
        options: StoreOptions,
    ) -> Result<Self::Store, media_storage::StorageError> {
        let store = self.0.clone().with_max_media_size(options.max_media_size());
        let store = store.with_default_retention(options.default_retention());
        Ok(Renditions::new(store, ImageWorkers::default()))
    }
}

conformance_tests!(Memory(InMemoryStorage::new()));
