//! What is told without reading the body, and that it is not read.

use std::sync::Arc;

use media_loader::{FileAccess, LoadErrorKind, LoadOptions, MediaLoader};
use media_storage::{MediaStorageExt as _, Scope};
use media_storage_testkit::Call;
use media_types::{MediaContent, MediaSource, Mime, ProviderFile};

use crate::{png, stored, with_store};

#[tokio::test]
async fn stored_media_is_told_without_its_bytes() {
    let (store, loader) = with_store();
    let content = stored(&store, &png(200_000)).await;
    let facts = loader.inspect(&content).await.unwrap();
    assert_eq!((facts.mime, facts.size), (Mime::IMAGE_PNG, Some(200_000)));
    assert_eq!(facts.sha256, content.reference().unwrap().sha256());
    assert_eq!(store.calls(Call::Retrieve), 1);
    assert_eq!(store.bytes_retrieved(), 0);

    let reference = content.reference().unwrap().clone();
    let mislabelled = MediaContent::from_reference(Mime::IMAGE_JPEG, reference.clone());
    let facts = loader.inspect(&mislabelled).await.unwrap();
    assert_eq!(facts.mime, Mime::IMAGE_PNG);

    let scope = Scope::User("user-2".parse().unwrap());
    let foreign = loader.with_options(LoadOptions::new().with_expected_scope(scope));
    assert!(foreign.inspect(&content).await.unwrap_err().is_missing());
    store.delete(&reference).await.unwrap();
    assert!(loader.inspect(&content).await.unwrap_err().is_missing());
}

#[tokio::test]
async fn files_and_inline_media_are_told_by_their_first_bytes() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), png(300_000)).unwrap();
    let (store, _) = with_store();
    let loader = MediaLoader::builder()
        .with_storage(Arc::new(store.clone()))
        .with_file_access(FileAccess::Under(dir.path().to_owned()))
        .with_max_bytes(300_000)
        .build();
    for declared in [Mime::OCTET_STREAM, Mime::IMAGE_JPEG] {
        for content in [
            MediaContent::from_path(declared.clone(), "a"),
            MediaContent::from_bytes(declared, png(300_000)),
        ] {
            let facts = loader.inspect(&content).await.unwrap();
            assert_eq!((facts.mime, facts.size), (Mime::IMAGE_PNG, Some(300_000)));
            assert_eq!(facts.sha256, None);
        }
    }
    std::fs::write(dir.path().join("a"), png(300_001)).unwrap();
    for content in [
        MediaContent::from_path(Mime::IMAGE_PNG, "a"),
        MediaContent::from_bytes(Mime::IMAGE_PNG, png(300_001)),
        stored(&store, &png(300_001)).await,
    ] {
        let error = loader.inspect(&content).await.unwrap_err();
        let too_large = LoadErrorKind::TooLarge {
            limit: 300_000,
            size: Some(300_001),
        };
        assert_eq!(*error.kind(), too_large);
    }
    let file = ProviderFile::new("openai", "file-abc").unwrap();
    let file = MediaContent::new(Mime::IMAGE_PNG, MediaSource::ProviderFile(file));
    let error = loader.inspect(&file).await.unwrap_err();
    assert_eq!(*error.kind(), LoadErrorKind::ProviderManaged);
}
