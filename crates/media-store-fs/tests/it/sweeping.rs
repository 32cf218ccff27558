//! Expiry and the task that sweeps.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use media_storage::{
    MediaStorage as _, MediaStorageExt as _, RetentionPolicy, StorageErrorKind, SweepDepth,
    SweepOptions,
};
use media_store_fs::SweeperOptions;

use crate::support::{Place, get, internals, of, put, tree};

fn full() -> SweepOptions {
    SweepOptions::new().with_depth(SweepDepth::Full)
}

#[tokio::test]
async fn hints_are_links_that_go_with_their_media() {
    let place = Place::new();
    let store = place.store().await;
    let policy = RetentionPolicy::RetainHours(2);
    let kept = put(&store, "a", of("s", "c").with_retention(policy)).await;
    let swept = put(&store, "b", of("s", "c").with_retention(policy)).await;
    let hints = || {
        let mut hints = tree(&place.media().join(".store/expiry"));
        hints.retain(|path| !path.ends_with('/'));
        hints.len()
    };
    assert_eq!(hints(), 2);
    store.delete(&kept).await.unwrap();
    assert_eq!(hints(), 1);
    let early = SweepOptions::new().with_now(Utc::now() + TimeDelta::minutes(119));
    let report = store.inventory().unwrap().sweep(early).await.unwrap();
    assert_eq!(report.expired, 0);
    assert_eq!(get(&store, &swept).await, "b");
    let due = SweepOptions::new().with_now(Utc::now() + TimeDelta::minutes(121));
    let report = store.inventory().unwrap().sweep(due).await.unwrap();
    assert_eq!(report.expired, 1);
    assert_eq!(hints(), 0);
    let error = store.retrieve(&swept).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound);
    assert!(internals(&place.media()).is_empty());
}

#[tokio::test]
async fn a_full_sweep_makes_lost_hints_again() {
    let place = Place::new();
    let store = place.store().await;
    let policy = RetentionPolicy::DeleteAfterMinutes(5);
    put(&store, "a", of("s", "c").with_retention(policy)).await;
    std::fs::remove_dir_all(place.media().join(".store/expiry")).unwrap();
    std::fs::create_dir(place.media().join(".store/expiry")).unwrap();
    let store = place.store().await;
    let later = Utc::now() + TimeDelta::minutes(6);
    let due = SweepOptions::new().with_now(later);
    assert_eq!(
        store.inventory().unwrap().sweep(due).await.unwrap().expired,
        0
    );
    store.inventory().unwrap().sweep(full()).await.unwrap();
    assert_eq!(
        store.inventory().unwrap().sweep(due).await.unwrap().expired,
        1
    );
}

#[tokio::test]
async fn the_sidecar_decides_not_the_hint() {
    let place = Place::new();
    let store = place.store().await;
    let policy = RetentionPolicy::DeleteAfterMinutes(5);
    let reference = put(&store, "a", of("s", "c").with_retention(policy)).await;
    // An operator keeps it for longer, by an editor that writes a new file.
    let path = place.media().join(format!("{}.meta", reference.id()));
    let text = std::fs::read_to_string(&path).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["expires_at"] = "2999-01-01T00:00:00.000Z".into();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, serde_json::to_vec_pretty(&json).unwrap()).unwrap();
    let due = SweepOptions::new().with_now(Utc::now() + TimeDelta::minutes(6));
    assert_eq!(
        store.inventory().unwrap().sweep(due).await.unwrap().expired,
        0
    );
    assert_eq!(get(&store, &reference).await, "a");
}

#[tokio::test]
async fn media_stored_in_the_future_is_kept_and_told() {
    let place = Place::new();
    let store = place.store().await;
    let policy = RetentionPolicy::DeleteAfterMinutes(0);
    put(&store, "a", of("s", "c").with_retention(policy)).await;
    let before = Utc::now() - TimeDelta::minutes(1);
    // The bucket is of this hour; a clock that went back sees it as later.
    let report = store
        .inventory()
        .unwrap()
        .sweep(SweepOptions::new().with_now(before))
        .await
        .unwrap();
    assert_eq!(report.expired, 0);
}

#[tokio::test]
async fn orphaned_sidecars_and_dead_staging_go() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "a", of("s", "c")).await;
    std::fs::remove_file(place.media().join(reference.id())).unwrap();
    let dead = place.media().join(".store/tmp/00000000000000000000000000");
    std::fs::create_dir(&dead).unwrap();
    std::fs::write(dead.join("lock"), "").unwrap();
    std::fs::write(dead.join("11111111111111111111111111"), "half an upload").unwrap();
    let dry = store
        .inventory()
        .unwrap()
        .sweep(full().with_dry_run())
        .await
        .unwrap();
    assert_eq!((dry.orphans, dry.staging, dry.blobs), (1, 1, 1));
    let report = store.inventory().unwrap().sweep(full()).await.unwrap();
    assert_eq!(report, dry);
    assert!(!dead.exists());
    assert!(internals(&place.media()).is_empty());
    let left: Vec<String> = tree(&place.media())
        .into_iter()
        .filter(|path| !path.starts_with(".store"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn what_cannot_be_swept_is_counted_and_stops_nothing() {
    let place = Place::new();
    let store = place.store().await;
    let reference = put(&store, "a", of("s", "c")).await;
    let odd = reference.id().replace("png", "gif.meta");
    std::fs::create_dir(place.media().join(&odd)).unwrap();
    let policy = RetentionPolicy::DeleteAfterMinutes(0);
    put(&store, "b", of("t", "c").with_retention(policy)).await;
    let report = store.inventory().unwrap().sweep(full()).await.unwrap();
    assert_eq!((report.expired, report.failed), (1, 1), "{report:?}");
}

#[tokio::test]
async fn a_sidecar_that_waits_for_its_media_is_not_taken_by_its_hint() {
    let place = Place::new();
    let store = place.store().await;
    let policy = RetentionPolicy::DeleteAfterMinutes(0);
    let reference = put(&store, "a", of("s", "c").with_retention(policy)).await;
    // As a store leaves it that was stopped between the two names.
    std::fs::remove_file(place.media().join(reference.id())).unwrap();
    let due = store
        .inventory()
        .unwrap()
        .sweep(SweepOptions::new())
        .await
        .unwrap();
    assert_eq!(due.expired, 0);
    let sidecar = place.media().join(format!("{}.meta", reference.id()));
    assert!(sidecar.exists());
    let report = store.inventory().unwrap().sweep(full()).await.unwrap();
    assert_eq!(report.orphans, 1);
    assert!(!sidecar.exists());
}

#[tokio::test(start_paused = true)]
async fn the_sweeper_sees_what_is_stored_after_it_started() {
    let place = Place::new();
    let store = place.store().await;
    let sweeper = store.start_sweeper(SweeperOptions::new().with_interval(Duration::from_secs(60)));
    let mut progress = sweeper.progress();
    progress
        .wait_for(|progress| progress.sweeps >= 1)
        .await
        .unwrap();
    let policy = RetentionPolicy::DeleteAfterMinutes(0);
    let reference = put(&store, "a", of("s", "c").with_retention(policy)).await;
    progress
        .wait_for(|progress| progress.last.expired == 1)
        .await
        .unwrap();
    assert!(!place.media().join(reference.id()).exists());
    sweeper.stop().await;
    assert!(progress.changed().await.is_err(), "the task has ended");
}

/// A directory that loses no entries, not even for root.
#[cfg(target_os = "linux")]
struct Frozen {
    directory: std::fs::File,
    path: std::path::PathBuf,
}

#[cfg(target_os = "linux")]
impl Frozen {
    /// Returns `None` where nobody can do that: for root, on a file system without the flag.
    fn freeze(path: std::path::PathBuf) -> Option<Self> {
        let probe = path.join("probe");
        std::fs::write(&probe, "").unwrap();
        let frozen = Self {
            directory: std::fs::File::open(&path).unwrap(),
            path,
        };
        frozen.set(0o555, true);
        std::fs::remove_file(probe).is_err().then_some(frozen)
    }

    fn set(&self, mode: u32, is_immutable: bool) {
        use std::os::unix::fs::PermissionsExt as _;

        use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
        let set_mode = || {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&self.path, mode)
        };
        let set_flag = || {
            let mut flags = ioctl_getflags(&self.directory)?;
            flags.set(IFlags::IMMUTABLE, is_immutable);
            ioctl_setflags(&self.directory, flags)
        };
        // Neither the mode of what has the flag can be changed, nor the flag by everybody.
        let (_, _) = match is_immutable {
            true => (set_mode(), set_flag()),
            false => {
                let flag = set_flag();
                (set_mode(), flag)
            }
        };
    }
}

#[cfg(target_os = "linux")]
impl Drop for Frozen {
    fn drop(&mut self) {
        self.set(0o755, false);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_sweep_stops_after_many_items_in_a_row_that_it_can_read_and_not_delete() {
    let place = Place::new();
    let store = place.builder().with_deduplication(false);
    let store = store.with_durability(media_store_fs::Durability::Buffered);
    let store = store.build().await.unwrap();
    let policy = RetentionPolicy::DeleteAfterMinutes(0);
    for number in 0..1001 {
        let metadata = of("s", "c").with_retention(policy);
        put(&store, &number.to_string(), metadata).await;
    }
    let Some(_frozen) = Frozen::freeze(place.media().join("s/c")) else {
        return;
    };
    let stopped = store.inventory().unwrap().sweep(full()).await.unwrap_err();
    assert_eq!(stopped.kind(), StorageErrorKind::Permission, "{stopped}");
}
