//! Changes of metadata, holds, and damaged sidecars.

use chrono::{TimeDelta, Utc};
use media_storage::layout::{FileName, MediaToken};
use media_storage::{
    DeleteOptions, DuplicateOptions, ImportUpload, MediaBody, MediaStorage, MediaStorageExt as _,
    MetadataPatch, RetentionPolicy, RetrieveOptions, Scope, Sha256Hasher, StorageErrorKind,
};
use media_types::StorageReference;

use crate::backend::AnyBackend;
use crate::fixture::{
    about, conversation, fails, full_sweep, holds, is_empty, is_not_found, listed, noise, open, put,
};
use crate::run::not_run;

/// Whether a store can change metadata; says so if it cannot.
async fn can_update(
    store: &impl MediaStorage,
    reference: &StorageReference,
    scenario: &str,
) -> bool {
    match store.update(reference, MetadataPatch::new()).await {
        Ok(()) => true,
        Err(error) if error.kind() == StorageErrorKind::Unsupported => {
            not_run(store, scenario, "the store cannot change metadata");
            false
        }
        Err(error) => panic!("a patch that changes nothing fails: {error:?}"),
    }
}

/// A patch changes what it names, only if the media is in the expected scope, and nothing else.
pub async fn updates_change_metadata(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 5000);
    let metadata = about("conv-1")
        .with_user("ann".parse().unwrap())
        .with_filename("a.png".to_owned());
    let reference = put(&store, &bytes, metadata.clone()).await;
    if !can_update(&store, &reference, "updates_change_metadata").await {
        return;
    }
    let foreign = MetadataPatch::new()
        .with_hold(true)
        .with_expected_scope(conversation("conv-2"));
    fails(
        store.update(&reference, foreign).await,
        StorageErrorKind::NotFound,
    );
    let patch = MetadataPatch::new()
        .with_retention(RetentionPolicy::RetainDays(3))
        .with_expected_scope(conversation("conv-1"));
    let mut expected = metadata.with_retention(RetentionPolicy::RetainDays(3));
    let with_user = patch.clone().with_user(Some("ben".parse().unwrap()));
    match store.update(&reference, with_user).await {
        Ok(()) => expected = expected.with_user("ben".parse().unwrap()),
        Err(error) if error.kind() == StorageErrorKind::Unsupported => {
            not_run(
                &store,
                "updates_change_metadata",
                "the store cannot change the user",
            );
            store.update(&reference, patch).await.unwrap();
        }
        Err(error) => panic!("the update fails: {error:?}"),
    }
    let head = store.head(&reference).await.unwrap();
    assert_eq!(head.metadata, expected);
    assert!(head.expires_at().is_some());
    holds(&store, &reference, &bytes).await;
    store.delete(&reference).await.unwrap();
    fails(
        store.update(&reference, MetadataPatch::new()).await,
        StorageErrorKind::NotFound,
    );
}

/// Media on hold is neither deleted, nor swept, nor deleted with its scope, until it is released, also after
/// it has expired.
pub async fn media_on_hold_stays(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let bytes = noise(1, 5000);
    let reference = put(&store, &bytes, about("conv-1")).await;
    if !can_update(&store, &reference, "media_on_hold_stays").await {
        return;
    }
    let hold = |hold| MetadataPatch::new().with_hold(hold);
    store.update(&reference, hold(true)).await.unwrap();
    fails(store.delete(&reference).await, StorageErrorKind::Held);
    let all = [reference.clone()];
    let results = store.delete_many(&all, DeleteOptions::new()).await;
    for result in results {
        fails(result, StorageErrorKind::Held);
    }
    if let Some(inventory) = store.inventory() {
        let scope = conversation("conv-1");
        let report = inventory.delete_scope(scope).await.unwrap();
        assert_eq!((report.deleted, report.held), (0, 1), "{report:?}");
        let prune = full_sweep().with_capacity(0);
        let report = inventory.sweep(prune).await.unwrap();
        assert_eq!(report.references(), 0, "{report:?}");
    }
    holds(&store, &reference, &bytes).await;
    let over = RetentionPolicy::DeleteAfterMinutes(0);
    let over = MetadataPatch::new().with_retention(over);
    store.update(&reference, over).await.unwrap();
    fails(store.head(&reference).await, StorageErrorKind::NotFound);
    if let Some(inventory) = store.inventory() {
        let report = inventory.sweep(full_sweep()).await.unwrap();
        assert_eq!(report.references(), 0, "{report:?}");
    }
    fails(store.delete(&reference).await, StorageErrorKind::Held);
    store.update(&reference, hold(false)).await.unwrap();
    store.delete(&reference).await.unwrap();
    is_not_found(&store, &reference).await;
}

/// A copy of media on hold is on hold as well, and is released by itself.
pub async fn copies_of_media_on_hold_are_on_hold(backend: &dyn AnyBackend) {
    let scenario = "copies_of_media_on_hold_are_on_hold";
    let store = open(backend).await;
    let bytes = noise(1, 5000);
    let original = put(&store, &bytes, about("conv-1")).await;
    if !can_update(&store, &original, scenario).await {
        return;
    }
    let copied = || DuplicateOptions::new(about("conv-2"));
    let free = store.duplicate(&original, copied()).await.unwrap();
    let hold = |hold| MetadataPatch::new().with_hold(hold);
    store.update(&original, hold(true)).await.unwrap();
    let copy = store.duplicate(&original, copied()).await.unwrap();
    assert!(store.head(&copy).await.unwrap().on_hold);
    fails(store.delete(&copy).await, StorageErrorKind::Held);
    store.delete(&free).await.unwrap();
    store.update(&original, hold(false)).await.unwrap();
    store.delete(&original).await.unwrap();
    fails(store.delete(&copy).await, StorageErrorKind::Held);
    holds(&store, &copy, &bytes).await;
    store.update(&copy, hold(false)).await.unwrap();
    assert!(!store.head(&copy).await.unwrap().on_hold);
    store.delete(&copy).await.unwrap();
    is_empty(&store, scenario).await;
}

/// Imported media keeps its latest expiry, which a shorter retention hides: no later change of the retention
/// lifts it.
pub async fn imports_keep_the_latest_expiry(backend: &dyn AnyBackend) {
    let scenario = "imports_keep_the_latest_expiry";
    let store = open(backend).await;
    let Some(importer) = store.importer() else {
        return not_run(&store, scenario, "the store cannot import");
    };
    let latest = Utc::now() + TimeDelta::hours(48);
    let metadata = about("conv-1")
        .with_retention(RetentionPolicy::RetainHours(1))
        .with_expires_at(latest);
    let bytes = noise(1, 5000);
    let stored = put(&store, &bytes, metadata).await;
    if !can_update(&store, &stored, scenario).await {
        return;
    }
    let Some(mut entries) = listed(&store, Scope::All, scenario).await else {
        return;
    };
    let mut entry = entries.remove(0);
    // As if it were media of another store, which has an id of its own.
    let sha256 = Sha256Hasher::digest(&bytes);
    let name = FileName::new(sha256, &MediaToken::mint().unwrap(), &entry.mime);
    let directories = stored.id().rfind('/').map_or(0, |slash| slash + 1);
    let id = format!("{}{}", &stored.id()[..directories], name.as_str());
    entry.reference = StorageReference::builder(stored.backend(), id)
        .with_size(bytes.len() as u64)
        .with_sha256(sha256)
        .build()
        .unwrap();
    let upload = ImportUpload::new(entry, MediaBody::from_bytes(bytes.clone()));
    let imported = importer.import(upload).await.unwrap().reference;
    for reference in [&stored, &imported] {
        let keep = MetadataPatch::new().with_retention(RetentionPolicy::Retain);
        store.update(reference, keep).await.unwrap();
        let expires_at = store.head(reference).await.unwrap().expires_at();
        let expires_at = expires_at.expect("the media still expires");
        assert_eq!(expires_at.timestamp_millis(), latest.timestamp_millis());
        holds(&store, reference, &bytes).await;
    }
}

/// A damaged sidecar hides its media neither from a read, nor from a deletion in its scope, which both fail
/// with `Corrupted`, nor from the deletion of the scope, which counts it; without a scope it is deleted.
pub async fn damaged_sidecars_are_reported(backend: &dyn AnyBackend) {
    let store = open(backend).await;
    let reference = put(&store, &noise(1, 5000), about("conv-1")).await;
    if !backend.damage_sidecar(&reference).await {
        return not_run(
            &store,
            "damaged_sidecars_are_reported",
            "the backend cannot damage a sidecar",
        );
    }
    // Scope and expiry cannot be read, whether the caller asks for a scope or not.
    let scoped = RetrieveOptions::new().with_expected_scope(conversation("conv-1"));
    for options in [RetrieveOptions::new(), scoped] {
        let read = store.retrieve_opts(&reference, options).await;
        fails(read.map(drop), StorageErrorKind::Corrupted);
    }
    let scoped = DeleteOptions::new().with_expected_scope(conversation("conv-1"));
    fails(
        store.delete_opts(&reference, scoped).await,
        StorageErrorKind::Corrupted,
    );
    if let Some(inventory) = store.inventory() {
        let scope: Scope = conversation("conv-1");
        let report = inventory.delete_scope(scope).await.unwrap();
        assert_eq!((report.deleted, report.failed), (0, 1), "{report:?}");
    }
    store.delete(&reference).await.unwrap();
    is_not_found(&store, &reference).await;
}
