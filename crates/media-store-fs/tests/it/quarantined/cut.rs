//! Moves to the quarantine and removals from it that were cut, and media that was put back.

use std::fs;
use std::path::PathBuf;

use chrono::Utc;
use media_storage::{
    DeleteOptions, Inventory as _, MediaStorage as _, MediaStorageExt as _, StorageErrorKind,
};
use media_store_fs::FileStore;
use media_types::StorageReference;

use super::{by, full, hold, named, quarantine, sidecar, to, user};
use crate::support::{Place, put};

fn scoped(name: &str) -> DeleteOptions {
    DeleteOptions::new().with_expected_scope(user(name))
}

/// Leaves what a verification leaves that is killed when the sidecar has its new name and the media does not.
fn cut(place: &Place, reference: &StorageReference) -> PathBuf {
    let day = Utc::now().format("%Y-%m-%d").to_string();
    let day = place.media().join(".store/quarantine").join(day);
    fs::create_dir_all(&day).unwrap();
    let new = day.join(format!("{}-{}.meta", "0".repeat(26), reference.file_name()));
    fs::hard_link(sidecar(place, reference), &new).unwrap();
    new
}

/// Writes media and its sidecar to their place, as an operator does.
fn put_back(place: &Place, reference: &StorageReference, json: &[u8]) {
    let beside = sidecar(place, reference);
    fs::create_dir_all(beside.parent().unwrap()).unwrap();
    fs::write(beside, json).unwrap();
    fs::write(place.media().join(reference.id()), "bytes").unwrap();
}

#[tokio::test]
async fn a_verification_that_died_before_it_moved_media_leaves_no_sidecar_in_quarantine() {
    for way in ["delete", "delete many", "update", "sweep", "verify"] {
        let place = Place::new();
        let store = place.store().await;
        let reference = put(&store, "bytes", by("ann")).await;
        let left = cut(&place, &reference);
        let before = full().with_dry_run();
        store.sweep(before).await.unwrap();
        assert!(left.exists(), "{way}");
        match way {
            "delete" => store.delete(&reference).await.unwrap(),
            "delete many" => {
                let many = [reference.clone()];
                let deleted = store.delete_many(&many, DeleteOptions::new()).await;
                assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
            }
            "update" => store.update(&reference, to("ben")).await.unwrap(),
            "sweep" => {
                store.sweep(full()).await.unwrap();
            }
            _ => {
                quarantine(&place, &store, &reference).await;
            }
        }
        assert!(!left.exists(), "{way}");
    }
}

/// What is no file is in the place of the media.
#[tokio::test]
async fn media_that_cannot_be_removed_from_quarantine_keeps_its_sidecar() {
    const ITEMS: u64 = 12;
    let place = Place::new();
    let store = place.store().await;
    let mut all = Vec::new();
    for number in 0..ITEMS {
        let reference = put(&store, &number.to_string(), by("ann")).await;
        let kept = quarantine(&place, &store, &reference).await;
        let media = kept.with_extension("");
        fs::remove_file(&media).unwrap();
        fs::create_dir(&media).unwrap();
        all.push((kept, media));
    }
    let report = store.delete_scope(user("ann")).await.unwrap();
    assert_eq!((report.deleted, report.failed), (0, ITEMS), "{report:?}");
    for (kept, media) in &all {
        assert!(kept.exists());
        fs::remove_dir(media).unwrap();
        fs::write(media, "other bytes").unwrap();
    }
    let report = store.delete_scope(user("ann")).await.unwrap();
    assert_eq!((report.deleted, report.failed), (ITEMS, 0), "{report:?}");
    assert!(
        all.iter()
            .all(|(kept, media)| !kept.exists() && !media.exists())
    );
}

#[tokio::test]
async fn a_deletion_of_media_that_was_put_back_deletes_its_copy_in_quarantine() {
    for many in [false, true] {
        let place = Place::new();
        let store = place.store().await;
        let reference = put(&store, "bytes", by("ann")).await;
        let json = fs::read(sidecar(&place, &reference)).unwrap();
        quarantine(&place, &store, &reference).await;
        put_back(&place, &reference, &json);
        match many {
            true => {
                let many = [reference.clone()];
                let deleted = store.delete_many(&many, scoped("ann")).await;
                assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
            }
            false => store.delete(&reference).await.unwrap(),
        }
        let left = named(&place, reference.file_name());
        assert_eq!(left, Vec::<PathBuf>::new());
    }
}

#[tokio::test]
async fn what_media_that_was_put_back_or_its_copy_in_quarantine_holds_is_held_until_it_is_released()
{
    for holds_in_quarantine in [true, false] {
        let place = Place::new();
        let store = place.store().await;
        let reference = put(&store, "bytes", by("ann")).await;
        let free = fs::read(sidecar(&place, &reference)).unwrap();
        store.update(&reference, hold(true)).await.unwrap();
        let held = fs::read(sidecar(&place, &reference)).unwrap();
        let moved = quarantine(&place, &store, &reference).await;
        match holds_in_quarantine {
            true => put_back(&place, &reference, &free),
            false => {
                fs::write(moved, free).unwrap();
                put_back(&place, &reference, &held);
            }
        }
        for options in [DeleteOptions::new(), scoped("ann")] {
            let refused = store.delete_opts(&reference, options).await.unwrap_err();
            assert_eq!(refused.kind(), StorageErrorKind::Held, "{refused}");
        }
        let report = store.delete_scope(user("ann")).await.unwrap();
        assert_eq!(report.failed, 0, "{report:?}");
        let prune = full().with_capacity(0);
        let report = store.sweep(prune).await.unwrap();
        assert_eq!((report.pruned, report.failed), (0, 0), "{report:?}");
        let kept = named(&place, reference.file_name());
        assert!(
            kept.contains(&place.media().join(reference.id())),
            "{kept:?}"
        );
        store.update(&reference, hold(false)).await.unwrap();
        store.delete(&reference).await.unwrap();
        assert_eq!(named(&place, reference.file_name()).len(), 0);
    }
}

#[tokio::test]
async fn a_deletion_in_a_scope_takes_of_media_that_was_put_back_what_is_of_the_scope() {
    for (deleted, other) in [("ann", "ben"), ("ben", "ann")] {
        let (place, store, reference) = of_ann_in_quarantine_and_of_ben().await;
        let gone = store.delete_opts(&reference, scoped("carl")).await;
        assert_eq!(gone.unwrap_err().kind(), StorageErrorKind::NotFound);
        assert_eq!(named(&place, reference.file_name()).len(), 4);
        let options = scoped(deleted);
        store.delete_opts(&reference, options).await.unwrap();
        let left = named(&place, reference.file_name());
        assert_eq!(left.len(), 2, "{left:?}");
        let in_quarantine = |path: &PathBuf| path.starts_with(place.media().join(".store"));
        assert!(
            left.iter()
                .all(|path| in_quarantine(path) == (other == "ann"))
        );
        let gone = store.delete_opts(&reference, scoped(deleted)).await;
        assert_eq!(gone.unwrap_err().kind(), StorageErrorKind::NotFound);
        let options = scoped(other);
        store.delete_opts(&reference, options).await.unwrap();
        assert_eq!(named(&place, reference.file_name()).len(), 0);
    }
}

async fn of_ann_in_quarantine_and_of_ben() -> (Place, FileStore, StorageReference) {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", by("ann")).await;
    let json = fs::read_to_string(sidecar(&place, &reference)).unwrap();
    quarantine(&place, &store, &reference).await;
    let bens = json.replace("\"ann\"", "\"ben\"");
    assert_ne!(bens, json);
    put_back(&place, &reference, bens.as_bytes());
    (place, store, reference)
}

#[tokio::test]
async fn a_change_of_media_that_was_put_back_changes_its_copy_in_quarantine() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", by("ann")).await;
    let json = fs::read(sidecar(&place, &reference)).unwrap();
    quarantine(&place, &store, &reference).await;
    put_back(&place, &reference, &json);
    store.update(&reference, to("ben")).await.unwrap();
    let sidecars = named(&place, &format!("{}.meta", reference.file_name()));
    assert_eq!(sidecars.len(), 2);
    for path in sidecars {
        let json = fs::read_to_string(&path).unwrap();
        assert!(
            !json.contains("\"ann\"") && json.contains("\"ben\""),
            "{path:?}"
        );
    }
    let report = store.delete_scope(user("ben")).await.unwrap();
    assert_eq!((report.deleted, report.failed), (2, 0), "{report:?}");
}

/// What a verification left that was killed at the end of a move is a name of the sidecar that was moved.
#[tokio::test]
async fn a_sidecar_that_stayed_at_its_place_goes_when_its_media_in_quarantine_changes_or_goes() {
    for by_update in [true, false] {
        let place = Place::new();
        let store = place.store().await;
        let reference = put(&store, "bytes", by("ann")).await;
        let moved = quarantine(&place, &store, &reference).await;
        let beside = sidecar(&place, &reference);
        fs::create_dir_all(beside.parent().unwrap()).unwrap();
        fs::hard_link(&moved, &beside).unwrap();
        match by_update {
            true => store.update(&reference, to("ben")).await.unwrap(),
            false => {
                let report = store.delete_scope(user("ann")).await.unwrap();
                assert_eq!((report.deleted, report.failed), (1, 0), "{report:?}");
            }
        }
        assert!(!beside.exists());
        let left = if by_update { 2 } else { 0 };
        assert_eq!(named(&place, reference.file_name()).len(), left);
    }
}

/// An import gives the sidecar its name first.
#[tokio::test]
async fn a_sidecar_whose_media_is_about_to_be_published_is_not_brought_to_quarantine() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", by("ann")).await;
    let json = fs::read(sidecar(&place, &reference)).unwrap();
    let moved = quarantine(&place, &store, &reference).await;
    fs::remove_file(moved).unwrap();
    put_back(&place, &reference, &json);
    fs::remove_file(place.media().join(reference.id())).unwrap();
    let token = reference.file_name().split(['-', '.']).nth(1).unwrap();
    let staging = place.media().join(".store/tmp").join("0".repeat(26));
    fs::create_dir(&staging).unwrap();
    fs::write(staging.join(token), "bytes").unwrap();
    let report = store.delete_scope(user("ann")).await.unwrap();
    assert_eq!((report.deleted, report.failed), (0, 1), "{report:?}");
    assert!(sidecar(&place, &reference).exists());
    let absent = store.update(&reference, to("ben")).await.unwrap_err();
    assert_eq!(absent.kind(), StorageErrorKind::NotFound, "{absent}");
    assert!(sidecar(&place, &reference).exists());
}

/// Whose the media is is unknown, and `NotFound` would count as deleted.
#[tokio::test]
async fn quarantined_media_whose_only_sidecar_is_damaged_at_its_place_is_not_gone_for_a_scope() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", by("ann")).await;
    let moved = quarantine(&place, &store, &reference).await;
    fs::remove_file(moved).unwrap();
    put_back(&place, &reference, b"{");
    fs::remove_file(place.media().join(reference.id())).unwrap();
    let refused = store.delete_opts(&reference, scoped("ann")).await;
    assert_eq!(refused.unwrap_err().kind(), StorageErrorKind::Corrupted);
    assert_eq!(named(&place, reference.file_name()).len(), 2);
    store.delete(&reference).await.unwrap();
    assert_eq!(named(&place, reference.file_name()).len(), 0);
}
