//! What becomes of an upload after the bucket has made media of it.
//!
//! It is gone from the inbox by then, so nothing here fails that the user could not help.

use media_http::{LinkSigner, UploadGrant, UploadedMedia, sign_links};
use media_image::{ImageLimits, PROBE_LEN, screen_pixels};
use media_storage::{
    MediaStorage, MediaStorageExt as _, Operation, RetrieveOptions, Scope, StorageError,
    StorageErrorKind,
};
use media_types::readable::causes;
use media_types::{Mime, StorageReference};

/// Deletes media that may not be uploaded: of another type than a grant permits, and images that nothing here would
/// decode. Media that cannot be read now is kept; whatever decodes it checks it again.
///
/// # Errors
/// `InvalidInput` and `TooLarge` for media that may not be uploaded.
pub(crate) async fn screen(
    storage: &dyn MediaStorage,
    grant: &UploadGrant,
    reference: &StorageReference,
) -> Result<(), StorageError> {
    let Err(error) = look_at(storage, grant, reference).await else {
        return Ok(());
    };
    if !matches!(
        error.kind(),
        StorageErrorKind::InvalidInput | StorageErrorKind::TooLarge
    ) {
        tracing::warn!(error = %causes(&error), "an upload was kept without a look at it");
        return Ok(());
    }
    if let Err(error) = storage.delete(reference).await {
        tracing::warn!(error = %causes(&error), "an upload that was refused stays until it expires");
    }
    Err(error)
}

async fn look_at(
    storage: &dyn MediaStorage,
    grant: &UploadGrant,
    reference: &StorageReference,
) -> Result<(), StorageError> {
    let beginning = RetrieveOptions::new().with_range(0..PROBE_LEN as u64);
    let stored = storage.retrieve_opts(reference, beginning).await?;
    if !grant.permits(&stored.mime) {
        return Err(
            StorageError::new(StorageErrorKind::InvalidInput, Operation::Store)
                .with_reason("media of this type is not taken"),
        );
    }
    screen_pixels(stored.body, &ImageLimits::new()).await?;
    Ok(())
}

/// What was said of an upload before it was stored.
pub(crate) struct AnnouncedMedia {
    pub(crate) mime_type: Mime,
    pub(crate) size: u64,
    pub(crate) filename: Option<String>,
}

/// Describes media as an upload through the service would, with a link that is good in a scope. Media that cannot be
/// read now is as it was announced, and has no link.
pub(crate) async fn describe(
    storage: &dyn MediaStorage,
    signer: &LinkSigner,
    scope: &Scope,
    reference: StorageReference,
    announced: AnnouncedMedia,
) -> UploadedMedia {
    let head = RetrieveOptions::new()
        .with_head()
        .with_expected_scope(scope.clone());
    let (mime_type, size) = match storage.retrieve_opts(&reference, head).await {
        Ok(stored) => (stored.mime, stored.size),
        Err(error) => {
            tracing::warn!(error = %causes(&error), "an upload is described as it was announced");
            (announced.mime_type, announced.size)
        }
    };
    let item = UploadedMedia::new(reference, mime_type, size);
    let mut items = [item.with_filename(announced.filename)];
    sign_links(&mut items, signer, scope).await;
    let [item] = items;
    item
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use media_http::LinkKeys;
    use media_storage::{InMemoryStorage, MediaMetadata, StoredMedia, forward_storage};

    use super::*;

    /// A store whose reads fail while it is told so.
    #[derive(Clone, Debug, Default)]
    struct UnreadableStore {
        inner: InMemoryStorage,
        fails: Arc<AtomicBool>,
    }

    #[async_trait]
    impl MediaStorage for UnreadableStore {
        forward_storage!(self => self.inner; backend, store, delete_opts);

        async fn retrieve_opts(
            &self,
            reference: &StorageReference,
            options: RetrieveOptions,
        ) -> Result<StoredMedia, StorageError> {
            if self.fails.load(Ordering::SeqCst) {
                let kind = StorageErrorKind::Unavailable;
                return Err(StorageError::new(kind, Operation::Retrieve));
            }
            self.inner.retrieve_opts(reference, options).await
        }
    }

    fn ann() -> MediaMetadata {
        MediaMetadata::new().with_user("ann".parse().unwrap())
    }

    fn png(edge: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend([edge.to_be_bytes(), edge.to_be_bytes()].concat());
        bytes.extend([8, 6, 0, 0, 0]);
        bytes.resize(2000, 7);
        bytes
    }

    #[tokio::test]
    async fn only_media_that_may_not_be_uploaded_is_deleted() {
        let store = UnreadableStore::default();
        let grant = UploadGrant::new(ann());
        let text: Mime = "text/plain".parse().unwrap();
        for (mime, bytes, refusal) in [
            (Mime::IMAGE_PNG, png(600), None),
            (
                Mime::IMAGE_PNG,
                png(60_000),
                Some(StorageErrorKind::TooLarge),
            ),
            (text, png(600), Some(StorageErrorKind::InvalidInput)),
        ] {
            let reference = store.store_bytes(mime, bytes, ann()).await.unwrap();
            store.fails.store(true, Ordering::SeqCst);
            screen(&store, &grant, &reference).await.unwrap();
            store.fails.store(false, Ordering::SeqCst);
            assert!(store.head(&reference).await.is_ok(), "it is not kept");
            let screened = screen(&store, &grant, &reference).await;
            assert_eq!(screened.err().map(|error| error.kind()), refusal);
            assert_eq!(store.head(&reference).await.is_ok(), refusal.is_none());
        }
    }

    #[tokio::test]
    async fn media_that_cannot_be_read_now_is_described_as_it_was_announced() {
        let store = UnreadableStore::default();
        let keys = LinkKeys::new("a secret of the tests with thirty-two bytes").unwrap();
        let signer = LinkSigner::new(store.clone(), keys, "https://chat.example/media").unwrap();
        let scope = Scope::User("ann".parse().unwrap());
        let stored = store.store_bytes(Mime::IMAGE_PNG, png(600), ann()).await;
        let reference = stored.unwrap();
        for fails in [false, true] {
            store.fails.store(fails, Ordering::SeqCst);
            let announced = AnnouncedMedia {
                mime_type: Mime::IMAGE_JPEG,
                size: 2000,
                filename: Some("photo.png".to_owned()),
            };
            let item = describe(&store, &signer, &scope, reference.clone(), announced).await;
            assert_eq!(item.size, 2000);
            assert_eq!(item.filename.as_deref(), Some("photo.png"));
            assert_eq!(item.mime_type == Mime::IMAGE_PNG, !fails);
            assert_eq!(item.url.is_some(), !fails);
        }
    }
}
