//! Walks that read a sidecar before another process changed it: the change was acknowledged, so it wins.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use media_storage::{
    MediaStorage as _, RetentionPolicy, Scope, SweepDepth, SweepOptions, SweepReport,
};
use media_store_fs::{DamagedMedia, FileStore, VerifyOptions, VerifyReport};
use media_types::StorageReference;
use serde_json::Value;

use crate::support::{Place, get, of, put, tree};

/// How long something may take to reach the lock.
const PATIENCE: Duration = Duration::from_secs(60);

/// Another process that changes metadata, or deletes: it holds the lock.
struct Change {
    lock: File,
}

impl Change {
    fn begin(place: &Place) -> Self {
        let opened = Self::open(place);
        opened.lock.lock().unwrap();
        opened
    }

    /// Shares the lock, as a deletion does.
    fn begin_deletion(place: &Place) -> Self {
        let opened = Self::open(place);
        opened.lock.lock_shared().unwrap();
        opened
    }

    fn open(place: &Place) -> Self {
        let path = place.media().join(".store/metadata.lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .unwrap();
        Self { lock }
    }

    /// Waits until something waits for the lock.
    async fn is_awaited(&self) {
        let inode = format!(":{} ", self.lock.metadata().unwrap().ino());
        let waits = || {
            let locks = fs::read_to_string("/proc/locks").unwrap();
            let mut lines = locks.lines();
            lines.any(|line| line.contains("->") && line.contains(&inode))
        };
        let waited = tokio::time::timeout(PATIENCE, async {
            while !waits() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        waited.await.expect("nothing waits for the lock");
    }
}

fn sidecar(place: &Place, reference: &StorageReference) -> PathBuf {
    place.media().join(format!("{}.meta", reference.id()))
}

/// Replaces a sidecar in one step, as an update does.
fn replace(path: &std::path::Path, change: impl FnOnce(&mut Value)) {
    let mut json = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut json);
    let staged = path.with_extension("new");
    fs::write(&staged, serde_json::to_vec_pretty(&json).unwrap()).unwrap();
    fs::rename(&staged, path).unwrap();
}

fn hold(json: &mut Value) {
    json["hold"] = true.into();
    json["format_version"] = 2.into();
}

fn give_to_ben(json: &mut Value) {
    json["user_id"] = "ben".into();
}

fn keep_for_long(json: &mut Value) {
    json["expires_at"] = "2999-01-01T00:00:00.000Z".into();
}

async fn stored(place: &Place, store: &FileStore) -> StorageReference {
    let metadata = of("s", "c").with_user("ann".parse().unwrap());
    let metadata = metadata.with_retention(RetentionPolicy::RetainHours(1));
    let reference = put(store, "bytes", metadata).await;
    assert!(sidecar(place, &reference).exists());
    reference
}

async fn raced(
    change: impl FnOnce(&mut Value),
    walk: impl AsyncFnOnce(FileStore) -> SweepReport + Send + 'static,
) -> SweepReport {
    let place = Place::new();
    let store = place.store().await;
    let reference = stored(&place, &store).await;
    let changing = Change::begin(&place);
    let walking = async {
        let report = walk(store.clone()).await;
        assert_eq!(report.references(), 0, "{report:?}");
        report
    };
    let changed = async {
        changing.is_awaited().await;
        replace(&sidecar(&place, &reference), change);
        drop(changing);
    };
    let (report, ()) = tokio::join!(walking, changed);
    assert_eq!(get(&store, &reference).await, "bytes");
    report
}

async fn delete_ann(store: FileStore) -> SweepReport {
    let scope = Scope::User("ann".parse().unwrap());
    store
        .inventory()
        .unwrap()
        .delete_scope(scope)
        .await
        .unwrap()
}

async fn sweep(store: FileStore, depth: SweepDepth) -> SweepReport {
    let later = Utc::now() + TimeDelta::hours(2);
    let options = SweepOptions::new().with_depth(depth).with_now(later);
    store.inventory().unwrap().sweep(options).await.unwrap()
}

async fn prune(store: FileStore) -> SweepReport {
    let options = SweepOptions::new().with_capacity(0);
    store.inventory().unwrap().sweep(options).await.unwrap()
}

#[tokio::test]
async fn media_that_was_given_to_another_user_survives_the_deletion_of_the_first() {
    let report = raced(give_to_ben, delete_ann).await;
    assert_eq!((report.held, report.failed), (0, 0), "{report:?}");
}

#[tokio::test]
async fn media_whose_retention_was_made_longer_survives_a_sweep_that_is_due() {
    for depth in [SweepDepth::Due, SweepDepth::Full] {
        let report = raced(keep_for_long, async move |store| sweep(store, depth).await).await;
        assert_eq!((report.held, report.failed), (0, 0), "{report:?}");
    }
}

#[tokio::test]
async fn a_hold_wins_over_every_walk() {
    assert_eq!(raced(hold, delete_ann).await.held, 1);
    assert_eq!(raced(hold, prune).await.held, 1);
    for depth in [SweepDepth::Due, SweepDepth::Full] {
        let report = raced(hold, async move |store| sweep(store, depth).await).await;
        assert_eq!(report.held, 1, "{report:?}");
    }
}

/// Verifies while another process puts media on hold.
async fn held_while_verified(
    options: VerifyOptions,
    damage: impl FnOnce(&Place, &StorageReference),
) -> (Place, FileStore, VerifyReport) {
    let place = Place::new();
    let store = place.store().await;
    let reference = stored(&place, &store).await;
    damage(&place, &reference);
    let changing = Change::begin(&place);
    let changed = async {
        changing.is_awaited().await;
        replace(&sidecar(&place, &reference), hold);
        drop(changing);
    };
    let (report, ()) = tokio::join!(store.verify(options), changed);
    (place, store, report.unwrap())
}

#[tokio::test]
async fn a_sidecar_that_is_rebuilt_keeps_a_hold_that_came_in_the_meantime() {
    let options = VerifyOptions::new().with_repair(true);
    let (place, store, report) = held_while_verified(options, |place, reference| {
        replace(&sidecar(place, reference), |json| {
            json["size_bytes"] = 7.into()
        });
    })
    .await;
    assert_eq!(report.repaired, 1, "{report:?}");
    assert_eq!(delete_ann(store).await.held, 1);
    drop(place);
}

#[tokio::test]
async fn media_goes_to_the_quarantine_with_a_hold_that_came_in_the_meantime() {
    let options = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
    let (place, store, report) = held_while_verified(options, |place, reference| {
        let path = place.media().join(reference.id());
        fs::remove_file(&path).unwrap();
        fs::write(path, "BYTES").unwrap();
    })
    .await;
    assert_eq!(report.quarantined, 2, "{report:?}");
    let report = delete_ann(store.clone()).await;
    assert_eq!((report.deleted, report.held), (0, 1), "{report:?}");
    let all = store.inventory().unwrap().delete_scope(Scope::All).await;
    assert_eq!(all.unwrap().held, 1);
    let left = tree(&place.media().join(".store/quarantine"));
    assert_eq!(left.iter().filter(|path| !path.ends_with('/')).count(), 2);
}

/// A walk reads the names of a directory before it deletes what they lead to.
#[tokio::test]
async fn a_full_sweep_does_not_stop_changes_for_sidecars_of_media_that_it_has_deleted() {
    let place = Place::new();
    let store = place.store().await;
    for _ in 0..200 {
        stored(&place, &store).await;
    }
    let deleting = Change::begin_deletion(&place);
    let swept = tokio::time::timeout(PATIENCE, sweep(store, SweepDepth::Full)).await;
    drop(deleting);
    let report = swept.expect("the sweep waits to have the lock alone");
    assert_eq!((report.expired, report.failed), (200, 0), "{report:?}");
}

#[tokio::test]
async fn entries_of_the_first_version_are_moved_to_a_day_while_nobody_deletes() {
    let place = Place::new();
    let store = place.store().await;
    let quarantine = place.media().join(".store/quarantine");
    fs::create_dir_all(&quarantine).unwrap();
    let old = quarantine.join(format!("{}-what-was-damaged", "0".repeat(26)));
    fs::write(&old, "bytes").unwrap();
    let deleting = Change::begin_deletion(&place);
    let deleted = async {
        deleting.is_awaited().await;
        assert!(old.exists());
        drop(deleting);
    };
    let (report, ()) = tokio::join!(sweep(store, SweepDepth::Full), deleted);
    assert_eq!(report.failed, 0, "{report:?}");
    assert!(!old.exists());
}

/// As an import does, which gives the sidecar its name first and takes no lock.
#[tokio::test]
async fn a_sidecar_stays_beside_media_that_is_published_while_a_walk_waits_to_move_it() {
    let place = Place::new();
    let store = place.store().await;
    let reference = stored(&place, &store).await;
    let (media, beside) = (
        place.media().join(reference.id()),
        sidecar(&place, &reference),
    );
    let json = fs::read(&beside).unwrap();
    fs::remove_file(&media).unwrap();
    fs::write(&media, "BYTES").unwrap();
    let options = VerifyOptions::new().with_damaged(DamagedMedia::Quarantine);
    assert_eq!(store.verify(options).await.unwrap().quarantined, 2);
    let quarantine = place.media().join(".store/quarantine");
    for path in tree(&quarantine) {
        if path.ends_with(".meta") {
            fs::remove_file(quarantine.join(path)).unwrap();
        }
    }
    fs::create_dir_all(beside.parent().unwrap()).unwrap();
    fs::write(&beside, json).unwrap();
    let changing = Change::begin(&place);
    let published = async {
        changing.is_awaited().await;
        fs::write(&media, "bytes").unwrap();
        drop(changing);
    };
    let scope = Scope::User("carl".parse().unwrap());
    let inventory = store.inventory().unwrap();
    let (report, ()) = tokio::join!(inventory.delete_scope(scope), published);
    assert_eq!(report.unwrap().deleted, 0);
    assert!(beside.exists());
    assert_eq!(get(&store, &reference).await, "bytes");
}
