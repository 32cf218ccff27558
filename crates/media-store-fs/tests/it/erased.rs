//! What deletions of scopes leave: nothing of the scope, and everything that may be on hold.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{TimeDelta, Utc};
use media_storage::{
    DeleteOptions, Inventory as _, MediaMetadata, MediaStorage as _, MediaStorageExt as _,
    MetadataPatch, RetentionPolicy, Scope, StorageErrorKind, SweepDepth, SweepOptions,
};
use media_store_fs::{DamagedMedia, VerifyOptions};
use media_types::StorageReference;

use crate::support::{Place, of, put, tree};

fn by(name: &str) -> MediaMetadata {
    of("s", "c").with_user(name.parse().unwrap())
}

fn user(name: &str) -> Scope {
    Scope::User(name.parse().unwrap())
}

fn full() -> SweepOptions {
    SweepOptions::new().with_depth(SweepDepth::Full)
}

fn to(name: &str) -> MetadataPatch {
    MetadataPatch::new().with_user(Some(name.parse().unwrap()))
}

fn sidecar(place: &Place, reference: &StorageReference) -> PathBuf {
    place.media().join(format!("{}.meta", reference.id()))
}

fn rewrite(path: &Path, change: impl FnOnce(String) -> String) {
    let old = fs::read_to_string(path).unwrap();
    let new = change(old.clone());
    assert_ne!(old, new);
    fs::remove_file(path).unwrap();
    fs::write(path, new).unwrap();
}

/// As a later version writes media on hold.
fn of_later_version(json: String) -> String {
    json.replace("\"format_version\": 2", "\"format_version\": 9")
}

/// The files whose path or content holds a word.
fn traces(place: &Place, word: &str) -> Vec<String> {
    let mut found = tree(&place.media());
    found.retain(|path| {
        let content = fs::read(place.media().join(path)).unwrap_or_default();
        path.contains(word) || String::from_utf8_lossy(&content).contains(word)
    });
    found
}

#[tokio::test]
async fn deleting_everything_leaves_what_a_later_version_may_have_put_on_hold() {
    let place = Place::new();
    let store = place.store().await;
    let held = put(&store, "held", by("ann")).await;
    let damaged = put(&store, "damaged", by("ann")).await;
    let lost = put(&store, "lost", by("ann")).await;
    let on_hold = MetadataPatch::new().with_hold(true);
    store.update(&held, on_hold).await.unwrap();
    rewrite(&sidecar(&place, &held), of_later_version);
    rewrite(&sidecar(&place, &damaged), |_| "{".to_owned());
    fs::remove_file(sidecar(&place, &lost)).unwrap();
    for (deleted, failed) in [(2, 1), (0, 1)] {
        let report = store.delete_scope(Scope::All).await.unwrap();
        assert_eq!(
            (report.deleted, report.failed),
            (deleted, failed),
            "{report:?}"
        );
    }
    assert_eq!(fs::read(place.media().join(held.id())).unwrap(), b"held");
    assert!(sidecar(&place, &held).exists());
    assert!(!place.media().join(damaged.id()).exists());
}

#[tokio::test]
async fn quarantined_media_of_a_later_version_is_left_and_reported() {
    let place = Place::new();
    let store = place.store().await;
    let held = put(&store, "held", by("ann")).await;
    let on_hold = MetadataPatch::new().with_hold(true);
    store.update(&held, on_hold).await.unwrap();
    let media = place.media().join(held.id());
    fs::remove_file(&media).unwrap();
    fs::write(&media, "HELD").unwrap();
    let options = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
    store.verify(options).await.unwrap();
    let directory = place.media().join(".store/quarantine");
    let files = || {
        let mut files = tree(&directory);
        files.retain(|path| !path.ends_with('/'));
        files
    };
    let moved = files();
    assert_eq!(moved.len(), 2, "{moved:?}");
    let meta = moved.iter().find(|path| path.ends_with(".meta")).unwrap();
    rewrite(&directory.join(meta), of_later_version);
    for scope in [Scope::All, user("ann")] {
        let report = store.delete_scope(scope).await.unwrap();
        assert_eq!((report.deleted, report.failed), (0, 1), "{report:?}");
    }
    let later = full().with_now(Utc::now() + TimeDelta::days(400));
    let report = store.sweep(later).await.unwrap();
    assert_eq!((report.quarantined, report.failed), (0, 1), "{report:?}");
    assert_eq!(files(), moved);
}

#[tokio::test]
async fn the_user_that_media_had_before_a_change_leaves_no_trace() {
    let place = Place::new();
    let store = place.store().await;
    let metadata = by("ann-the-first").with_retention(RetentionPolicy::RetainHours(2));
    let reference = put(&store, "bytes", metadata).await;
    assert!(!traces(&place, "ann-the-first").is_empty());
    store.update(&reference, to("ben")).await.unwrap();
    assert_eq!(traces(&place, "ann-the-first"), Vec::<String>::new());
    assert_eq!(traces(&place, "\"ben\"").len(), 2, "sidecar and hint");
    let due = SweepOptions::new().with_now(Utc::now() + TimeDelta::hours(3));
    assert_eq!(store.sweep(due).await.unwrap().expired, 1);
    assert_eq!(traces(&place, "ben"), Vec::<String>::new());
}

#[tokio::test]
async fn a_full_sweep_renews_the_hint_of_a_change_that_was_interrupted() {
    let place = Place::new();
    let store = place.store().await;
    let metadata = by("ann-the-first").with_retention(RetentionPolicy::RetainHours(2));
    let reference = put(&store, "bytes", metadata).await;
    let path = sidecar(&place, &reference);
    for later in [false, true] {
        // The sidecar was replaced, and the process died before it renewed the hint.
        rewrite(&path, |json| json.replace("ann-the-first", "ben"));
        if later {
            let mut json: serde_json::Value =
                serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            json["expires_at"] = "2999-01-01T00:00:00.000Z".into();
            rewrite(&path, |_| json.to_string());
        }
        assert_eq!(traces(&place, "ann-the-first").len(), 1);
        store.sweep(full().with_dry_run()).await.unwrap();
        assert_eq!(traces(&place, "ann-the-first").len(), 1);
        let report = store.sweep(full()).await.unwrap();
        assert_eq!(report.failed, 0, "{report:?}");
        assert_eq!(traces(&place, "ann-the-first"), Vec::<String>::new());
        assert_eq!(traces(&place, "\"ben\"").len(), 2, "sidecar and hint");
        store.update(&reference, to("ann-the-first")).await.unwrap();
    }
    let hints = tree(&place.media().join(".store/expiry"));
    assert!(
        hints.iter().all(|path| path.starts_with("2999")),
        "{hints:?}"
    );
}

#[tokio::test]
async fn a_full_sweep_leaves_no_empty_directory_that_is_named_after_an_id() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", by("ann")).await;
    for empty in ["session-1/conversation-1", "session-2", "s/conversation-2"] {
        fs::create_dir_all(place.media().join(empty)).unwrap();
    }
    let directories = || {
        let mut found = tree(&place.media());
        found.retain(|path| path.ends_with('/') && !path.starts_with(".store"));
        found
    };
    store.sweep(full().with_dry_run()).await.unwrap();
    assert_eq!(directories().len(), 6);
    store.sweep(full()).await.unwrap();
    assert_eq!(directories(), ["s/", "s/c/"]);
    let media = place.media().join(reference.id());
    fs::remove_file(&media).unwrap();
    fs::write(&media, "BYTES").unwrap();
    let options = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
    store.verify(options).await.unwrap();
    assert_eq!(directories(), Vec::<String>::new());
}

#[tokio::test]
async fn deleting_a_reference_whose_media_is_in_quarantine_deletes_it_there() {
    let place = Place::new();
    let store = place.store().await;
    let quarantine = async |reference: &StorageReference| {
        let media = place.media().join(reference.id());
        fs::remove_file(&media).unwrap();
        fs::write(&media, "other bytes").unwrap();
        let options = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
        assert_eq!(store.verify(options).await.unwrap().quarantined, 2);
    };
    let scoped = |name| DeleteOptions::new().with_expected_scope(user(name));
    let expiring = by("ann").with_retention(RetentionPolicy::RetainHours(2));
    let anns = put(&store, "bytes of ann", expiring).await;
    let bens = put(&store, "bytes of ben", by("ben")).await;
    let held = put(&store, "held", by("ann")).await;
    store
        .update(&held, MetadataPatch::new().with_hold(true))
        .await
        .unwrap();
    for reference in [&anns, &bens, &held] {
        quarantine(reference).await;
    }
    let refused = store.delete_opts(&anns, scoped("ben")).await.unwrap_err();
    assert_eq!(refused.kind(), StorageErrorKind::NotFound, "{refused}");
    let refused = store.delete(&held).await.unwrap_err();
    assert_eq!(refused.kind(), StorageErrorKind::Held, "{refused}");
    assert_eq!(traces(&place, anns.file_name()).len(), 2);
    store.delete_opts(&anns, scoped("ann")).await.unwrap();
    assert_eq!(traces(&place, anns.file_name()), Vec::<String>::new());
    store.delete(&bens).await.unwrap();
    assert_eq!(traces(&place, bens.file_name()), Vec::<String>::new());
    assert_eq!(traces(&place, held.file_name()).len(), 2);
    // What is held there can be released there.
    let release = MetadataPatch::new().with_hold(false);
    store.update(&held, release).await.unwrap();
    store.delete(&held).await.unwrap();
    assert_eq!(traces(&place, held.file_name()), Vec::<String>::new());
    // What is gone stays deleted.
    store.delete(&anns).await.unwrap();
    let gone = store.delete_opts(&anns, scoped("ann")).await.unwrap_err();
    assert_eq!(gone.kind(), StorageErrorKind::NotFound, "{gone}");
}

/// As after a process that was killed between the two.
#[tokio::test]
async fn a_move_to_quarantine_that_was_cut_loses_no_hold_and_leaves_no_sidecar() {
    let place = Place::new();
    let store = place.store().await;
    let held = put(&store, "held", by("ann")).await;
    let free = put(&store, "free", by("ann")).await;
    let hold = MetadataPatch::new().with_hold(true);
    store.update(&held, hold).await.unwrap();
    for reference in [&held, &free] {
        let media = place.media().join(reference.id());
        fs::remove_file(&media).unwrap();
        fs::write(&media, "other bytes").unwrap();
        let options = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
        assert_eq!(store.verify(options).await.unwrap().quarantined, 2);
        let sidecar = format!("{}.meta", reference.file_name());
        let moved = traces(&place, &sidecar);
        assert_eq!(moved.len(), 1, "{moved:?}");
        fs::rename(
            place.media().join(&moved[0]),
            place.media().join(format!("{}.meta", reference.id())),
        )
        .unwrap();
    }
    let refused = store.delete(&held).await.unwrap_err();
    assert_eq!(refused.kind(), StorageErrorKind::Held, "{refused}");
    assert_eq!(traces(&place, held.file_name()).len(), 2);
    store.delete(&free).await.unwrap();
    assert_eq!(traces(&place, free.file_name()), Vec::<String>::new());
}
