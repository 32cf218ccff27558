//! What a role must be able to do, and what it must not.

use chrono::TimeDelta;
use media_storage::{
    DeleteOptions, DuplicateOptions, Inventory as _, MediaStorage as _, MediaStorageExt as _,
    MetadataPatch, RetentionPolicy, Scope, StorageError, StorageErrorKind as Kind, SweepOptions,
    SweepReport, Verifier as _, VerifyOptions,
};
use media_store_object::ObjectMediaStore;

use super::world::{World, hours, of_user, store_of};
use crate::store::{MIB, about, full, holds, listed, noise};

pub(super) fn refused<T>(what: &str, result: Result<T, StorageError>) {
    match result {
        Ok(_) => panic!("{what} was not refused"),
        Err(error) => assert_eq!(error.kind(), Kind::Permission, "{what}: {error}"),
    }
}

/// A walk ends with the kind, or counts what was refused.
fn refused_walk(what: &str, result: Result<SweepReport, StorageError>) {
    match result {
        Ok(report) => {
            assert!(report.failed > 0, "{what} was not refused: {report:?}");
            let done = (report.references(), report.blobs, report.freed_bytes);
            assert_eq!(done, (0, 0, 0), "{what}: {report:?}");
        }
        Err(error) => assert_eq!(error.kind(), Kind::Permission, "{what}: {error}"),
    }
}

pub(super) fn in_hours(hours: i64) -> SweepOptions {
    SweepOptions::new().with_now(chrono::Utc::now() + TimeDelta::hours(hours))
}

pub(super) fn patches() -> [MetadataPatch; 3] {
    [
        MetadataPatch::new().with_user(Some("user-2".parse().unwrap())),
        MetadataPatch::new().with_retention(RetentionPolicy::RetainHours(9)),
        MetadataPatch::new().with_hold(true),
    ]
}

pub(super) async fn reads(store: &ObjectMediaStore, world: &World) {
    for (reference, bytes) in &world.media {
        holds(store, reference, bytes).await;
    }
    let report = store.verify(VerifyOptions::new()).await.unwrap();
    assert_eq!((report.references, report.issue_count), (4, 0));
    lists_all(store).await;
    for (scope, references) in [
        (Scope::User("user-1".parse().unwrap()), 2),
        (Scope::Conversation("conv-2".parse().unwrap()), 2),
    ] {
        let usage = store.usage(scope).await.unwrap();
        assert_eq!(usage.references, references);
    }
}

pub(super) async fn reads_no_media(store: &ObjectMediaStore, world: &World) {
    for (reference, bytes) in &world.media {
        let read = store.retrieve_bytes(reference, bytes.len() as u64).await;
        refused("retrieve", read);
    }
    lists_all(store).await;
}

async fn lists_all(store: &ObjectMediaStore) {
    assert_eq!(listed(store).await.len(), 4);
    assert_eq!(store.usage(Scope::All).await.unwrap().references, 4);
}

pub(super) async fn stores_nothing(store: &ObjectMediaStore, world: &World) {
    let new = store_of(store, noise(9, 3000), hours(of_user("conv-9"))).await;
    refused("new bytes", new);
    refused(
        "plain bytes",
        store_of(store, noise(9, 3000), about("conv-9")).await,
    );
    let large = noise(10, 11 * MIB);
    refused("parts", store_of(store, large, about("conv-9")).await);
    let same = store_of(store, noise(1, 3000), about("conv-9")).await;
    refused("known bytes", same);
    let (reference, _) = &world.media[0];
    let options = DuplicateOptions::new(about("conv-9"));
    refused("duplicate", store.duplicate(reference, options).await);
}

pub(super) async fn deletes_nothing(store: &ObjectMediaStore, world: &World) {
    let references: Vec<_> = world.media.iter().map(|(one, _)| one.clone()).collect();
    for result in store.delete_many(&references, DeleteOptions::new()).await {
        refused("delete", result);
    }
    for scope in [
        Scope::Conversation("conv-2".parse().unwrap()),
        Scope::User("user-1".parse().unwrap()),
        Scope::All,
    ] {
        refused_walk("scope", store.delete_scope(scope).await);
    }
}

pub(super) async fn sweeps_nothing(store: &ObjectMediaStore) {
    refused_walk("sweep", store.sweep(in_hours(7)).await);
    refused_walk("full sweep", store.sweep(full()).await);
    let shared = full().with_resume(true);
    refused_walk("shared sweep", store.sweep(shared).await);
    refused_walk(
        "capacity",
        store.sweep(SweepOptions::new().with_capacity(1)).await,
    );
}
