//! Full sweeps that keep their progress, continue that of others, and share the work.

mod alive;
mod cut;
mod forged;

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::TimeDelta;
use media_storage::{
    Inventory as _, MediaStorageExt as _, RetentionPolicy, SweepOptions, SweepReport,
};
use media_store_object::ObjectMediaStore;
use media_types::{Mime, StorageReference};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::super::bucket::Request;
use super::super::{Fate, FaultyBucket, Verb, about, full, holds, is_gone, noise};
use super::{objects, of_user, open, put_for};

fn shared() -> SweepOptions {
    full().with_resume(true)
}

/// The note that the index of users is complete.
const COMPLETE: &str = ".store/v2/user-complete";

/// A bucket with something of everything that a full sweep removes or repairs.
struct Mess {
    bucket: FaultyBucket,
    store: ObjectMediaStore,
    /// Media that must stay, by its seed.
    kept: Vec<(StorageReference, u64)>,
    deleted: Vec<StorageReference>,
}

async fn remove(bucket: &FaultyBucket, part: &str) {
    let name = bucket.name_with(part);
    bucket.inner().delete(&name).await.unwrap();
}

fn token(reference: &StorageReference) -> String {
    let file = reference.file_name();
    file.split(['-', '.']).nth(1).unwrap().to_owned()
}

impl Mess {
    async fn new(deduplication: bool) -> Self {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        // As after a store of the first protocol: what is complete is not known yet.
        remove(&bucket, COMPLETE).await;
        let mut deleted = Vec::new();
        // Old tombstones, of which two have lost their partner.
        for seed in 100..105 {
            deleted.push(put_for(&store, seed, of_user("conv-2", "user-2")).await);
        }
        for reference in &deleted {
            store.delete(reference).await.unwrap();
        }
        remove(&bucket, &format!("{}.meta", deleted[0].id())).await;
        if deduplication {
            remove(&bucket, &format!("/{}", token(&deleted[1]))).await;
        }
        bucket.age(TimeDelta::days(8));
        let mut kept = Vec::new();
        for seed in 0..12 {
            let metadata = match seed % 3 {
                0 => about("conv-1"),
                1 => of_user("conv-1", "user-1"),
                _ => of_user("conv-3", "user-1").with_retention(RetentionPolicy::RetainHours(9)),
            };
            kept.push((put_for(&store, seed, metadata).await, seed));
        }
        // Young tombstones.
        for seed in 105..108 {
            let reference = put_for(&store, seed, about("conv-2")).await;
            store.delete(&reference).await.unwrap();
            deleted.push(reference);
        }
        // Lost hints and entries of the index, and an idle one.
        let lost: Vec<String> = bucket
            .names()
            .into_iter()
            .filter(|name| name.contains("/expiry/") || name.contains("/v2/user/"))
            .collect();
        for name in lost.iter().step_by(3) {
            let path = Path::parse(name).unwrap();
            bucket.inner().delete(&path).await.unwrap();
        }
        let entry = lost.iter().rfind(|name| name.contains("conv-1")).unwrap();
        let idle = Path::parse(entry.replace("conv-1", "conv-9")).unwrap();
        bucket.inner().put(&idle, Vec::new().into()).await.unwrap();
        if deduplication {
            // A lost sidecar, and a lost marker.
            remove(&bucket, &format!("{}.meta", kept[0].0.id())).await;
            let lost = put_for(&store, 200, about("conv-4")).await;
            remove(&bucket, &format!("/{}", token(&lost))).await;
            deleted.push(lost);
        }
        let mess = Self {
            bucket,
            store,
            kept,
            deleted,
        };
        mess.leave().await;
        mess
    }

    /// Stores that die at each of their requests.
    async fn leave(&self) {
        for k in 1..8 {
            let mut seen = 0;
            self.bucket.judge(move |_| {
                seen += 1;
                let fate = if seen > k {
                    Fate::FailBefore
                } else {
                    Fate::Pass
                };
                (fate, 0)
            });
            let metadata = of_user("conv-5", "user-5");
            let stored = self
                .store
                .store_bytes(Mime::IMAGE_PNG, noise(300 + k, 900), metadata);
            let stored = stored.await;
            self.bucket.heal();
            if let Ok(reference) = stored {
                self.store.delete(&reference).await.unwrap();
            }
        }
    }

    /// Everything that must be readable is, and nothing else is.
    async fn is_sound(&self) {
        for (reference, seed) in &self.kept {
            holds(&self.store, reference, &noise(*seed, 1000)).await;
        }
        for reference in &self.deleted {
            is_gone(&self.store, reference).await;
        }
    }

    /// Everything was looked at: what was lost is restored, what is idle is gone, and no progress is left.
    async fn is_visited(&self) {
        self.is_sound().await;
        assert_eq!(progress(&self.bucket).await.len(), 0);
        let names = self.bucket.names();
        let count = |parts: [&str; 2]| {
            let named = |name: &&String| parts.iter().all(|part| name.contains(part));
            names.iter().filter(named).count()
        };
        for (reference, _) in &self.kept {
            assert!(names.contains(&format!("{}.meta", reference.id())));
        }
        assert_eq!(count(["/v2/user/", "conv-1"]), 4);
        assert_eq!(count(["/v2/user/", "conv-3"]), 4);
        assert_eq!(count(["/v2/user/", "conv-9"]), 0);
        assert_eq!(count(["/expiry/", ""]), 4);
    }

    /// A sweep that keeps no progress finds nothing to do either, but old tombstones.
    async fn is_swept(&self) {
        self.is_visited().await;
        let report = self.store.sweep(full()).await.unwrap();
        assert_eq!(report, SweepReport::default());
        self.is_visited().await;
        let names = self.bucket.names();
        for reference in &self.deleted[..5] {
            let token = token(reference);
            assert!(!names.iter().any(|name| name.contains(&token)), "{token}");
        }
    }

    /// The next sweep finds no more than what became garbage while the last one was cut.
    async fn recovers(&self) {
        self.is_visited().await;
        let report = self.sweep().await;
        assert_eq!((report.failed, report.unfinished), (0, 0), "{report:?}");
        self.is_swept().await;
    }

    async fn sweep(&self) -> SweepReport {
        self.store.sweep(shared()).await.unwrap()
    }

    /// Another node.
    async fn node(&self) -> ObjectMediaStore {
        open(&self.bucket, true).await
    }

    /// The bucket is divided into shards, as if there was more in it.
    async fn divide(&self) {
        let pass = format!(
            r#"{{"id":"{:032x}","begun_at":"{}","grace":0,"division":"shards"}}"#,
            5,
            chrono::Utc::now().to_rfc3339(),
        );
        let path = Path::parse(".store/v2/sweep/pass").unwrap();
        self.bucket.inner().put(&path, pass.into()).await.unwrap();
    }
}

/// Whether this is the name of an object of a part.
fn is_part(name: &str, part: &str) -> bool {
    name.contains("/sweep/") && name.ends_with(&format!("/{part}"))
}

/// The objects of shared sweeps.
async fn progress(bucket: &FaultyBucket) -> BTreeMap<String, Bytes> {
    let mut all = objects(bucket).await;
    all.retain(|name, _| name.contains("/sweep/"));
    all
}

/// How often each part of the bucket was listed.
fn listings(requests: &[Request]) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for request in requests.iter().filter(|request| request.verb == Verb::List) {
        *all.entry(request.key.clone()).or_default() += 1;
    }
    all
}

#[tokio::test]
async fn a_shared_sweep_leaves_nothing_to_do() {
    for deduplication in [true, false] {
        for divided in [false, true] {
            let mess = Mess::new(deduplication).await;
            if divided {
                mess.divide().await;
            }
            let report = mess.sweep().await;
            assert_eq!((report.failed, report.unfinished), (0, 0), "{report:?}");
            assert!(report.staging + report.orphans > 0, "{report:?}");
            // Listings of others do not show that the index of users is complete.
            let is_noted = || mess.bucket.names().iter().any(|name| name == COMPLETE);
            assert!(!is_noted());
            mess.is_swept().await;
            assert!(is_noted());
            mess.sweep().await;
            assert!(is_noted());
        }
    }
}

#[tokio::test]
async fn two_nodes_at_once_list_nothing_twice() {
    let alone = Mess::new(true).await;
    alone.divide().await;
    alone.bucket.take_requests();
    alone.sweep().await;
    let of_one = listings(&alone.bucket.take_requests());

    let mess = Mess::new(true).await;
    mess.divide().await;
    let other = mess.node().await;
    let mut seen = 0_usize;
    mess.bucket.judge(move |_| {
        seen += 1;
        (Fate::Pass, seen % 5)
    });
    mess.bucket.take_requests();
    let (one, two) = tokio::join!(mess.store.sweep(shared()), other.sweep(shared()));
    mess.bucket.heal();
    let of_two = listings(&mess.bucket.take_requests());
    // Names of hashes are different in each bucket.
    let parts = of_two.keys().chain(of_one.keys());
    for prefix in parts.filter(|prefix| prefix.split('/').all(|segment| segment.len() < 32)) {
        let times = of_one.get(prefix).copied().unwrap_or_default();
        // What is listed by each sweep as it begins: the time, what is due, and how much there is.
        let begins = ["layout", "expiry", "inbox"]
            .iter()
            .any(|part| prefix.contains(part));
        let begins = begins || prefix.ends_with("rec/0");
        let most = times * if begins { 2 } else { 1 };
        let times = of_two.get(prefix).copied().unwrap_or_default();
        assert!(times <= most, "{prefix}: {times} of {most}");
    }
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(
        one.unfinished == 0 || two.unfinished == 0,
        "{one:?}, {two:?}"
    );
    mess.recovers().await;
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_keeps_nothing_removes_what_others_kept() {
    let mess = Mess::new(true).await;
    let mut seen = 0;
    mess.bucket.judge(move |request| {
        seen += usize::from(request.verb == Verb::List);
        let fate = if seen > 8 {
            Fate::FailBefore
        } else {
            Fate::Pass
        };
        (fate, 0)
    });
    mess.store.sweep(shared()).await.unwrap_err();
    mess.bucket.heal();
    assert!(!progress(&mess.bucket).await.is_empty());
    mess.store.sweep(full()).await.unwrap();
    mess.is_swept().await;
}
