//! Random interleavings of stores, deletes and sweeps by several nodes, with requests that fail,
//! fail after they happened, or happen long after they failed; in every other one somebody removes
//! sidecars meanwhile. `OBJECT_SCHEDULES` says how many;
//! `OBJECT_SEED` runs one of them again.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use media_storage::{Inventory as _, MediaStorageExt as _, Scope};
use media_types::{Mime, StorageReference};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::{Fate, FaultyBucket, Verb, about, full, holds, is_clean, is_gone, listed, noise, open};

/// A small generator: the same numbers for the same seed.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

#[derive(Default)]
struct Told {
    stored: Vec<(StorageReference, usize)>,
    deleted: Vec<StorageReference>,
    stores_failed: u64,
    sweeps: u64,
    lost_sidecars: u64,
}

/// Removes one sidecar, whosever it is.
async fn lose_a_sidecar(bucket: &FaultyBucket, numbers: &mut Numbers) -> bool {
    let mut names = bucket.names();
    names.retain(|name| name.ends_with(".meta"));
    if names.is_empty() {
        return false;
    }
    let name = &names[numbers.below(names.len() as u64) as usize];
    let name = Path::parse(name).unwrap();
    bucket.inner().delete(&name).await.is_ok()
}

async fn node(bucket: FaultyBucket, contents: Arc<Vec<Bytes>>, told: Arc<Mutex<Told>>, seed: u64) {
    let mut numbers = Numbers(seed);
    let store = open_calmly(&bucket).await;
    let careless = seed % 2 == 1;
    for _ in 0..3 + numbers.below(4) {
        if careless && numbers.below(3) == 0 {
            let lost = lose_a_sidecar(&bucket, &mut numbers).await;
            told.lock().unwrap().lost_sidecars += u64::from(lost);
        }
        if numbers.below(4) == 0 {
            let swept = store.sweep(full()).await;
            told.lock().unwrap().sweeps += u64::from(swept.is_ok());
            continue;
        }
        let content = numbers.below(contents.len() as u64) as usize;
        let bytes = contents[content].clone();
        match store
            .store_bytes(Mime::IMAGE_PNG, bytes, about("conv-1"))
            .await
        {
            Ok(reference) if numbers.below(3) > 0 => {
                // After a failure nobody knows whether it is gone.
                if store.delete(&reference).await.is_ok() {
                    told.lock().unwrap().deleted.push(reference);
                }
            }
            Ok(reference) => told.lock().unwrap().stored.push((reference, content)),
            Err(_) => told.lock().unwrap().stores_failed += 1,
        }
    }
}

/// Opens a store; a probe that failed would switch sharing off.
async fn open_calmly(bucket: &FaultyBucket) -> media_store_object::ObjectMediaStore {
    loop {
        let opened = media_store_object::ObjectMediaStore::builder()
            .with_object_store(Arc::new(bucket.clone()))
            .with_deduplication(true)
            .with_protocol(media_store_object::ProtocolVersion::First)
            .build()
            .await;
        if let Ok(store) = opened
            && store.is_deduplicating()
        {
            return store;
        }
    }
}

async fn schedule(seed: u64, bucket: FaultyBucket) -> Told {
    let mut numbers = Numbers(seed);
    let contents = Arc::new((0..2).map(|n| noise(n, 64)).collect::<Vec<_>>());
    let told = Arc::<Mutex<Told>>::default();
    let fault_rate = numbers.below(12);
    let mut faults = Numbers(seed ^ 0xfa17);
    bucket.judge(move |request| {
        let yields = faults.below(4) as usize;
        // Probes and notes are not what this is about.
        let spared = request.key.contains("/probe") || request.key.contains("/layout");
        if spared || faults.below(100) >= fault_rate {
            return (Fate::Pass, yields);
        }
        let fate = match (request.verb, faults.below(3)) {
            (Verb::Get | Verb::List, _) | (_, 0) => Fate::FailBefore,
            (_, 1) => Fate::FailAfter,
            _ => Fate::Late,
        };
        (fate, yields)
    });
    let nodes: Vec<_> = (0..2 + numbers.below(3))
        .map(|n| {
            let (contents, told) = (Arc::clone(&contents), Arc::clone(&told));
            tokio::spawn(node(bucket.clone(), contents, told, seed ^ n << 32))
        })
        .collect();
    for node in nodes {
        node.await.unwrap();
    }
    bucket.heal();
    while bucket.late() > 0 {
        tokio::task::yield_now().await;
    }
    let told = std::mem::take(&mut *told.lock().unwrap());
    let store = open(&bucket, true).await;
    for round in 0..3 {
        for (reference, content) in &told.stored {
            holds(&store, reference, &contents[*content]).await;
        }
        for reference in &told.deleted {
            is_gone(&store, reference).await;
        }
        if round < 2 {
            store.sweep(full()).await.unwrap();
        }
    }
    // Every acknowledged reference is listed; a store that failed may have left one more.
    let entries = listed(&store).await;
    for (reference, _) in &told.stored {
        assert!(entries.iter().any(|entry| entry.reference == *reference));
    }
    let usage = store.usage(Scope::All).await.unwrap();
    assert!(usage.blobs <= 2, "{usage:?}");
    for (reference, _) in &told.stored {
        store.delete(reference).await.unwrap();
        is_gone(&store, reference).await;
    }
    store.delete_scope(Scope::All).await.unwrap();
    is_clean(&store, &bucket).await;
    told
}

pub(super) fn env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_deleted_comes_back() {
    let runtime = runtime();
    let seeds = match env("OBJECT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..env("OBJECT_SCHEDULES").unwrap_or(1500),
    };
    let (mut stored, mut deleted, mut failed, mut sweeps, mut lost) = (0, 0, 0, 0, 0);
    let schedules = seeds.end - seeds.start;
    for seed in seeds {
        let run = || runtime.block_on(schedule(seed, FaultyBucket::new()));
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
            .unwrap_or_else(|_| panic!("run again with OBJECT_SEED={seed}"));
        stored += told.stored.len();
        deleted += told.deleted.len();
        failed += told.stores_failed;
        sweeps += told.sweeps;
        lost += told.lost_sidecars;
    }
    println!(
        "{schedules} schedules: {stored} references kept, {deleted} deleted, {failed} stores \
         failed, {sweeps} sweeps, {lost} sidecars removed; 0 lost, 0 came back"
    );
    assert!(stored > 0 && deleted > 0 && sweeps > 0 && lost > 0);
}

/// The schedules are alive: where records are written without conditions they find losses.
#[test]
fn writes_without_conditions_are_caught() {
    let runtime = runtime();
    let caught = (0..2000).find(|seed| {
        let bucket = FaultyBucket::new();
        bucket.ignore_conditions();
        let run = || runtime.block_on(schedule(*seed, bucket));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
    });
    println!("caught by schedule {caught:?}");
    assert!(caught.is_some());
}
