//! Limits are exact, whatever the source, and hold before the whole is read.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use media_loader::{FileAccess, LoadErrorKind, LoadOptions, MediaLoader};
use media_storage::{
    DeleteOptions, MediaBody, MediaStorage, MediaUpload, RetrieveOptions, StorageError, StoredMedia,
};
use media_types::{MediaContent, Mime, StorageReference};

use crate::{kind, png, stored, with_store};

#[tokio::test]
async fn the_limit_is_exact_for_every_source() {
    let (store, _) = with_store();
    let dir = tempfile::tempdir().unwrap();
    for limit in [10_u64, 300_000] {
        let loader = MediaLoader::builder()
            .with_storage(Arc::new(store.clone()))
            .with_file_access(FileAccess::Under(dir.path().to_owned()))
            .with_max_bytes(limit)
            .build();
        for size in [limit, limit + 1] {
            let bytes = png(usize::try_from(size).unwrap());
            std::fs::write(dir.path().join("a.png"), &bytes).unwrap();
            for content in [
                MediaContent::from_bytes(Mime::IMAGE_PNG, bytes.clone()),
                stored(&store, &bytes).await,
                MediaContent::from_path(Mime::IMAGE_PNG, "a.png"),
            ] {
                if size == limit {
                    assert!(
                        loader.bytes(&content).await.unwrap() == bytes,
                        "{content:?}"
                    );
                    continue;
                }
                let size = Some(size);
                let too_large = LoadErrorKind::TooLarge { limit, size };
                assert_eq!(kind(&loader, &content).await, too_large, "{content:?}");
                let error = loader.base64_stream(&content).await.unwrap_err();
                assert_eq!(*error.kind(), too_large);
                let text = error.to_string();
                assert!(text.contains(&limit.to_string()), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn options_lower_the_limit_and_never_raise_it() {
    let loader = MediaLoader::builder().with_max_bytes(100).build();
    let content = MediaContent::from_bytes(Mime::IMAGE_PNG, png(100));
    let with = |bytes| loader.with_options(LoadOptions::new().with_max_bytes(bytes));
    assert!(loader.bytes(&content).await.is_ok());
    assert!(with(99).bytes(&content).await.is_err());
    assert_eq!(with(101).max_bytes(), 100);
    let default = MediaLoader::builder().build();
    assert_eq!(default.max_bytes(), 50 * 1024 * 1024);
}

/// Says that its media is small, and sends without end.
#[derive(Debug)]
struct Liar;

#[async_trait]
impl MediaStorage for Liar {
    fn backend(&self) -> &str {
        "liar"
    }
    async fn store(&self, _: MediaUpload) -> Result<StorageReference, StorageError> {
        Ok(StorageReference::builder("liar", "x").build()?)
    }
    async fn retrieve_opts(
        &self,
        _: &StorageReference,
        _: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 1000])));
        let body = MediaBody::from_stream(None, endless);
        Ok(StoredMedia::new(Mime::OCTET_STREAM, 3, body))
    }
    async fn delete_opts(
        &self,
        _: &StorageReference,
        _: DeleteOptions,
    ) -> Result<(), StorageError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_store_that_lies_about_sizes_is_bounded() {
    let loader = MediaLoader::builder()
        .with_storage(Arc::new(Liar))
        .with_max_bytes(5000)
        .build();
    let reference = StorageReference::builder("liar", "x").build().unwrap();
    let content = MediaContent::from_reference(Mime::OCTET_STREAM, reference);
    let too_large = LoadErrorKind::TooLarge {
        limit: 5000,
        size: None,
    };
    assert_eq!(kind(&loader, &content).await, too_large);
    // Text of the promised length cannot be made of it.
    assert!(loader.base64(&content).await.is_err());
}
