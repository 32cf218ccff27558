//! Renditions of images in a bucket, whose ids follow from those of their originals.

use std::sync::Arc;

use image::{DynamicImage, ImageFormat, RgbImage};
use media_image::{ImageWorkers, Profile, Renditions, parent_of};
use media_storage::{
    MediaMetadata, MediaStorage, MediaStorageExt, Scope, StorageErrorKind, SweepDepth, SweepOptions,
};
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use media_types::Mime;
use object_store::memory::InMemory;

#[tokio::test]
async fn they_die_with_their_original() {
    for (deduplication, protocol) in [
        (false, ProtocolVersion::First),
        (true, ProtocolVersion::First),
        (false, ProtocolVersion::Second),
        (true, ProtocolVersion::Second),
    ] {
        let builder = ObjectMediaStore::builder().with_object_store(Arc::new(InMemory::new()));
        let builder = builder
            .with_deduplication(deduplication)
            .with_protocol(protocol);
        let store = Renditions::new(builder.build().await.unwrap(), ImageWorkers::default());
        let metadata = MediaMetadata::new()
            .with_user("ann".parse().unwrap())
            .with_session("s".parse().unwrap())
            .with_conversation("c".parse().unwrap());
        let mut photo = std::io::Cursor::new(Vec::new());
        let image = RgbImage::from_fn(200, 100, |x, y| image::Rgb([x as u8, y as u8, 7]));
        DynamicImage::from(image)
            .write_to(&mut photo, ImageFormat::Png)
            .unwrap();
        let photo = photo.into_inner();
        let profile = Profile::thumbnail(50);
        let put = || store.store_bytes(Mime::IMAGE_PNG, photo.clone(), metadata.clone());

        let original = put().await.unwrap();
        let child = store.rendition(&original, &profile, None).await.unwrap();
        let child = child.reference().unwrap().clone();
        let stored = store.retrieve(&child).await.unwrap();
        assert_eq!(parent_of(&stored.metadata), Some(original.id()));
        let again = store.rendition(&original, &profile, None).await.unwrap();
        assert_eq!(again.reference().unwrap().id(), child.id());
        // What was deleted alone is made again; where its name stays taken, another is used.
        store.delete(&child).await.unwrap();
        let again = store.rendition(&original, &profile, None).await.unwrap();
        let child = again.reference().unwrap().clone();
        assert!(store.exists(&child).await.unwrap());
        let again = store.rendition(&original, &profile, None).await.unwrap();
        assert_eq!(again.reference().unwrap().id(), child.id());

        // Deleted beside the layer, and found by a full sweep.
        let other = put().await.unwrap();
        let orphan = store.rendition(&other, &profile, None).await.unwrap();
        let orphan = orphan.reference().unwrap();
        store.inner().delete(&other).await.unwrap();
        let error = store.retrieve(orphan).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound);
        let full = SweepOptions::new().with_depth(SweepDepth::Full);
        let swept = store.inventory().unwrap().sweep(full).await.unwrap();
        assert_eq!((swept.orphans, swept.failed), (1, 0));
        assert!(!store.inner().exists(orphan).await.unwrap());
        assert!(store.exists(&child).await.unwrap());

        store.delete(&original).await.unwrap();
        let error = store.inner().retrieve(&child).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound);

        let original = put().await.unwrap();
        let child = store.rendition(&original, &profile, None).await.unwrap();
        let inventory = store.inventory().unwrap();
        inventory
            .delete_scope(Scope::User("ann".parse().unwrap()))
            .await
            .unwrap();
        assert!(
            !store
                .inner()
                .exists(child.reference().unwrap())
                .await
                .unwrap()
        );
    }
}
