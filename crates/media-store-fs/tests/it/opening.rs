//! Opening a store: what fails says what, where and why.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use media_storage::{
    DuplicateOptions, MediaMetadata, MediaStorage as _, MediaStorageExt as _, MetadataPatch, Scope,
    StorageError, StorageErrorKind, SweepOptions,
};
use media_store_fs::{DamagedMedia, FileStore, VerifyOptions};
use media_types::Mime;

use crate::support::{Place, get, of, put, tree};

/// The error of an opening, which names the path and speaks of no media.
fn refused(result: Result<FileStore, StorageError>, path: &std::path::Path) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Config, "{error}");
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    assert!(!text.contains("media not found"), "{text}");
    text
}

#[tokio::test]
async fn a_dangling_link_is_named() {
    let place = Place::new();
    std::os::unix::fs::symlink("nowhere", place.media()).unwrap();
    let text = refused(FileStore::open(place.media()).await, &place.media());
    assert!(
        text.contains("link to something that does not exist"),
        "{text}"
    );
}

#[tokio::test]
async fn a_missing_parent_is_named() {
    let place = Place::new();
    let path = place.root().join("missing/media");
    let text = refused(FileStore::open(&path).await, &path);
    assert!(text.contains("parent directory does not exist"), "{text}");
}

#[tokio::test]
async fn a_file_instead_of_a_directory_is_named() {
    let place = Place::new();
    fs::write(place.media(), "a file").unwrap();
    let text = refused(FileStore::open(place.media()).await, &place.media());
    assert!(text.contains("leads to a file"), "{text}");
}

#[tokio::test]
async fn a_directory_that_every_user_may_write_to_is_refused_with_advice() {
    let place = Place::new();
    fs::create_dir(place.media()).unwrap();
    fs::set_permissions(place.media(), fs::Permissions::from_mode(0o777)).unwrap();
    let text = refused(FileStore::open(place.media()).await, &place.media());
    assert!(text.contains("subdirectory"), "{text}");
    assert!(text.contains("emptyDir"), "{text}");
    FileStore::open(place.media().join("store")).await.unwrap();
}

#[tokio::test]
async fn a_mistyped_path_is_not_created_where_that_is_not_allowed() {
    let place = Place::new();
    let open = || FileStore::builder(place.media()).with_create(false).build();
    let text = refused(open().await, &place.media());
    assert!(text.contains("does not exist"), "{text}");
    assert!(!place.media().exists());
    place.store().await;
    open().await.unwrap();
}

#[tokio::test]
async fn a_read_only_store_reads_and_changes_nothing() {
    let place = Place::new();
    let open = || FileStore::builder(place.media()).with_read_only().build();
    refused(open().await, &place.media());
    for create in [true, false] {
        let builder = FileStore::builder(place.media()).with_read_only();
        refused(builder.with_create(create).build().await, &place.media());
    }
    assert!(!place.media().exists());
    fs::create_dir(place.media()).unwrap();
    let text = refused(open().await, &place.media());
    assert!(text.contains("not a media store"), "{text}");
    assert!(tree(&place.media()).is_empty());

    let writer = place.store().await;
    let reference = put(&writer, "bytes", of("s", "c")).await;
    drop(writer);
    let before = tree(&place.media());
    let reader = open().await.unwrap();
    assert_eq!(get(&reader, &reference).await, "bytes");
    let inventory = reader.inventory().unwrap();
    assert_eq!(inventory.usage(Scope::All).await.unwrap().references, 1);
    assert!(
        reader
            .verify(VerifyOptions::new())
            .await
            .unwrap()
            .is_clean()
    );
    let quarantine = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
    let metadata = MediaMetadata::new;
    let errors = [
        reader
            .store_bytes(Mime::IMAGE_PNG, "x", of("s", "c"))
            .await
            .unwrap_err(),
        reader.delete(&reference).await.unwrap_err(),
        reader
            .duplicate(&reference, DuplicateOptions::new(metadata()))
            .await
            .unwrap_err(),
        reader
            .update(&reference, MetadataPatch::new())
            .await
            .unwrap_err(),
        inventory.delete_scope(Scope::All).await.unwrap_err(),
        inventory.sweep(SweepOptions::new()).await.unwrap_err(),
        reader.export_dedup_index().await.unwrap_err(),
        reader.verify(quarantine).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), StorageErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("read-only"), "{error}");
    }
    assert_eq!(before, tree(&place.media()));
}
