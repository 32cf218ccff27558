//! Directories that are moved while a store is open, and walks that nobody waits for.

use std::fs;

use bytes::Bytes;
use futures_util::StreamExt as _;
use media_storage::{
    DuplicateOptions, MediaStorage as _, MediaStorageExt as _, MetadataPatch, RetentionPolicy,
    Scope, StorageErrorKind,
};
use media_store_fs::{Durability, FileStore};
use media_types::Mime;

use crate::support::{Place, get, of, put, tree};

#[tokio::test]
async fn nothing_is_acknowledged_into_a_directory_that_was_moved_away() {
    let place = Place::new();
    for deduplication in [true, false] {
        let builder = place.builder().with_deduplication(deduplication);
        let store = builder.build().await.unwrap();
        let session = format!("s-{deduplication}");
        let before = put(&store, "before", of(&session, "c")).await;
        let away = place.root().join(format!("away-{deduplication}"));
        fs::rename(place.media().join(&session), &away).unwrap();
        let after = put(&store, "after", of(&session, "c")).await;
        assert!(place.media().join(after.id()).is_file());
        assert_eq!(get(&store, &after).await, "after");
        assert_eq!(tree(&away).len(), 3, "{:?}", tree(&away));
        let error = store.retrieve(&before).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound);
    }
}

#[tokio::test]
async fn an_update_whose_expiry_hint_cannot_be_created_succeeds() {
    let place = Place::new();
    let store = place.store().await;
    let media = put(&store, "bytes", of("s", "c")).await;
    let stored_at = store.head(&media).await.unwrap().stored_at.unwrap();
    let policy = RetentionPolicy::RetainDays(3);
    let bucket = policy.expires_at(stored_at).unwrap();
    let bucket = format!(".store/expiry/{}", bucket.format("%Y-%m-%dT%H"));
    // A file where the directory of the hour belongs.
    fs::write(place.media().join(bucket), "").unwrap();
    let patch = MetadataPatch::new().with_retention(policy);
    store.update(&media, patch).await.unwrap();
    let head = store.head(&media).await.unwrap();
    assert_eq!(head.metadata.retention(), Some(policy));
    assert_eq!(head.expires_at(), policy.expires_at(stored_at));
}

#[tokio::test]
async fn a_delete_removes_nothing_outside_of_the_store() {
    let place = Place::new();
    let store = place.store().await;
    let media = put(&store, "bytes", of("s", "c")).await;
    let away = place.root().join("away");
    fs::rename(place.media().join("s"), &away).unwrap();
    let outside = tree(&away);
    store.delete(&media).await.unwrap();
    assert_eq!(outside, tree(&away));
    // Another directory under the old name is not mistaken for the moved one.
    fs::create_dir_all(place.media().join("s/c")).unwrap();
    store.delete(&media).await.unwrap();
    store
        .inventory()
        .unwrap()
        .delete_scope(Scope::All)
        .await
        .unwrap();
    assert_eq!(outside, tree(&away));
    fs::remove_dir_all(place.media().join("s")).unwrap();
    fs::rename(&away, place.media().join("s")).unwrap();
    assert_eq!(get(&store, &media).await, "bytes");
}

#[tokio::test]
async fn a_duplicate_is_a_link() {
    use std::os::unix::fs::MetadataExt as _;
    let place = Place::new();
    for deduplication in [true, false] {
        let builder = place.builder().with_deduplication(deduplication);
        let store = builder.build().await.unwrap();
        let source = put(&store, "bytes", of("s", "c")).await;
        let options = DuplicateOptions::new(of("s2", "c2"));
        let copy = store.duplicate(&source, options).await.unwrap();
        let inode = |id: &str| fs::metadata(place.media().join(id)).unwrap().ino();
        assert_eq!(inode(source.id()), inode(copy.id()));
        store.delete(&source).await.unwrap();
        assert_eq!(get(&store, &copy).await, "bytes");
    }
}

/// A runtime with a single blocking thread, so that a job which does not end stops everything.
fn narrow() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

async fn filled(place: &Place, count: usize) -> FileStore {
    let builder = place.builder().with_durability(Durability::Buffered);
    let store = builder.build().await.unwrap();
    for at in 0..count {
        let bytes = Bytes::from(at.to_string());
        let metadata = of("s", "c");
        store
            .store_bytes(Mime::IMAGE_PNG, bytes, metadata)
            .await
            .unwrap();
    }
    store
}

#[test]
fn a_list_that_nobody_reads_occupies_no_thread() {
    let place = Place::new();
    narrow().block_on(async {
        let store = filled(&place, 200).await;
        let inventory = store.inventory().unwrap();
        let mut lists: Vec<_> = (0..600).map(|_| inventory.list(Scope::All)).collect();
        for list in &mut lists {
            list.next().await.unwrap().unwrap();
        }
        let reference = put(&store, "served", of("s", "c")).await;
        assert_eq!(get(&store, &reference).await, "served");
        let rest: Vec<_> = lists.pop().unwrap().collect().await;
        assert!((199..=200).contains(&rest.len()), "{}", rest.len());
    });
}

/// The job of the deletion holds the only thread until it ends, so the store that follows shows when
/// that was.
#[test]
fn a_walk_ends_when_nobody_waits_for_it() {
    let place = Place::new();
    narrow().block_on(async {
        let store = filled(&place, 2000).await;
        let inventory = store.inventory().unwrap();
        let mut deletion = Box::pin(inventory.delete_scope(Scope::All));
        tokio::select! {
            biased;
            _ = &mut deletion => panic!("a single poll deletes nothing"),
            () = std::future::ready(()) => {}
        }
        drop(deletion);
        let reference = put(&store, "served", of("s", "c")).await;
        assert_eq!(get(&store, &reference).await, "served");
        let left = inventory.usage(Scope::All).await.unwrap().references;
        assert!(left > 1000, "{left}");
    });
}
