//! Media that is taken over from another store.

use std::fs;

use futures_util::StreamExt as _;
use media_storage::{
    Entry, ImportOutcome, ImportUpload, Imported, MediaStorage as _, MediaStorageExt as _,
    MetadataPatch, Scope, StorageErrorKind,
};
use media_store_fs::FileStore;

use crate::support::{Place, get, of, put};

async fn entry(store: &FileStore) -> Entry {
    let mut entries = store.inventory().unwrap().list(Scope::All);
    entries.next().await.unwrap().unwrap()
}

async fn import(from: &FileStore, entry: &Entry, to: &FileStore) -> Imported {
    let body = from.retrieve(&entry.reference).await.unwrap().body;
    let upload = ImportUpload::new(entry.clone(), body);
    to.importer().unwrap().import(upload).await.unwrap()
}

#[tokio::test]
async fn no_import_is_acknowledged_into_a_directory_that_was_moved_away() {
    let (source, place) = (Place::new(), Place::new());
    let from = source.store().await;
    put(&from, "imported", of("s", "c")).await;
    let entry = entry(&from).await;
    for deduplication in [true, false] {
        let builder = place.builder().with_deduplication(deduplication);
        let store = builder.build().await.unwrap();
        put(&store, "before", of("s", "c")).await;
        let away = place.root().join(format!("away-{deduplication}"));
        for outcome in [
            ImportOutcome::Stored,
            ImportOutcome::Present,
            ImportOutcome::Stored,
        ] {
            if outcome == ImportOutcome::Stored {
                // The first time what it moves is without the media, the second time with it.
                let _ = fs::remove_dir_all(&away);
                fs::rename(place.media().join("s"), &away).unwrap();
            }
            let imported = import(&from, &entry, &store).await;
            assert_eq!(imported.outcome, outcome);
            assert!(place.media().join(imported.reference.id()).is_file());
            assert_eq!(get(&store, &imported.reference).await, "imported");
        }
        fs::remove_dir_all(place.media().join("s")).unwrap();
    }
}

#[tokio::test]
async fn imported_media_stays_on_hold() {
    let (source, place) = (Place::new(), Place::new());
    let (from, to) = (source.store().await, place.store().await);
    let media = put(&from, "evidence", of("s", "c")).await;
    let patch = |hold| MetadataPatch::new().with_hold(hold);
    from.update(&media, patch(true)).await.unwrap();
    let entry = entry(&from).await;
    assert!(entry.hold && to.importer().unwrap().keeps_holds());
    let imported = import(&from, &entry, &to).await;
    let error = to.delete(&imported.reference).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Held);
    assert_eq!(get(&to, &imported.reference).await, "evidence");
    to.update(&imported.reference, patch(false)).await.unwrap();
    to.delete(&imported.reference).await.unwrap();
}
