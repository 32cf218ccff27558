//! What lies in quarantine more or less than once: after restores by hand, and after processes that died.

mod cut;

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{TimeDelta, Utc};
use media_storage::{
    DeleteOptions, Inventory as _, MediaMetadata, MediaStorage as _, MediaStorageExt as _,
    MetadataPatch, RetentionPolicy, Scope, StorageErrorKind, SweepDepth, SweepOptions,
};
use media_store_fs::{DamagedMedia, Durability, FileStore, VerifyOptions};
use media_types::StorageReference;

use crate::support::{Place, of, put, tree};

fn by(name: &str) -> MediaMetadata {
    of("s", "c").with_user(name.parse().unwrap())
}

fn user(name: &str) -> Scope {
    Scope::User(name.parse().unwrap())
}

fn to(name: &str) -> MetadataPatch {
    MetadataPatch::new().with_user(Some(name.parse().unwrap()))
}

fn hold(on: bool) -> MetadataPatch {
    MetadataPatch::new().with_hold(on)
}

fn full() -> SweepOptions {
    SweepOptions::new().with_depth(SweepDepth::Full)
}

fn sidecar(place: &Place, reference: &StorageReference) -> PathBuf {
    place.media().join(format!("{}.meta", reference.id()))
}

/// The files of the store that have a name in their own.
fn named(place: &Place, name: &str) -> Vec<PathBuf> {
    let mut found = tree(&place.media());
    found.retain(|path| path.contains(name));
    found.iter().map(|path| place.media().join(path)).collect()
}

/// Damages media and has it moved. Returns its sidecar in quarantine.
async fn quarantine(place: &Place, store: &FileStore, reference: &StorageReference) -> PathBuf {
    let media = place.media().join(reference.id());
    fs::remove_file(&media).unwrap();
    fs::write(&media, "other bytes").unwrap();
    let options = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
    let report = store.verify(options).await.unwrap();
    assert_eq!(report.quarantined, 2, "{report:?}");
    let meta = format!("{}.meta", reference.file_name());
    let found = named(place, &meta);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

/// Writes another sidecar beside one in quarantine, under a token of its own.
fn add_sidecar(beside: &Path, token: char, json: &[u8]) {
    let name = beside.file_name().unwrap().to_str().unwrap();
    let name = format!("{}{}", token.to_string().repeat(26), &name[26..]);
    fs::write(beside.with_file_name(name), json).unwrap();
}

/// As after media was put back by hand, released, and quarantined again.
#[tokio::test]
async fn what_one_of_several_sidecars_in_quarantine_holds_stays_held() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "held", by("ann")).await;
    let free = fs::read(sidecar(&place, &reference)).unwrap();
    store.update(&reference, hold(true)).await.unwrap();
    let held = quarantine(&place, &store, &reference).await;
    for token in "0123456789".chars() {
        add_sidecar(&held, token, &free);
    }
    let name = reference.file_name();
    let is_held = async || {
        let refused = store.delete(&reference).await.unwrap_err();
        assert_eq!(refused.kind(), StorageErrorKind::Held, "{refused}");
        let report = store.delete_scope(Scope::All).await.unwrap();
        assert_eq!((report.deleted, report.held), (0, 1), "{report:?}");
        assert_eq!(named(&place, name).len(), 12);
    };
    is_held().await;
    store.update(&reference, to("ben")).await.unwrap();
    is_held().await;
    store.update(&reference, hold(false)).await.unwrap();
    store.delete(&reference).await.unwrap();
    assert_eq!(named(&place, name), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn quarantined_media_whose_sidecars_name_two_users_is_left_and_reported() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "bytes", by("ann")).await;
    let anns = fs::read(sidecar(&place, &reference)).unwrap();
    store.update(&reference, to("ben")).await.unwrap();
    let bens = quarantine(&place, &store, &reference).await;
    add_sidecar(&bens, '0', &anns);
    for name in ["ann", "ben"] {
        let report = store.delete_scope(user(name)).await.unwrap();
        assert_eq!((report.deleted, report.failed), (0, 1), "{report:?}");
        let scoped = DeleteOptions::new().with_expected_scope(user(name));
        let refused = store.delete_opts(&reference, scoped).await.unwrap_err();
        assert_eq!(refused.kind(), StorageErrorKind::Corrupted, "{refused}");
    }
    assert_eq!(named(&place, reference.file_name()).len(), 3);
    store.delete(&reference).await.unwrap();
    assert_eq!(named(&place, reference.file_name()).len(), 0);
}

#[tokio::test]
async fn a_verification_that_died_after_it_moved_media_loses_no_hold_and_leaves_no_sidecar() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "held", by("ann")).await;
    store.update(&reference, hold(true)).await.unwrap();
    let held = quarantine(&place, &store, &reference).await;
    // Both are there, and the first name of the sidecar is not removed yet.
    let beside = sidecar(&place, &reference);
    fs::create_dir_all(beside.parent().unwrap()).unwrap();
    fs::hard_link(&held, &beside).unwrap();
    let refused = store.delete(&reference).await.unwrap_err();
    assert_eq!(refused.kind(), StorageErrorKind::Held, "{refused}");
    store.update(&reference, hold(false)).await.unwrap();
    store.delete(&reference).await.unwrap();
    let left = named(&place, reference.file_name());
    assert_eq!(left, Vec::<PathBuf>::new());
}

/// Earlier versions moved the media first.
#[tokio::test]
async fn a_sidecar_that_a_move_to_quarantine_left_is_brought_to_its_media() {
    for way in ["sweep", "delete everything", "update"] {
        let place = Place::new();
        let store = place.store().await;
        let reference = put(&store, "held", by("ann")).await;
        store.update(&reference, hold(true)).await.unwrap();
        let held = quarantine(&place, &store, &reference).await;
        let beside = sidecar(&place, &reference);
        fs::create_dir_all(beside.parent().unwrap()).unwrap();
        fs::rename(&held, &beside).unwrap();
        match way {
            "sweep" => {
                let report = store.sweep(full()).await.unwrap();
                assert_eq!((report.orphans, report.failed), (0, 0), "{report:?}");
            }
            "update" => store.update(&reference, to("ben")).await.unwrap(),
            _ => {
                let report = store.delete_scope(Scope::All).await.unwrap();
                assert_eq!((report.deleted, report.held), (0, 1), "{report:?}");
            }
        }
        assert!(!beside.exists(), "{way}");
        let later = full().with_now(Utc::now() + TimeDelta::days(400));
        let report = store.sweep(later).await.unwrap();
        assert_eq!((report.quarantined, report.held), (0, 1), "{way}");
        let refused = store.delete(&reference).await.unwrap_err();
        assert_eq!(refused.kind(), StorageErrorKind::Held, "{way}: {refused}");
        assert_eq!(named(&place, reference.file_name()).len(), 2, "{way}");
    }
}

#[tokio::test]
async fn a_sidecar_in_quarantine_without_media_holds_nothing() {
    let place = Place::new();
    let store = place.store().await;
    let one = put(&store, "one", by("ann")).await;
    let two = put(&store, "two", by("ann")).await;
    for reference in [&one, &two] {
        store.update(reference, hold(true)).await.unwrap();
        let held = quarantine(&place, &store, reference).await;
        fs::remove_file(held.with_extension("")).unwrap();
    }
    store.delete(&one).await.unwrap();
    assert_eq!(named(&place, one.file_name()).len(), 0);
    let report = store.delete_scope(user("ann")).await.unwrap();
    assert_eq!((report.deleted, report.held), (0, 0), "{report:?}");
    assert_eq!(named(&place, two.file_name()).len(), 0);
}

#[tokio::test]
async fn media_leaves_no_hint_when_it_goes_to_quarantine_or_is_deleted_there() {
    let place = Place::new();
    let store = place.store().await;
    let expiring = by("ann").with_retention(RetentionPolicy::RetainHours(2));
    let hints = || {
        let mut hints = tree(&place.media().join(".store/expiry"));
        hints.retain(|path| !path.ends_with('/'));
        hints
    };
    for by_scope in [false, true] {
        let reference = put(&store, "bytes", expiring.clone()).await;
        let hint = place.media().join(".store/expiry").join(&hints()[0]);
        let moved = quarantine(&place, &store, &reference).await;
        assert_eq!(hints(), Vec::<String>::new());
        // Earlier versions left it.
        fs::create_dir_all(hint.parent().unwrap()).unwrap();
        fs::hard_link(&moved, &hint).unwrap();
        match by_scope {
            true => assert_eq!(store.delete_scope(user("ann")).await.unwrap().deleted, 1),
            false => store.delete(&reference).await.unwrap(),
        }
        assert_eq!(hints(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn many_deletions_find_what_is_in_quarantine_and_what_it_holds() {
    let place = Place::new();
    let store = place.store().await;
    let mut all = Vec::new();
    for number in 0..100 {
        all.push(put(&store, &number.to_string(), by("ann")).await);
    }
    // In several batches, with references that are gone between them.
    let (free, held, late) = (all[3].clone(), all[40].clone(), all[99].clone());
    store.update(&held, hold(true)).await.unwrap();
    for reference in [&free, &held, &late] {
        quarantine(&place, &store, reference).await;
    }
    for reference in &all[4..20] {
        store.delete(reference).await.unwrap();
    }
    let deleted = store.delete_many(&all, DeleteOptions::new()).await;
    assert_eq!(deleted.len(), all.len());
    for (reference, deleted) in all.iter().zip(deleted) {
        match *reference == held {
            true => assert_eq!(deleted.unwrap_err().kind(), StorageErrorKind::Held),
            false => deleted.unwrap(),
        }
        let left = if *reference == held { 2 } else { 0 };
        assert_eq!(named(&place, reference.file_name()).len(), left);
    }
}

/// What is in the place of the hour of the new hint lets none be created.
#[tokio::test]
async fn media_whose_new_hint_cannot_be_created_is_still_found_by_the_old_one() {
    let place = Place::new();
    let store = place.store().await;
    let now = Utc::now();
    let hour = |after| (now + TimeDelta::hours(after)).format("%Y-%m-%dT%H");
    let metadata = by("ann").with_retention(RetentionPolicy::RetainHours(2));
    let reference = put(&store, "bytes", metadata).await;
    for after in [3, 4] {
        let path = format!(".store/expiry/{}", hour(after));
        fs::write(place.media().join(path), "").unwrap();
    }
    let longer = MetadataPatch::new().with_retention(RetentionPolicy::RetainHours(3));
    store.update(&reference, longer).await.unwrap();
    let due = SweepOptions::new().with_now(now + TimeDelta::hours(5));
    let report = store.sweep(due).await.unwrap();
    assert_eq!(report.expired, 1, "{report:?}");
}

#[tokio::test]
async fn any_number_of_items_of_a_later_version_stops_no_deletion_and_no_sweep() {
    const LATER: u64 = 1001;
    let place = Place::new();
    let store = place.builder().with_deduplication(false);
    let store = store.with_durability(Durability::Buffered);
    let store = store.build().await.unwrap();
    let mut later = Vec::new();
    for number in 0..LATER {
        later.push(put(&store, &number.to_string(), by("ann")).await);
    }
    for reference in &later {
        let path = sidecar(&place, reference);
        let json = fs::read_to_string(&path).unwrap();
        let json = json.replace("\"format_version\": ", "\"format_version\": 9");
        fs::write(&path, json).unwrap();
    }
    let quarantined = put(&store, "quarantined", of("t", "d")).await;
    quarantine(&place, &store, &quarantined).await;
    let report = store.sweep(full()).await.unwrap();
    assert_eq!(report.failed, LATER, "{report:?}");
    let report = store.delete_scope(Scope::All).await.unwrap();
    assert_eq!((report.deleted, report.failed), (1, LATER), "{report:?}");
}
