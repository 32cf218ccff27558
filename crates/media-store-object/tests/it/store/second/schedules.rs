//! Random interleavings of stores, deletes and sweeps by several nodes, by the second protocol. Requests
//! fail, fail after they happened, happen long after they failed, or happen a second time after they
//! were acknowledged. `OBJECT_SCHEDULES` says how many; `OBJECT_SEED` runs one of them again.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use media_storage::{Inventory as _, MediaStorageExt as _, Scope};
use media_store_object::ObjectMediaStore;
use media_types::{Mime, StorageReference};

use super::super::schedules::{Numbers, env, runtime};
use super::super::{Fate, FaultyBucket, Verb, full, holds, is_gone, listed, noise};
use super::{builder, is_clean, of_user, open};

#[derive(Default)]
struct Told {
    stored: Vec<(StorageReference, usize)>,
    deleted: Vec<StorageReference>,
    failed: u64,
    sweeps: u64,
}

/// Opens a store; a probe that failed would switch sharing off.
async fn open_calmly(bucket: &FaultyBucket) -> ObjectMediaStore {
    loop {
        if let Ok(store) = builder(bucket, true).build().await
            && store.is_deduplicating()
            && store.refuses_late_writes()
        {
            return store;
        }
    }
}

async fn node(bucket: FaultyBucket, contents: Arc<Vec<Bytes>>, told: Arc<Mutex<Told>>, seed: u64) {
    let mut numbers = Numbers(seed);
    let store = open_calmly(&bucket).await;
    for _ in 0..3 + numbers.below(4) {
        if numbers.below(4) == 0 {
            let swept = store.sweep(full()).await;
            told.lock().unwrap().sweeps += u64::from(swept.is_ok());
            continue;
        }
        let content = numbers.below(contents.len() as u64) as usize;
        let bytes = contents[content].clone();
        let metadata = of_user("conv-1", "user-1");
        match store.store_bytes(Mime::IMAGE_PNG, bytes, metadata).await {
            Ok(reference) if numbers.below(3) > 0 => {
                // After a failure nobody knows whether it is gone.
                if store.delete(&reference).await.is_ok() {
                    told.lock().unwrap().deleted.push(reference);
                }
            }
            Ok(reference) => told.lock().unwrap().stored.push((reference, content)),
            Err(_) => told.lock().unwrap().failed += 1,
        }
    }
}

async fn schedule(seed: u64) -> Told {
    let bucket = FaultyBucket::new();
    open(&bucket, true).await;
    let mut numbers = Numbers(seed);
    let contents = Arc::new((0..2).map(|n| noise(n, 64)).collect::<Vec<_>>());
    let told = Arc::<Mutex<Told>>::default();
    let (fault_rate, copy_rate) = (numbers.below(10), numbers.below(20));
    let mut faults = Numbers(seed ^ 0xfa17);
    bucket.judge(move |request| {
        let yields = faults.below(4) as usize;
        let of_store = ["/probe", "/layout", "format.json", "v2/key"];
        let writes = matches!(request.verb, Verb::Put | Verb::Delete);
        let drawn = faults.below(100);
        let fate = if of_store.iter().any(|part| request.key.contains(part)) {
            Fate::Pass
        } else if drawn < fault_rate {
            match faults.below(3) {
                _ if !writes => Fate::FailBefore,
                0 => Fate::FailBefore,
                1 => Fate::FailAfter,
                _ => Fate::Late,
            }
        } else if writes && drawn < fault_rate + copy_rate {
            Fate::Copied
        } else {
            Fate::Pass
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
    bucket.settle().await;
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
    let entries = listed(&store).await;
    for (reference, _) in &told.stored {
        assert!(entries.iter().any(|entry| entry.reference == *reference));
    }
    for reference in &told.deleted {
        assert!(
            !entries
                .iter()
                .any(|entry| entry.reference.id() == reference.id())
        );
    }
    let scope = Scope::User("user-1".parse().unwrap());
    store.delete_scope(scope.clone()).await.unwrap();
    assert_eq!(store.usage(scope).await.unwrap().references, 0);
    is_clean(&store, &bucket).await;
    told
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_deleted_comes_back() {
    let runtime = runtime();
    let seeds = match env("OBJECT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..env("OBJECT_SCHEDULES").unwrap_or(300),
    };
    let (mut stored, mut deleted, mut failed, mut sweeps) = (0, 0, 0, 0);
    let schedules = seeds.end - seeds.start;
    for seed in seeds {
        let run = || runtime.block_on(schedule(seed));
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
            .unwrap_or_else(|_| panic!("run again with OBJECT_SEED={seed}"));
        stored += told.stored.len();
        deleted += told.deleted.len();
        failed += told.failed;
        sweeps += told.sweeps;
    }
    println!(
        "second protocol: {schedules} schedules: {stored} references kept, {deleted} deleted, \
         {failed} stores failed, {sweeps} sweeps; 0 lost, 0 came back"
    );
    assert!(stored > 0 && deleted > 0 && sweeps > 0);
}
