//! A directory that the first version wrote.
//!
//! `tests/fixtures/v1` was written by it: two references to equal bytes, one that expires, and one that
//! was deleted again. The links between files are lost in version control, which is what a copy without
//! links does too.

use std::fs;
use std::path::Path;

use futures_util::TryStreamExt as _;
use media_storage::{
    Entry, MediaStorage as _, MediaStorageExt as _, Scope, SweepDepth, SweepOptions,
};
use media_store_fs::VerifyOptions;
use media_types::StorageReference;

use crate::support::{Place, of, put};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// A copy of the fixture, and the references that the first version returned.
fn fixture() -> (Place, Vec<StorageReference>) {
    let place = Place::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    copy(&fixtures.join("v1"), &place.media());
    let references = fs::read_to_string(fixtures.join("v1-references.json")).unwrap();
    (place, serde_json::from_str(&references).unwrap())
}

#[tokio::test]
async fn a_directory_of_the_first_version_is_used_as_it_is() {
    let (place, references) = fixture();
    let store = place.store().await;
    for reference in &references[..3] {
        let size = reference.size().unwrap();
        let bytes = store.retrieve_bytes(reference, size).await.unwrap();
        assert_eq!(bytes.len() as u64, size);
    }
    assert!(!store.exists(&references[3]).await.unwrap());
    let inventory = store.inventory().unwrap();
    let listed: Vec<Entry> = inventory.list(Scope::All).try_collect().await.unwrap();
    assert_eq!(listed.len(), 3);
    assert!(store.verify(VerifyOptions::new()).await.unwrap().is_clean());
    let repair = VerifyOptions::new().with_repair(true);
    assert!(store.verify(repair).await.unwrap().repaired > 0);
    let usage = inventory.usage(Scope::All).await.unwrap();
    assert_eq!((usage.references, usage.blobs), (3, 2), "{usage:?}");
    let new = put(&store, "new", of("session-1", "conv-1")).await;
    store.delete(&references[0]).await.unwrap();
    assert!(store.exists(&references[1]).await.unwrap());
    let report = inventory
        .delete_scope(Scope::Conversation("conv-2".parse().unwrap()))
        .await
        .unwrap();
    assert_eq!(report.deleted, 2);
    assert!(store.exists(&new).await.unwrap());
}

#[tokio::test]
async fn expiry_hints_of_the_first_version_work() {
    let (place, references) = fixture();
    let store = place.store().await;
    let expiry = store.head(&references[2]).await.unwrap().expires_at();
    let after = expiry.unwrap() + chrono::TimeDelta::seconds(1);
    let due = SweepOptions::new()
        .with_depth(SweepDepth::Due)
        .with_now(after);
    let report = store.inventory().unwrap().sweep(due).await.unwrap();
    assert_eq!(report.expired, 1);
    assert!(!store.exists(&references[2]).await.unwrap());
}
