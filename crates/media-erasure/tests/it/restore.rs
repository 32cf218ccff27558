//! A backup of a file store is taken, people are erased, the backup is restored.

use std::path::Path;

use media_erasure::{ErasureKey, FileJournal, Journaled, replay};
use media_storage::{
    DamagedMedia, InMemoryStorage, MediaMetadata, MediaStorage, MediaStorageExt as _, Scope,
    StorageErrorKind, VerifyOptions,
};
use media_store_fs::FileStore;
use media_types::{Mime, StorageReference};

fn key() -> ErasureKey {
    ErasureKey::from_bytes([7; 32])
}

fn of(user: &str, conversation: &str) -> MediaMetadata {
    MediaMetadata::new()
        .with_session("session-1".parse().unwrap())
        .with_conversation(conversation.parse().unwrap())
        .with_user(user.parse().unwrap())
}

async fn put(store: &impl MediaStorage, metadata: MediaMetadata) -> StorageReference {
    store
        .store_bytes(Mime::IMAGE_PNG, "bytes", metadata)
        .await
        .unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn user(name: &str) -> Scope {
    Scope::User(name.parse().unwrap())
}

#[tokio::test]
async fn what_was_erased_does_not_come_back_with_a_backup() {
    let directory = tempfile::tempdir().unwrap();
    let (media, backup) = (
        directory.path().join("media"),
        directory.path().join("backup"),
    );
    let journal = FileJournal::new(directory.path().join("erasures.jsonl"));
    let files = FileStore::open(&media).await.unwrap();
    let store = Journaled::new(files, journal.clone(), key());
    let anns = put(&store, of("ann", "conv-1")).await;
    let bens = put(&store, of("ben", "conv-1")).await;
    let bens_second = put(&store, of("ben", "conv-2")).await;
    let tagged = put(&store, of("eve", "conv-3").with_tag("purpose", "avatar")).await;
    let eves = put(&store, of("eve", "conv-3")).await;
    store.inner().close().await.unwrap();
    copy(&media, &backup);

    let inventory = store.inventory().unwrap();
    for scope in [
        user("ann"),
        Scope::all_of([user("ben"), Scope::Conversation("conv-2".parse().unwrap())]),
        Scope::all_of([user("eve"), Scope::tag("purpose", "avatar")]),
    ] {
        assert_eq!(inventory.delete_scope(scope).await.unwrap().deleted, 1);
    }
    drop(store);

    std::fs::remove_dir_all(&media).unwrap();
    std::fs::rename(&backup, &media).unwrap();
    let store = FileStore::open(&media).await.unwrap();
    assert!(
        store.exists(&anns).await.unwrap(),
        "the backup brought it back"
    );
    // Ann has returned since: what is stored after an erasure is hers to keep.
    let new = put(&store, of("ann", "conv-9")).await;
    let report = replay(&store, &journal, &key()).await.unwrap();
    assert_eq!((report.records, report.references), (3, 6));
    assert_eq!((report.deleted, report.held, report.failed), (3, 0, 0));
    for gone in [&anns, &bens_second, &tagged] {
        assert!(!store.exists(gone).await.unwrap());
    }
    for kept in [&bens, &eves, &new] {
        assert!(store.exists(kept).await.unwrap());
    }
    let again = replay(&store, &journal, &key()).await.unwrap();
    assert_eq!(again.deleted, 0);

    let text = std::fs::read_to_string(directory.path().join("erasures.jsonl")).unwrap();
    for id in ["ann", "ben", "eve", "conv-2", "avatar"] {
        assert!(!text.contains(&format!("\"{id}")), "{text}");
    }
}

/// Whoever forgets the key of a user notes it: the backup of the keys brings the key back.
#[tokio::test]
async fn an_erasure_that_was_made_in_another_way_is_replayed_too() {
    let directory = tempfile::tempdir().unwrap();
    let journal = FileJournal::new(directory.path().join("erasures.jsonl"));
    let store = Journaled::new(InMemoryStorage::new(), journal.clone(), key());
    let anns = put(&store, of("ann", "conv-1")).await;
    let bens = put(&store, of("ben", "conv-1")).await;
    store.note_erasure(&user("ann")).await.unwrap();
    assert!(store.exists(&anns).await.unwrap(), "only noted");
    let report = replay(store.inner(), &journal, &key()).await.unwrap();
    assert_eq!((report.records, report.deleted), (1, 1));
    let users: Vec<_> = report.users.iter().map(|user| user.as_str()).collect();
    assert_eq!(users, ["ann"]);
    assert!(!store.exists(&anns).await.unwrap());
    assert!(store.exists(&bens).await.unwrap());
}

#[tokio::test]
async fn what_is_in_quarantine_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let journal = FileJournal::new(directory.path().join("erasures.jsonl"));
    let media = directory.path().join("media");
    let store = Journaled::new(FileStore::open(&media).await.unwrap(), journal, key());
    let anns = put(&store, of("ann", "conv-1")).await;
    let path = media.join(anns.id());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "BYTES").unwrap();
    let options = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
    let verified = store.inner().verify(options).await.unwrap();
    assert_eq!(verified.quarantined, 2, "{verified:?}");
    store.note_erasure(&user("ann")).await.unwrap();
    let journal = FileJournal::new(directory.path().join("erasures.jsonl"));
    let report = replay(store.inner(), &journal, &key()).await.unwrap();
    assert_eq!((report.references, report.quarantined), (0, Some(1)));
}

#[tokio::test]
async fn without_the_journal_nothing_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let journal = FileJournal::new(directory.path().join("missing").join("erasures.jsonl"));
    let store = Journaled::new(InMemoryStorage::new(), journal, key());
    let reference = put(&store, of("ann", "conv-1")).await;
    let inventory = store.inventory().unwrap();
    let error = inventory.delete_scope(user("ann")).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Config, "{error}");
    assert!(store.exists(&reference).await.unwrap());
}

#[tokio::test]
async fn half_a_line_is_skipped_and_a_damaged_one_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("erasures.jsonl");
    std::fs::write(&path, r#"{"at":"2026-01-01T00:0"#).unwrap();
    let inner = InMemoryStorage::new();
    let journal = FileJournal::new(&path);
    let store = Journaled::new(inner.clone(), journal.clone(), key());
    let inventory = store.inventory().unwrap();
    inventory.delete_scope(user("ann")).await.unwrap();
    inventory.delete_scope(Scope::All).await.unwrap();
    let report = replay(&inner, &journal, &key()).await.unwrap();
    assert_eq!(report.records, 2);
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("hmac", "hmca");
    std::fs::write(&path, text).unwrap();
    let error = replay(&inner, &journal, &key()).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{error}");
}

#[tokio::test]
async fn records_under_another_key_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("erasures.jsonl");
    let inner = InMemoryStorage::new();
    let journal = FileJournal::new(&path);
    let store = Journaled::new(inner.clone(), journal.clone(), key());
    let inventory = store.inventory().unwrap();
    inventory.delete_scope(user("ann")).await.unwrap();
    let anns = put(&inner, of("ann", "conv-1")).await;
    let other = ErasureKey::from_bytes([8; 32]);
    let report = replay(&inner, &journal, &other).await.unwrap();
    assert_eq!(
        (report.records, report.other_key, report.deleted),
        (1, 1, 0)
    );
    assert!(inner.exists(&anns).await.unwrap());
    let report = replay(&inner, &journal, &key()).await.unwrap();
    assert_eq!((report.records, report.other_key), (1, 0));
    // A record that does not say its key may be of any.
    let text = std::fs::read_to_string(&path).unwrap();
    let at = text.find(",\"key\"").unwrap();
    std::fs::write(&path, format!("{}}}\n", &text[..at])).unwrap();
    let report = replay(&inner, &journal, &other).await.unwrap();
    assert_eq!((report.records, report.other_key), (1, 0));
}
