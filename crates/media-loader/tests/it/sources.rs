//! Each source, and no way from one to another.

use std::sync::Arc;

use async_trait::async_trait;
use media_loader::{LoadErrorKind, LoadOptions, MediaLoader, MimePolicy};
use media_storage::{
    DeleteOptions, InMemoryStorage, MediaMetadata, MediaStorage, MediaStorageExt as _, MediaUpload,
    RetrieveOptions, Scope, SignedUrl, SignedUrlOptions, StorageError, StorageErrorKind,
    StoredMedia, UrlSigner,
};
use media_storage_testkit::{Call, Fault};
use media_types::{MediaContent, MediaSource, Mime, ProviderFile, StorageReference};

use crate::{kind, png, stored, with_store};

#[tokio::test]
async fn inline_and_stored_media_load() {
    let (store, loader) = with_store();
    for len in [0, 1, 100, 200_000] {
        let bytes = png(len);
        let inline = MediaContent::from_bytes(Mime::IMAGE_PNG, bytes.clone());
        let media = loader.open(&inline).await.unwrap();
        assert_eq!((media.size, media.sha256), (Some(len as u64), None));
        assert!(loader.bytes(&inline).await.unwrap() == bytes);

        let content = stored(&store, &bytes).await;
        let media = loader.open(&content).await.unwrap();
        assert_eq!(media.mime, Mime::IMAGE_PNG);
        assert_eq!(media.size, Some(len as u64));
        assert_eq!(media.sha256, content.reference().unwrap().sha256());
        assert!(media.body.bytes(len as u64).await.unwrap() == bytes);
    }
}

#[tokio::test]
async fn every_obstacle_is_an_error_of_its_own() {
    let (store, loader) = with_store();
    let content = stored(&store, &png(100)).await;
    let bare = MediaLoader::builder().build();
    assert_eq!(kind(&bare, &content).await, LoadErrorKind::NoStorage);

    let of = |backend: &str, name: Option<&str>| {
        let id = content.reference().unwrap().id();
        let mut reference = StorageReference::builder(backend, id);
        if let Some(name) = name {
            reference = reference.with_store_name(name);
        }
        MediaContent::from_reference(Mime::IMAGE_PNG, reference.build().unwrap())
    };
    for elsewhere in [of("s3", None), of("memory", Some("eu"))] {
        let kind = kind(&loader, &elsewhere).await;
        assert_eq!(kind, LoadErrorKind::UnknownBackend);
    }

    let file = ProviderFile::new("openai", "file-abc").unwrap();
    let file = MediaContent::new(Mime::IMAGE_PNG, MediaSource::ProviderFile(file));
    assert_eq!(kind(&loader, &file).await, LoadErrorKind::ProviderManaged);

    store.delete(content.reference().unwrap()).await.unwrap();
    let error = loader.bytes(&content).await.unwrap_err();
    assert_eq!(
        *error.kind(),
        LoadErrorKind::Storage(StorageErrorKind::NotFound)
    );
    assert!(error.is_missing() && !error.is_retryable());
    assert_eq!(
        error.storage_error().unwrap().kind(),
        StorageErrorKind::NotFound
    );
}

#[cfg(not(feature = "http"))]
#[tokio::test]
async fn urls_are_not_fetched_without_the_feature() {
    let (_, loader) = with_store();
    let url = "https://u:secret@example.com/a.png?sig=secret";
    let url = MediaContent::from_url(Mime::IMAGE_PNG, url.parse().unwrap());
    let error = loader.bytes(&url).await.unwrap_err();
    assert_eq!(*error.kind(), LoadErrorKind::UrlNotSupported);
    assert!(!format!("{error} {error:?}").contains("secret"));
    assert!(loader.inspect(&url).await.is_err());
}

#[tokio::test]
async fn a_broken_reference_does_not_fall_through_to_a_url() {
    let (_, loader) = with_store();
    let json = r#"{"type":"image","mime_type":"image/png","url":"https://example.com/a.png",
        "storage_reference":{"id":"0f3c9a7e51b2k4m8n1p6r9t2vw","backend":"memory"}}"#;
    let content: MediaContent = serde_json::from_str(json).unwrap();
    let missing = LoadErrorKind::Storage(StorageErrorKind::NotFound);
    assert_eq!(kind(&loader, &content).await, missing);
}

#[tokio::test]
async fn storage_failures_keep_their_cause() {
    let (store, loader) = with_store();
    let content = stored(&store, &png(200_000)).await;
    store.inject(Fault::nth(Call::Retrieve, 1).fail(StorageErrorKind::Unavailable));
    let error = loader.base64(&content).await.unwrap_err();
    assert!(error.is_retryable() && !error.is_missing(), "{error:?}");
    for after in [0, 500, 150_000] {
        store.clear_faults();
        store.inject(
            Fault::every(Call::Retrieve)
                .in_body(after)
                .fail(StorageErrorKind::Corrupted),
        );
        let corrupted = LoadErrorKind::Storage(StorageErrorKind::Corrupted);
        assert_eq!(kind(&loader, &content).await, corrupted);
        assert_eq!(
            *loader.base64(&content).await.unwrap_err().kind(),
            corrupted
        );
    }
    store.clear_faults();
    assert!(loader.bytes(&content).await.is_ok());
}

#[tokio::test]
async fn foreign_media_is_not_found() {
    let (store, loader) = with_store();
    let content = stored(&store, &png(100)).await;
    let scoped = |user: &str| {
        let scope = Scope::User(user.parse().unwrap());
        loader.with_options(LoadOptions::new().with_expected_scope(scope))
    };
    assert!(scoped("user-1").bytes(&content).await.is_ok());
    assert!(
        scoped("user-2")
            .bytes(&content)
            .await
            .unwrap_err()
            .is_missing()
    );
    assert!(loader.bytes(&content).await.is_ok());
}

#[tokio::test]
async fn the_type_comes_from_the_bytes() {
    let (store, loader) = with_store();
    let strict = MediaLoader::builder()
        .with_storage(Arc::new(store.clone()))
        .with_mime_policy(MimePolicy::Reject)
        .build();
    let mislabelled = MediaContent::from_bytes(Mime::IMAGE_JPEG, png(100));
    let mismatch = LoadErrorKind::MimeMismatch {
        declared: Mime::IMAGE_JPEG,
        found: Mime::IMAGE_PNG,
    };
    assert_eq!(
        loader.open(&mislabelled).await.unwrap().mime,
        Mime::IMAGE_PNG
    );
    assert_eq!(kind(&strict, &mislabelled).await, mismatch);

    // The content says one type, the store's record another.
    let content = stored(&store, &png(100)).await;
    let reference = content.reference().unwrap().clone();
    let mislabelled = MediaContent::from_reference(Mime::IMAGE_JPEG, reference.clone());
    assert_eq!(
        loader.open(&mislabelled).await.unwrap().mime,
        Mime::IMAGE_PNG
    );
    assert_eq!(kind(&strict, &mislabelled).await, mismatch);
    let unlabelled = MediaContent::from_reference(Mime::OCTET_STREAM, reference);
    assert_eq!(
        strict.open(&unlabelled).await.unwrap().mime,
        Mime::IMAGE_PNG
    );

    let page = "<!doctype html><h1>Not Found</h1>".to_owned();
    let reference = store
        .store_bytes(Mime::IMAGE_PNG, page.clone(), Default::default())
        .await
        .unwrap();
    for page in [
        MediaContent::from_bytes(Mime::IMAGE_PNG, page),
        MediaContent::from_reference(Mime::IMAGE_PNG, reference),
    ] {
        for loader in [&loader, &strict] {
            let found = Mime::TEXT_HTML;
            let declared = Mime::IMAGE_PNG;
            let mismatch = LoadErrorKind::MimeMismatch { declared, found };
            assert_eq!(kind(loader, &page).await, mismatch);
        }
    }
}

#[tokio::test]
async fn no_url_is_signed_where_no_store_signs() {
    let (store, loader) = with_store();
    let content = stored(&store, &png(100)).await;
    let url = loader.url(&content, SignedUrlOptions::new()).await;
    assert!(url.unwrap().is_none());
    let inline = MediaContent::from_bytes(Mime::IMAGE_PNG, png(100));
    let url = loader.url(&inline, SignedUrlOptions::new()).await;
    assert!(url.unwrap().is_none());
}

/// A store that signs URLs for whom the scope allows.
#[derive(Debug)]
struct Signing(InMemoryStorage);

#[async_trait]
impl UrlSigner for Signing {
    async fn signed_url(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError> {
        let mut head = RetrieveOptions::new().with_head();
        if let Some(scope) = options.expected_scope() {
            head = head.with_expected_scope(scope.clone());
        }
        self.0.retrieve_opts(reference, head).await?;
        let url = "https://s3.example.com/a.png?sig=secret".parse()?;
        Ok(SignedUrl::new(url, chrono::Utc::now() + options.validity()))
    }
}

#[async_trait]
impl MediaStorage for Signing {
    media_storage::forward_storage!(self => self.0; backend, store, retrieve_opts, delete_opts);

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        Some(self)
    }
}

#[tokio::test]
async fn a_store_that_signs_is_asked_within_the_scope() {
    let store = Signing(InMemoryStorage::new());
    let metadata = MediaMetadata::new().with_user("user-1".parse().unwrap());
    let reference = store.store_bytes(Mime::IMAGE_PNG, png(100), metadata).await;
    let content = MediaContent::from_reference(Mime::IMAGE_PNG, reference.unwrap());
    let loader = MediaLoader::builder().with_storage(Arc::new(store)).build();
    let scoped = |user: &str| {
        let scope = Scope::User(user.parse().unwrap());
        loader.with_options(LoadOptions::new().with_expected_scope(scope))
    };
    for loader in [&loader, &scoped("user-1")] {
        let url = loader.url(&content, SignedUrlOptions::new()).await;
        let url = url.unwrap().unwrap();
        assert!(url.url().as_str().contains("sig=secret"));
        assert!(!format!("{url:?}").contains("secret"));
    }
    let foreign = scoped("user-2")
        .url(&content, SignedUrlOptions::new())
        .await;
    assert!(foreign.unwrap_err().is_missing());
}

/// A store with a name.
#[derive(Clone, Debug)]
struct Named(&'static str, InMemoryStorage);

#[async_trait]
impl MediaStorage for Named {
    fn backend(&self) -> &str {
        "memory"
    }
    fn name(&self) -> Option<&str> {
        Some(self.0)
    }
    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let made = self.1.store(upload).await?;
        Ok(StorageReference::builder("memory", made.id())
            .with_store_name(self.0)
            .build()?)
    }
    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let inner = StorageReference::builder("memory", reference.id()).build()?;
        self.1.retrieve_opts(&inner, options).await
    }
    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        self.1.delete_opts(reference, options).await
    }
}

#[tokio::test]
async fn of_several_stores_the_reference_chooses() {
    let (eu, us) = (
        Named("eu", InMemoryStorage::new()),
        Named("us", InMemoryStorage::new()),
    );
    let loader = MediaLoader::builder()
        .with_storage(Arc::new(eu.clone()))
        .with_storage(Arc::new(us.clone()));
    let both = loader.build();
    for (store, text) in [(&eu, "Europe"), (&us, "America")] {
        let reference = store
            .store_bytes(Mime::TEXT_PLAIN, text, Default::default())
            .await
            .unwrap();
        let content = MediaContent::from_reference(Mime::TEXT_PLAIN, reference.clone());
        assert_eq!(both.bytes(&content).await.unwrap(), text);

        let nameless = StorageReference::builder("memory", reference.id());
        let nameless = nameless.build().unwrap();
        let nameless = MediaContent::from_reference(Mime::TEXT_PLAIN, nameless);
        assert_eq!(kind(&both, &nameless).await, LoadErrorKind::UnknownBackend);
        let alone = MediaLoader::builder().with_storage(Arc::new(store.clone()));
        assert_eq!(alone.build().bytes(&nameless).await.unwrap(), text);
    }
}
