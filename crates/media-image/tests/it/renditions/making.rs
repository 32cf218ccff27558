//! Which renditions are made, and how often.

use std::sync::Arc;

use futures_util::future::join_all;
use media_image::{
    ImageErrorKind, ImageWorkers, MAX_RENDITIONS, Profile, RENDITION_TAG, RenditionError,
    Renditions, parent_of,
};
use media_storage::{MediaStorageExt, Scope};
use media_types::{MediaSource, Mime};

use super::stores::{entries, metadata, put, reference, stores, thumbnail};
use crate::samples;

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
