//! Damage: what reads do about it, what verification finds and repairs.

use media_storage::{
    MediaStorage as _, MediaStorageExt as _, RetrieveOptions, Scope, StorageErrorKind,
};
use media_store_fs::{DamagedMedia, ReadData, VerifyIssueKind, VerifyOptions};

use crate::support::{Place, get, internals, of, put, tree};

#[cfg(unix)]
fn writable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
#[cfg(not(unix))]
fn writable(_: &std::path::Path) {}

fn kinds(report: &media_store_fs::VerifyReport) -> Vec<VerifyIssueKind> {
    report.issues.iter().map(|issue| issue.kind).collect()
}

#[tokio::test]
async fn every_flipped_byte_is_found() {
    let place = Place::new();
    let store = place.store().await;
    let text = "all of these bytes matter";
    let reference = put(&store, text, of("s", "c")).await;
    let path = place.media().join(reference.id());
    writable(&path);
    for at in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let error = store.retrieve_bytes(&reference, 100).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted);
    }
    std::fs::write(&path, &text[1..]).unwrap();
    let error = store.retrieve(&reference).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Corrupted);
    let report = store.verify(VerifyOptions::new()).await.unwrap();
    assert!(
        kinds(&report).contains(&VerifyIssueKind::WrongBytes),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_large_stream_ends_in_the_error() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, &"x".repeat(3 << 20), of("s", "c")).await;
    let path = place.media().join(reference.id());
    writable(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() = b'y';
    std::fs::write(&path, bytes).unwrap();
    let mut stream = store.retrieve(&reference).await.unwrap().body.into_stream();
    let mut last = None;
    while let Some(item) = media_storage::next(&mut stream).await {
        last = Some(item);
    }
    let error = last.unwrap().unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Corrupted);
}

#[tokio::test]
async fn a_damaged_blob_is_shared_with_nobody_new() {
    let place = Place::new();
    let store = place.store().await;
    let old = put(&store, "content", of("s", "c1")).await;
    let path = place.media().join(old.id());
    writable(&path);
    std::fs::write(&path, "CONTENT").unwrap();
    // Another process does not remember that the blob was good.
    let other = place.store().await;
    let new = put(&other, "content", of("s", "c2")).await;
    assert_eq!(get(&other, &new).await, "content");
    let third = put(&other, "content", of("s", "c3")).await;
    assert_eq!(get(&store, &third).await, "content");
    let error = store.retrieve(&old).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Corrupted);
    let usage = other.inventory().unwrap().usage(Scope::All).await.unwrap();
    assert_eq!((usage.references, usage.blobs), (3, 2));
    let options = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
    let report = store.verify(options).await.unwrap();
    assert_eq!(
        (report.issue_count, report.quarantined),
        (1, 2),
        "{report:?}"
    );
    let error = store.retrieve(&old).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
    assert!(store.verify(VerifyOptions::new()).await.unwrap().is_clean());
}

#[tokio::test]
async fn references_without_sidecars_work_and_those_with_damaged_ones_do_once_these_are_rebuilt() {
    let place = Place::new();
    let store = place.store().await;
    let missing = put(&store, "one", of("session/1", "c")).await;
    let damaged = put(&store, "two", of("session/1", "c")).await;
    let sidecar = |id: &str| place.media().join(format!("{id}.meta"));
    std::fs::remove_file(sidecar(missing.id())).unwrap();
    std::fs::write(sidecar(damaged.id()), "{").unwrap();
    assert_eq!(get(&store, &missing).await, "one");
    let error = store.retrieve(&damaged).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Corrupted, "{error}");
    let scope = Scope::Session("session/1".parse().unwrap());
    let scoped = || RetrieveOptions::new().with_expected_scope(scope.clone());
    for (reference, kind) in [
        (&missing, StorageErrorKind::NotFound),
        (&damaged, StorageErrorKind::Corrupted),
    ] {
        let error = store.retrieve_opts(reference, scoped()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
    // Neither is taken for garbage.
    let full = media_storage::SweepOptions::new().with_depth(media_storage::SweepDepth::Full);
    store.inventory().unwrap().sweep(full).await.unwrap();
    let found = store.verify(VerifyOptions::new()).await.unwrap();
    assert_eq!(found.issue_count, 2, "{found:?}");
    let repaired = store
        .verify(VerifyOptions::new().with_repair(true))
        .await
        .unwrap();
    assert_eq!(repaired.repaired, 2);
    for reference in [&missing, &damaged] {
        store.retrieve_opts(reference, scoped()).await.unwrap();
    }
    assert_eq!(get(&store, &damaged).await, "two");
    assert!(store.verify(VerifyOptions::new()).await.unwrap().is_clean());
}

#[tokio::test]
async fn a_rebuilt_sidecar_sentences_nothing_to_deletion() {
    let place = Place::new();
    let policy = media_storage::RetentionPolicy::RetainHours(0);
    let builder = place.builder().with_default_retention(policy);
    let store = builder.build().await.unwrap();
    let kept = media_storage::RetentionPolicy::Retain;
    let reference = put(&store, "bytes", of("s", "c").with_retention(kept)).await;
    std::fs::remove_file(place.media().join(format!("{}.meta", reference.id()))).unwrap();
    let repair = VerifyOptions::new().with_repair(true);
    assert_eq!(store.verify(repair).await.unwrap().repaired, 1);
    assert_eq!(get(&store, &reference).await, "bytes");
}

/// The bytes are sound, so they are not moved.
#[tokio::test]
async fn a_sidecar_with_a_wrong_size_is_rebuilt_and_its_media_stays() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", of("s", "c")).await;
    let path = place.media().join(format!("{}.meta", reference.id()));
    let json = std::fs::read_to_string(&path).unwrap();
    let wrong = json.replace("\"size_bytes\": 5", "\"size_bytes\": 6");
    assert_ne!(json, wrong);
    std::fs::write(&path, wrong).unwrap();
    for read_data in [ReadData::Everything, ReadData::Nothing] {
        let options = VerifyOptions::new().with_read_data(read_data);
        let options = options.with_damaged(DamagedMedia::Quarantine);
        let report = store.verify(options).await.unwrap();
        assert_eq!((report.issue_count, report.quarantined), (1, 0));
        assert_eq!(report.issues[0].kind, VerifyIssueKind::DamagedSidecar);
    }
    let repair = VerifyOptions::new().with_repair(true);
    assert_eq!(store.verify(repair).await.unwrap().repaired, 1);
    assert_eq!(get(&store, &reference).await, "bytes");

    std::fs::remove_file(place.media().join(reference.id())).unwrap();
    std::fs::write(place.media().join(reference.id()), "byte").unwrap();
    let options = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
    let report = store.verify(options).await.unwrap();
    assert_eq!(report.quarantined, 2, "{report:?}");
}

#[tokio::test]
async fn only_sweeps_and_deletions_remove_empty_days_of_the_quarantine() {
    let place = Place::new();
    let store = place.store().await;
    let day = place.media().join(".store/quarantine/2026-01-01");
    std::fs::create_dir_all(&day).unwrap();
    let inventory = store.inventory().unwrap();
    let scope = Scope::Session("s".parse().unwrap());
    for scope in [Scope::All, scope] {
        inventory.usage(scope).await.unwrap();
    }
    let full = media_storage::SweepOptions::new().with_depth(media_storage::SweepDepth::Full);
    inventory.sweep(full.with_dry_run()).await.unwrap();
    assert!(day.exists());
    inventory.sweep(full).await.unwrap();
    assert!(!day.exists());
}

#[tokio::test]
async fn structure_alone_reads_no_content() {
    let place = Place::new();
    let store = place.store().await;
    put(&store, "bytes", of("s", "c")).await;
    let options = VerifyOptions::new().with_read_data(ReadData::Nothing);
    let report = store.verify(options).await.unwrap();
    assert_eq!((report.references, report.read_bytes), (1, 0));
    assert!(report.is_clean());
}

#[tokio::test]
async fn a_deleted_index_and_deleted_blobs_lose_nothing() {
    let place = Place::new();
    let store = place.store().await;
    let one = put(&store, "same", of("s", "c1")).await;
    let two = put(&store, "same", of("s", "c2")).await;
    store.export_dedup_index().await.unwrap();
    std::fs::write(place.media().join(".dedup-index.json"), "nonsense").unwrap();
    std::fs::remove_dir_all(place.media().join(".store/blobs/sha256")).unwrap();
    assert_eq!(get(&store, &one).await, "same");
    let three = put(&store, "same", of("s", "c3")).await;
    store.delete(&one).await.unwrap();
    assert_eq!(get(&store, &two).await, "same");
    assert_eq!(get(&store, &three).await, "same");
}

#[cfg(unix)]
#[tokio::test]
async fn a_copy_without_links_shares_again_after_repair() {
    let place = Place::new();
    let store = place.store().await;
    let references = [
        put(&store, "same", of("s", "c1")).await,
        put(&store, "same", of("s", "c2")).await,
        put(&store, "same", of("s", "c3")).await,
    ];
    drop(store);
    let copy = place.root().join("copy");
    let status = std::process::Command::new("cp")
        .args(["-r", "--no-preserve=links"])
        .args([place.media(), copy.clone()])
        .status()
        .unwrap();
    assert!(status.success());
    let store = media_store_fs::FileStore::builder(&copy)
        .with_deduplication(true)
        .build()
        .await
        .unwrap();
    let usage = |store: media_store_fs::FileStore| async move {
        store.inventory().unwrap().usage(Scope::All).await.unwrap()
    };
    let before = usage(store.clone()).await;
    assert_eq!((before.references, before.blobs, before.copies), (3, 3, 3));
    let repair = VerifyOptions::new().with_repair(true);
    let report = store.verify(repair).await.unwrap();
    assert_eq!(report.repaired, 3, "{report:?}");
    let after = usage(store.clone()).await;
    assert_eq!((after.references, after.blobs, after.copies), (3, 1, 0));
    for reference in &references {
        assert_eq!(get(&store, reference).await, "same");
        store.delete(reference).await.unwrap();
    }
    assert!(internals(&copy).is_empty(), "{:?}", tree(&copy));
}
