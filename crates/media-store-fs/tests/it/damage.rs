//! Damaged media and sidecars: they are neither hidden nor forgotten by deletions, sweeps and repair.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use media_storage::{
    DeleteOptions, MediaMetadata, MediaStorage as _, MediaStorageExt as _, MetadataPatch,
    RetentionPolicy, RetrieveOptions, Scope, StorageErrorKind, SweepDepth, SweepOptions,
};
use media_store_fs::{DamagedMedia, FileStore, VerifyIssueKind, VerifyOptions};
use media_types::StorageReference;

use crate::support::{Place, get, of, put, tree};

fn session(name: &str) -> Scope {
    Scope::Session(name.parse().unwrap())
}

fn user(name: &str) -> Scope {
    Scope::User(name.parse().unwrap())
}

fn by(name: &str) -> MediaMetadata {
    of("s", "c").with_user(name.parse().unwrap())
}

fn sidecar(place: &Place, reference: &StorageReference) -> PathBuf {
    place.media().join(format!("{}.meta", reference.id()))
}

fn overwrite(path: &Path, bytes: &str) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(path, bytes).unwrap();
}

fn full() -> SweepOptions {
    SweepOptions::new().with_depth(SweepDepth::Full)
}

fn quarantining() -> VerifyOptions {
    VerifyOptions::new().with_damaged(DamagedMedia::Quarantine)
}

fn rebuilding() -> VerifyOptions {
    VerifyOptions::new().with_repair(true)
}

fn quarantined(place: &Place) -> Vec<String> {
    let directory = place.media().join(".store/quarantine");
    if !directory.exists() {
        return Vec::new();
    }
    let mut files = tree(&directory);
    files.retain(|path| !path.ends_with('/'));
    files
}

async fn damaged(place: &Place, store: &FileStore, name: &str) -> StorageReference {
    let reference = put(store, &format!("bytes of {name}"), by(name)).await;
    overwrite(&place.media().join(reference.id()), "BYTES OF SOMEONE");
    reference
}

#[tokio::test]
async fn a_damaged_sidecar_is_neither_hidden_from_deletions_nor_from_sweeps() {
    let place = Place::new();
    let store = place.store().await;
    let inventory = store.inventory().unwrap();
    for damage in ["{", "[]", ""] {
        let reference = put(&store, "bytes", of("s", "c")).await;
        overwrite(&sidecar(&place, &reference), damage);
        let scoped = || DeleteOptions::new().with_expected_scope(session("s"));
        let error = store.delete_opts(&reference, scoped()).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{error}");
        let report = inventory.delete_scope(session("s")).await.unwrap();
        assert_eq!((report.deleted, report.failed), (0, 1), "{report:?}");
        let report = inventory.sweep(full()).await.unwrap();
        assert_eq!(report.failed, 1, "{report:?}");
        let error = store.retrieve(&reference).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{error}");
        let report = store.verify(VerifyOptions::new()).await.unwrap();
        assert_eq!(report.issues[0].kind, VerifyIssueKind::DamagedSidecar);
        store.delete(&reference).await.unwrap();
        let error = store.retrieve(&reference).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound);
        let error = store.delete_opts(&reference, scoped()).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound);
    }
}

#[tokio::test]
async fn media_without_a_sidecar_does_not_count_as_deleted() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", of("s", "c")).await;
    fs::remove_file(sidecar(&place, &reference)).unwrap();
    let scoped = DeleteOptions::new().with_expected_scope(session("s"));
    let error = store.delete_opts(&reference, scoped).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Corrupted);
    assert!(error.to_string().contains("sidecar is missing"), "{error}");
    store.delete(&reference).await.unwrap();
}

#[tokio::test]
async fn quarantined_media_is_counted_and_deleted_with_its_scope() {
    let place = Place::new();
    let store = place.store().await;
    let inventory = store.inventory().unwrap();
    damaged(&place, &store, "ann").await;
    damaged(&place, &store, "ben").await;
    let report = store.verify(quarantining()).await.unwrap();
    assert_eq!(report.quarantined, 4, "{report:?}");
    let usage = inventory.usage(Scope::All).await.unwrap();
    assert_eq!((usage.references, usage.quarantined), (0, 2));
    assert!(usage.quarantined_bytes > 0);
    let usage = inventory.usage(user("ann")).await.unwrap();
    assert_eq!(usage.quarantined, 1);
    let report = inventory.delete_scope(user("ann")).await.unwrap();
    assert_eq!((report.deleted, report.failed), (1, 0), "{report:?}");
    let left = quarantined(&place);
    assert_eq!(left.len(), 2, "{left:?}");
    for path in left.iter().filter(|path| path.ends_with(".meta")) {
        let json = fs::read_to_string(place.media().join(".store/quarantine").join(path)).unwrap();
        assert!(json.contains("ben") && !json.contains("ann"), "{json}");
    }
    let report = inventory.delete_scope(Scope::All).await.unwrap();
    assert_eq!(report.deleted, 1);
    assert!(quarantined(&place).is_empty());
}

#[tokio::test]
async fn quarantined_media_goes_when_it_expires_or_has_been_there_long_enough() {
    let place = Place::new();
    let builder = place.builder();
    let store = builder
        .with_quarantine_retention(Duration::from_secs(7 * 24 * 3600))
        .build()
        .await
        .unwrap();
    let inventory = store.inventory().unwrap();
    let short = by("ann").with_retention(RetentionPolicy::RetainHours(1));
    let expiring = put(&store, "short", short).await;
    overwrite(&place.media().join(expiring.id()), "SHORT");
    damaged(&place, &store, "ben").await;
    store.verify(quarantining()).await.unwrap();
    let at = |days| full().with_now(Utc::now() + TimeDelta::days(days));
    let dry = inventory.sweep(at(1).with_dry_run()).await.unwrap();
    let report = inventory.sweep(at(1)).await.unwrap();
    assert_eq!(dry, report);
    assert_eq!((report.expired, report.quarantined), (1, 0), "{report:?}");
    let report = inventory.sweep(at(6)).await.unwrap();
    assert_eq!(report.quarantined, 0, "{report:?}");
    let report = inventory.sweep(at(9)).await.unwrap();
    assert_eq!(report.quarantined, 1, "{report:?}");
    assert!(quarantined(&place).is_empty());
}

#[tokio::test]
async fn the_quarantine_of_the_first_version_is_taken_over() {
    let place = Place::new();
    let store = place.store().await;
    let inventory = store.inventory().unwrap();
    let reference = damaged(&place, &store, "ann").await;
    // The first version used a token of its own for each of the two, and no day.
    let (media, meta) = (
        place.media().join(reference.id()),
        sidecar(&place, &reference),
    );
    let quarantine = place.media().join(".store/quarantine");
    fs::create_dir(&quarantine).unwrap();
    for (path, token) in [
        (media, "00000000000000000000000001"),
        (meta, "00000000000000000000000002"),
    ] {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        fs::rename(path, quarantine.join(format!("{token}-{name}"))).unwrap();
    }
    let usage = inventory.usage(user("ann")).await.unwrap();
    assert_eq!(usage.quarantined, 1);
    inventory.sweep(full()).await.unwrap();
    assert_eq!(quarantined(&place).len(), 2);
    let later = full().with_now(Utc::now() + TimeDelta::days(40));
    let dry = inventory.sweep(later.with_dry_run()).await.unwrap();
    assert_eq!(dry.quarantined, 1);
    let report = inventory.delete_scope(user("ann")).await.unwrap();
    assert_eq!(report.deleted, 1);
    assert!(quarantined(&place).is_empty());
}

#[tokio::test]
async fn sidecars_of_later_versions_are_left_alone_and_reported() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", by("ann")).await;
    let path = sidecar(&place, &reference);
    let json = fs::read_to_string(&path).unwrap();
    for later in [
        json.replace("\"format_version\": 1", "\"format_version\": 9"),
        json.replace("\"retain\"", "\"retain-2moons\""),
    ] {
        assert_ne!(json, later);
        overwrite(&path, &later);
        let report = store.verify(rebuilding()).await.unwrap();
        assert_eq!(report.repaired, 0, "{report:?}");
        assert_eq!(report.issues[0].kind, VerifyIssueKind::LaterSidecar);
        assert_eq!(fs::read_to_string(&path).unwrap(), later);
        for error in [
            store.delete(&reference).await.unwrap_err(),
            store.retrieve(&reference).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), StorageErrorKind::Corrupted);
        }
        let report = store.inventory().unwrap().delete_scope(user("ann")).await;
        assert_eq!(report.unwrap().failed, 1);
    }
}

#[tokio::test]
async fn a_rebuilt_sidecar_keeps_what_was_readable_and_says_that_it_is_rebuilt() {
    let place = Place::new();
    let store = place.store().await;
    let metadata = by("ann")
        .with_filename("a.png".to_owned())
        .with_retention(RetentionPolicy::RetainDays(3));
    let salvaged = put(&store, "salvaged", metadata).await;
    let expiry = store.head(&salvaged).await.unwrap().expires_at();
    let path = sidecar(&place, &salvaged);
    let json = fs::read_to_string(&path).unwrap();
    overwrite(&path, &json.replace("image/png", "no type at all"));
    let lost = put(&store, "lost", by("ann")).await;
    overwrite(&sidecar(&place, &lost), "{");
    let report = store.verify(rebuilding()).await.unwrap();
    assert_eq!(report.repaired, 2, "{report:?}");
    let read = store.head(&salvaged).await.unwrap();
    assert_eq!(read.metadata.user().unwrap().as_str(), "ann");
    assert_eq!(read.metadata.filename(), Some("a.png"));
    assert_eq!(read.expires_at(), expiry);
    let rebuilt = fs::read_to_string(sidecar(&place, &lost)).unwrap();
    assert!(rebuilt.contains("\"rebuilt\": true"), "{rebuilt}");
    // Whose media it is was lost: the erasure of a user says so.
    let report = store.inventory().unwrap().delete_scope(user("ann")).await;
    let report = report.unwrap();
    assert_eq!((report.deleted, report.unattributed), (1, 1), "{report:?}");
    let report = store.inventory().unwrap().delete_scope(session("s")).await;
    assert_eq!(report.unwrap().deleted, 1);
}

#[tokio::test]
async fn damaged_bytes_do_not_become_valid_by_a_rebuilt_sidecar() {
    let place = Place::new();
    let store = place.store().await;
    for damage in ["{", "{\"retention\": 7}"] {
        let reference = damaged(&place, &store, "ann").await;
        overwrite(&sidecar(&place, &reference), damage);
        let report = store.verify(rebuilding()).await.unwrap();
        assert_eq!(report.repaired, 0, "{report:?}");
        let kinds: BTreeSet<_> = report.issues.iter().map(|issue| issue.kind as u8).collect();
        assert!(kinds.contains(&(VerifyIssueKind::WrongBytes as u8)));
        store.delete(&reference).await.unwrap();
    }
}

#[tokio::test]
async fn media_on_hold_is_neither_deleted_nor_swept() {
    let place = Place::new();
    let store = place.store().await;
    let inventory = store.inventory().unwrap();
    let metadata = by("ann").with_retention(RetentionPolicy::RetainHours(1));
    let held = put(&store, "held", metadata.clone()).await;
    let free = put(&store, "free", metadata).await;
    let hold = |hold| MetadataPatch::new().with_hold(hold);
    store.update(&held, hold(true)).await.unwrap();
    let error = store.delete(&held).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Held, "{error}");
    let results = store
        .delete_many(&[held.clone(), free], DeleteOptions::new())
        .await;
    assert_eq!(
        results[0].as_ref().unwrap_err().kind(),
        StorageErrorKind::Held
    );
    assert!(results[1].is_ok());
    let report = inventory.delete_scope(user("ann")).await.unwrap();
    assert_eq!((report.deleted, report.held), (0, 1), "{report:?}");
    for depth in [SweepDepth::Due, SweepDepth::Full] {
        let later = SweepOptions::new()
            .with_depth(depth)
            .with_now(Utc::now() + TimeDelta::hours(2))
            .with_capacity(0);
        let report = inventory.sweep(later).await.unwrap();
        assert_eq!((report.references(), report.held), (0, 1), "{report:?}");
    }
    assert_eq!(get(&store, &held).await, "held");
    // A program that knows only version 1 must not take it for ordinary media.
    let json = fs::read_to_string(sidecar(&place, &held)).unwrap();
    assert!(json.contains("\"format_version\": 2"), "{json}");
    store.update(&held, hold(false)).await.unwrap();
    store.delete(&held).await.unwrap();
}

#[tokio::test]
async fn an_update_changes_what_it_says_and_nothing_else() {
    let place = Place::new();
    let store = place.store().await;
    let metadata = by("ann").with_filename("a.png".to_owned());
    let reference = put(&store, "bytes", metadata.clone()).await;
    let foreign = MetadataPatch::new()
        .with_user(None)
        .with_expected_scope(user("ben"));
    let error = store.update(&reference, foreign).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
    let patch = MetadataPatch::new()
        .with_user(Some("ben".parse().unwrap()))
        .with_retention(RetentionPolicy::RetainHours(3))
        .with_expected_scope(user("ann"));
    store.update(&reference, patch).await.unwrap();
    let expected = metadata
        .with_user("ben".parse().unwrap())
        .with_retention(RetentionPolicy::RetainHours(3));
    let read = store.head(&reference).await.unwrap();
    assert_eq!(read.metadata, expected);
    assert!(read.expires_at().is_some());
    let due = SweepOptions::new().with_now(Utc::now() + TimeDelta::hours(4));
    let report = store.inventory().unwrap().sweep(due).await.unwrap();
    assert_eq!(report.expired, 1);
    let patch = MetadataPatch::new().with_hold(true);
    let error = store.update(&reference, patch).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn simultaneous_updates_lose_nothing_and_a_hold_wins_over_deletes() {
    let place = Place::new();
    let (one, two) = (place.store().await, place.store().await);
    for round in 0..40 {
        let reference = put(&one, &format!("{round}"), by("ann")).await;
        let retention = RetentionPolicy::RetainDays(round + 1);
        let (a, b) = tokio::join!(
            one.update(&reference, MetadataPatch::new().with_retention(retention)),
            two.update(
                &reference,
                MetadataPatch::new().with_user(Some("ben".parse().unwrap()))
            ),
        );
        a.unwrap();
        b.unwrap();
        let read = one.head(&reference).await.unwrap();
        assert_eq!(read.metadata.retention(), Some(retention));
        assert_eq!(read.metadata.user().unwrap().as_str(), "ben");
        let (held, deleted) = tokio::join!(
            one.update(&reference, MetadataPatch::new().with_hold(true)),
            two.delete(&reference),
        );
        match (held, deleted) {
            (Ok(()), Err(error)) => {
                assert_eq!(error.kind(), StorageErrorKind::Held);
                assert_eq!(get(&one, &reference).await, format!("{round}"));
            }
            (Err(error), Ok(())) => assert_eq!(error.kind(), StorageErrorKind::NotFound),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_read_with_the_right_scope_survives_an_update() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", by("ann")).await;
    let patch = MetadataPatch::new().with_retention(RetentionPolicy::RetainDays(2));
    store.update(&reference, patch).await.unwrap();
    let scoped = RetrieveOptions::new().with_expected_scope(user("ann"));
    let read = store.retrieve_opts(&reference, scoped).await.unwrap();
    assert_eq!(read.body.bytes(10).await.unwrap(), "bytes");
    assert!(store.verify(VerifyOptions::new()).await.unwrap().is_clean());
}
