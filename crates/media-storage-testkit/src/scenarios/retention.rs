//! What is due goes, in its time and not before.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use media_storage::{
    DuplicateOptions, Inventory, MediaStorage, MediaStorageExt as _, RetentionPolicy, Scope,
    StorageErrorKind, SweepDepth, SweepOptions, SweepReport,
};
use media_types::StorageReference;

use crate::backend::{AnyBackend, StoreOptions};
use crate::fixture::{
    about, fails, full_sweep, holds, is_empty, is_not_found, listed, noise, open, open_with, put,
};
use crate::run::not_run;

/// Sweeps dry, then in earnest: the dry run changes nothing and reports the same.
async fn sweep_twice(
    store: &impl MediaStorage,
    inventory: &dyn Inventory,
    options: SweepOptions,
) -> SweepReport {
    let before = listed(store, Scope::All, "").await.unwrap().len();
    let usage = inventory.usage(Scope::All).await.unwrap();
    let dry = inventory.sweep(options.with_dry_run()).await.unwrap();
    let after = listed(store, Scope::All, "").await.unwrap().len();
    assert_eq!(before, after, "a dry run removed something");
    assert_eq!(usage, inventory.usage(Scope::All).await.unwrap());
    let report = inventory.sweep(options).await.unwrap();
    assert_eq!(dry, report, "the dry run reported something else");
    let left = listed(store, Scope::All, "").await.unwrap().len();
    assert_eq!(before - left, usize::try_from(report.references()).unwrap());
    report
}

fn stored_at(reference: &StorageReference) -> DateTime<Utc> {
    reference.created_at().expect("the store reports the time")
}

/// Expired media is not found even before it is swept, and can be deleted; nothing else is
/// touched.
pub async fn expired_media_is_not_found(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 100);
    let at_once = about("conv-1").with_retention(RetentionPolicy::DeleteAfterMinutes(0));
    let expired = put(&store, &bytes, at_once.clone()).await;
    let other = put(&store, &bytes, at_once).await;
    let kept = put(&store, &bytes, about("conv-1")).await;
    is_not_found(&store, &expired).await;
    fails(
        store
            .duplicate(&expired, DuplicateOptions::new(about("conv-1")))
            .await,
        StorageErrorKind::NotFound,
    );
    store.delete(&other).await.unwrap();
    holds(&store, &kept, &bytes).await;
    let Some(inventory) = store.inventory() else {
        return not_run(
            &store,
            "expired_media_is_not_found",
            "the store has no inventory",
        );
    };
    let report = inventory.sweep(SweepOptions::new()).await.unwrap();
    assert_eq!(report.expired, 1, "{report:?}");
    is_not_found(&store, &expired).await;
    holds(&store, &kept, &bytes).await;
}

/// Each reference goes at its own time, not a moment earlier, also when bytes are shared; what is
/// kept for ever and what is kept for its conversation stays.
pub async fn sweeps_remove_only_what_is_due(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let scenario = "sweeps_remove_only_what_is_due";
    let Some(inventory) = store.inventory() else {
        return not_run(&store, scenario, "the store has no inventory");
    };
    let bytes = noise(1, 5000);
    let stored = |retention| put(&store, &bytes, about("conv-1").with_retention(retention));
    let minutes = stored(RetentionPolicy::DeleteAfterMinutes(5)).await;
    let hours = stored(RetentionPolicy::RetainHours(2)).await;
    let days = stored(RetentionPolicy::RetainDays(3)).await;
    let lasting = [
        stored(RetentionPolicy::Retain).await,
        stored(RetentionPolicy::Delete).await,
        stored(RetentionPolicy::RetainDays(u32::MAX)).await,
    ];
    let mut left = vec![&minutes, &hours, &days];
    let early = SweepOptions::new().with_now(stored_at(&minutes) - TimeDelta::days(365));
    let report = sweep_twice(&store, inventory, early).await;
    assert_eq!(report.references(), 0, "long before: {report:?}");
    for (reference, after) in [
        (&minutes, TimeDelta::minutes(5)),
        (&hours, TimeDelta::hours(2)),
        (&days, TimeDelta::days(3)),
    ] {
        let due = stored_at(reference) + after;
        let moment_before = due - TimeDelta::milliseconds(1);
        for depth in [SweepDepth::Due, SweepDepth::Full] {
            let options = SweepOptions::new().with_depth(depth);
            let early = options.with_now(moment_before);
            let report = sweep_twice(&store, inventory, early).await;
            assert_eq!(report.references(), 0, "too early: {report:?}");
        }
        for reference in &left {
            holds(&store, reference, &bytes).await;
        }
        let report = sweep_twice(&store, inventory, SweepOptions::new().with_now(due)).await;
        assert_eq!((report.expired, report.references()), (1, 1), "{report:?}");
        assert_eq!(left.remove(0), reference);
        is_not_found(&store, reference).await;
    }
    let far = stored_at(&days) + TimeDelta::days(100_000);
    let report = sweep_twice(&store, inventory, full_sweep().with_now(far)).await;
    assert_eq!(report.references(), 0, "{report:?}");
    for reference in &lasting {
        holds(&store, reference, &bytes).await;
        store.delete(reference).await.unwrap();
    }
    is_empty(&store, scenario).await;
}

/// Media without a retention of its own has the store's, also media stored after a sweep.
pub async fn the_default_retention_applies(backend: &dyn AnyBackend) {
    let options = StoreOptions::new().with_default_retention(RetentionPolicy::RetainHours(1));
    let store = open_with(backend, options).await;
    let bytes = noise(1, 100);
    let defaulted = put(&store, &bytes, about("conv-1")).await;
    let own = about("conv-1").with_retention(RetentionPolicy::Retain);
    let own = put(&store, &bytes, own).await;
    let stored = store.retrieve(&defaulted).await.unwrap();
    let retention = stored.metadata.retention();
    assert_eq!(retention, Some(RetentionPolicy::RetainHours(1)));
    let Some(inventory) = store.inventory() else {
        return not_run(
            &store,
            "the_default_retention_applies",
            "the store has no inventory",
        );
    };
    for reference in [defaulted, put(&store, &bytes, about("conv-2")).await] {
        let now = stored_at(&reference) + TimeDelta::hours(1);
        inventory
            .sweep(SweepOptions::new().with_now(now))
            .await
            .unwrap();
        is_not_found(&store, &reference).await;
    }
    holds(&store, &own, &bytes).await;
}

/// A sweep stops after as many deletes as it may make; the next one goes on.
pub async fn sweeps_can_be_bounded(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let scenario = "sweeps_can_be_bounded";
    let Some(inventory) = store.inventory() else {
        return not_run(&store, scenario, "the store has no inventory");
    };
    for seed in 0..5 {
        let metadata = about("conv-1").with_retention(RetentionPolicy::DeleteAfterMinutes(0));
        put(&store, &noise(seed, 100), metadata).await;
    }
    let options = SweepOptions::new().with_max_deletes(2);
    for due in [2, 2, 1, 0] {
        let report = inventory.sweep(options).await.unwrap();
        assert_eq!(report.references(), due, "{report:?}");
    }
    is_empty(&store, scenario).await;
}

/// Stores media so that each has a time of its own.
async fn put_in_order(store: &impl MediaStorage, seeds: &[u64]) -> Vec<StorageReference> {
    let mut stored: Vec<StorageReference> = Vec::new();
    for seed in seeds {
        while let Some(last) = stored.last()
            && Utc::now() < stored_at(last) + TimeDelta::milliseconds(2)
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stored.push(put(store, &noise(*seed, 1000), about("conv-1")).await);
    }
    stored
}

/// A sweep to a capacity deletes the oldest references, no more than needed, counting blobs
/// once; what has expired goes first and its room counts.
pub async fn pruning_takes_the_oldest(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let scenario = "pruning_takes_the_oldest";
    let Some(inventory) = store.inventory() else {
        return not_run(&store, scenario, "the store has no inventory");
    };
    let item = backend.stored_size(1000);
    let prune = |bytes| SweepOptions::new().with_capacity(bytes);
    let stored = put_in_order(&store, &[1, 2, 3, 4, 5]).await;
    let report = sweep_twice(&store, inventory, prune(5 * item)).await;
    assert_eq!(report.references(), 0, "it fits: {report:?}");
    let report = sweep_twice(&store, inventory, prune(3 * item - 1)).await;
    assert_eq!(
        (report.pruned, report.freed_bytes),
        (3, 3 * item),
        "{report:?}"
    );
    for reference in &stored[..3] {
        is_not_found(&store, reference).await;
    }
    for (reference, seed) in stored[3..].iter().zip(4..) {
        holds(&store, reference, &noise(seed, 1000)).await;
    }
    let report = sweep_twice(&store, inventory, prune(0)).await;
    assert_eq!(report.pruned, 2, "{report:?}");
    is_empty(&store, scenario).await;

    let shared = put_in_order(&store, &[1, 2, 1]).await;
    sweep_twice(&store, inventory, prune(item)).await;
    is_not_found(&store, &shared[0]).await;
    is_not_found(&store, &shared[1]).await;
    holds(&store, &shared[2], &noise(1, 1000)).await;

    let due = about("conv-1").with_retention(RetentionPolicy::DeleteAfterMinutes(0));
    put(&store, &noise(1, 1000), due.clone()).await;
    put(&store, &noise(9, 1000), due).await;
    let report = sweep_twice(&store, inventory, prune(item)).await;
    assert_eq!((report.expired, report.pruned), (2, 0), "{report:?}");
    let due = about("conv-1").with_retention(RetentionPolicy::DeleteAfterMinutes(0));
    put(&store, &noise(1, 1000), due).await;
    let report = sweep_twice(&store, inventory, prune(0)).await;
    assert_eq!((report.expired, report.pruned), (1, 1), "{report:?}");
    is_empty(&store, scenario).await;
}
