//! Imports that are cut at every request, and repeated.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use chrono::TimeDelta;
use media_storage::{
    Entry, ImportOutcome, ImportUpload, Imported, Importer as _, Inventory as _, MediaBody,
    MediaMetadata, MediaStorage as _, MediaStorageExt as _, MetadataPatch, Scope, StorageError,
    StorageErrorKind,
};
use media_store_object::ObjectMediaStore;
use media_types::Mime;
use object_store::ObjectStoreExt as _;

use super::super::{Fate, FaultyBucket, MIB, Verb, full, holds, is_gone, listed, noise};
use super::{is_clean, objects, of_user, open, put_for};

/// What is in the bucket before the import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// Media with the same bytes.
    SameBytes,
}

/// What happens between the cut and the repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    Nothing,
    Sweep,
    /// Two sweeps, the second after tombstones are old enough to be removed.
    Days,
}

/// Media of another store.
pub(super) async fn elsewhere(len: usize) -> (Entry, Bytes) {
    elsewhere_with(len, of_user("conv-1", "user-1")).await
}

/// Media of another store, with this metadata.
pub(super) async fn elsewhere_with(len: usize, metadata: MediaMetadata) -> (Entry, Bytes) {
    let (store, bytes) = (open(&FaultyBucket::new(), true).await, noise(7, len));
    store
        .store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata)
        .await
        .unwrap();
    (listed(&store).await.remove(0), bytes)
}

pub(super) async fn import(
    store: &ObjectMediaStore,
    (entry, bytes): &(Entry, Bytes),
) -> Result<Imported, StorageError> {
    let body = MediaBody::from_bytes(bytes.clone());
    store.import(ImportUpload::new(entry.clone(), body)).await
}

/// From now on, request `k` has this fate, and those after it do not happen if the network is `cut`.
/// Returns whether there was such a request.
fn cut_at(bucket: &FaultyBucket, k: usize, fate: Fate, cut: bool) -> Arc<AtomicBool> {
    let reached = Arc::new(AtomicBool::new(false));
    let (flag, mut seen) = (Arc::clone(&reached), 0);
    bucket.judge(move |_| {
        seen += 1;
        flag.fetch_or(seen == k, Ordering::SeqCst);
        let fate = match seen {
            seen if seen == k => fate,
            seen if seen > k && cut => Fate::FailBefore,
            _ => Fate::Pass,
        };
        (fate, 0)
    });
    reached
}

/// How an import is cut: what becomes of one request, and whether nothing happens after it.
type Cut = (Fate, bool);

/// A process that dies, or whose network breaks.
const DEAD: [Cut; 2] = [(Fate::FailBefore, true), (Fate::FailAfter, true)];

/// A process that goes on.
const ALIVE: [Cut; 2] = [(Fate::Late, false), (Fate::Copied, false)];

/// Cuts an import at every request, or every few, and repeats it. Returns how often it was cut.
async fn cut_everywhere(
    sharing: bool,
    before: Before,
    between: Between,
    (fate, dead): Cut,
    (len, step): (usize, usize),
) -> usize {
    let source = elsewhere(len).await;
    let mut cuts = 0;
    for k in (1..).step_by(step) {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, sharing).await;
        if before == Before::SameBytes {
            let (bytes, image) = (source.1.clone(), Mime::IMAGE_PNG);
            let other = of_user("conv-2", "user-2");
            store.store_bytes(image, bytes, other).await.unwrap();
        }
        let reached = cut_at(&bucket, k, fate, dead);
        let _ = import(&store, &source).await;
        bucket.heal();
        if !reached.load(Ordering::SeqCst) {
            break;
        }
        cuts += 1;
        let context = format!("{sharing} {before:?} {between:?} {fate:?} {dead} {k}");
        repeat(&store, &bucket, &source, between)
            .await
            .unwrap_or_else(|error| panic!("{context}: {error:?}"));
        let reference = &listed_in(&store, "conv-1").await[0].reference;
        assert_eq!(reference.id(), source.0.reference.id(), "{context}");
        // An upload in parts that was cut is left to the rules of the bucket.
        if between == Between::Nothing && k % 4 == 1 && bucket.open_uploads() == 0 {
            is_deleted_for_good(&store, &bucket, &source).await;
        }
    }
    cuts
}

async fn listed_in(store: &ObjectMediaStore, conversation: &str) -> Vec<Entry> {
    let mut entries = listed(store).await;
    entries.retain(|entry| {
        let found = entry.metadata.conversation();
        found.is_some_and(|id| id.as_str() == conversation)
    });
    entries
}

/// Repeats the import. The media must then be there, and stay.
async fn repeat(
    store: &ObjectMediaStore,
    bucket: &FaultyBucket,
    source: &(Entry, Bytes),
    between: Between,
) -> Result<(), StorageError> {
    if between != Between::Nothing {
        bucket.settle().await;
        store.sweep(full()).await.unwrap();
    }
    if between == Between::Days {
        bucket.age(TimeDelta::days(8));
        store.sweep(full()).await.unwrap();
    }
    // A request of the first import that lands at this very moment is in the way of the second.
    let late = bucket.late() > 0;
    let imported = match import(store, source).await {
        Err(error) if late && error.is_retryable() => {
            bucket.settle().await;
            import(store, source).await
        }
        other => other,
    };
    let reference = imported?.reference;
    bucket.settle().await;
    bucket.age(TimeDelta::days(8));
    assert_eq!(store.sweep(full()).await.unwrap().failed, 0);
    holds(store, &reference, &source.1).await;
    assert_eq!(listed_in(store, "conv-1").await.len(), 1);
    let of_user = store.usage(Scope::User("user-1".parse().unwrap()));
    assert_eq!(of_user.await.unwrap().references, 1);
    let again = import(store, source).await?;
    assert_eq!(again.outcome, ImportOutcome::Present);
    Ok(())
}

/// Media that a user deletes is refused while its tombstone is kept.
async fn is_deleted_for_good(
    store: &ObjectMediaStore,
    bucket: &FaultyBucket,
    source: &(Entry, Bytes),
) {
    let reference = listed_in(store, "conv-1").await.remove(0).reference;
    store.delete(&reference).await.unwrap();
    for _ in 0..2 {
        let refused = import(store, source).await.unwrap_err();
        assert_eq!(refused.kind(), StorageErrorKind::InvalidInput);
        is_gone(store, &reference).await;
        store.sweep(full()).await.unwrap();
    }
    is_clean(store, bucket).await;
    import(store, source).await.unwrap();
    holds(store, &reference, &source.1).await;
    is_clean(store, bucket).await;
}

#[tokio::test]
async fn an_import_that_was_cut_and_is_repeated_completes_at_once() {
    let mut cuts = 0;
    for (sharing, before) in [
        (true, Before::Nothing),
        (true, Before::SameBytes),
        (false, Before::Nothing),
    ] {
        for cut in DEAD.into_iter().chain(ALIVE) {
            cuts += cut_everywhere(sharing, before, Between::Nothing, cut, (1000, 1)).await;
        }
        for between in [Between::Sweep, Between::Days] {
            for cut in [DEAD[0], ALIVE[0]] {
                cuts += cut_everywhere(sharing, before, between, cut, (1000, 1)).await;
            }
        }
    }
    println!("imports: cut and repeated {cuts} times");
    assert!(cuts > 150, "{cuts}");
}

#[tokio::test]
async fn an_import_in_parts_that_was_cut_completes_too() {
    let (before, between) = (Before::Nothing, Between::Nothing);
    cut_everywhere(true, before, between, DEAD[0], (9 * MIB, 3)).await;
    cut_everywhere(false, before, between, DEAD[0], (9 * MIB, 3)).await;
}

/// A deletion that is cut after it buried the marker is finished, not undone.
#[tokio::test]
async fn an_interrupted_deletion_is_not_undone_by_an_import() {
    let source = elsewhere(1000).await;
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    let reference = import(&store, &source).await.unwrap().reference;
    let mut buried = false;
    bucket.judge(move |request| {
        let fate = if buried { Fate::FailBefore } else { Fate::Pass };
        buried |= request.key.contains("v2/ref/") && request.verb == Verb::Put;
        (fate, 0)
    });
    store.delete(&reference).await.unwrap_err();
    bucket.heal();
    is_gone(&store, &reference).await;
    for _ in 0..2 {
        let refused = import(&store, &source).await.unwrap_err();
        assert_eq!(refused.kind(), StorageErrorKind::InvalidInput);
    }
    is_gone(&store, &reference).await;
    is_clean(&store, &bucket).await;
}

/// Several processes import the same media at the same time: each ends with the media, or with an error
/// that can be retried.
#[tokio::test]
async fn imports_of_the_same_media_at_the_same_time() {
    let source = elsewhere(1000).await;
    for sharing in [true, false] {
        for turns in 0..12_usize {
            let bucket = FaultyBucket::new();
            let stores = [open(&bucket, sharing).await, open(&bucket, sharing).await];
            let mut asked = 0;
            bucket.judge(move |_| {
                asked += 1;
                (Fate::Pass, (asked * (turns + 3)) % (turns + 5))
            });
            let [one, other] = &stores;
            let ended = tokio::join!(import(one, &source), import(other, &source));
            for ended in [ended.0, ended.1] {
                if let Err(error) = ended {
                    assert!(error.is_retryable(), "{error:?}");
                } else {
                    holds(one, &source.0.reference, &source.1).await;
                }
            }
            bucket.heal();
            import(one, &source).await.unwrap();
            one.sweep(full()).await.unwrap();
            holds(other, &source.0.reference, &source.1).await;
        }
    }
}

/// Media that was imported, and whose sidecar was lost, is still found, and healed.
#[tokio::test]
async fn imported_media_is_found_without_its_sidecar() {
    let source = elsewhere(1000).await;
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    put_for(&store, 7, of_user("conv-2", "user-2")).await;
    let reference = import(&store, &source).await.unwrap().reference;
    let sidecar = bucket.name_with(&format!("{}.meta", reference.id()));
    bucket.inner().delete(&sidecar).await.unwrap();
    holds(&store, &reference, &source.1).await;
    store.sweep(full()).await.unwrap();
    assert!(objects(&bucket).await.contains_key(sidecar.as_ref()));
    holds(&store, &reference, &source.1).await;
    assert_eq!(listed_in(&store, "conv-1").await.len(), 1);
}

/// Media with equal bytes under different ids, imported at the same time, shares them.
#[tokio::test]
async fn imports_of_equal_bytes_at_the_same_time_share_them() {
    let source = open(&FaultyBucket::new(), true).await;
    for n in 0..6 {
        put_for(&source, 7, of_user(&format!("conv-{n}"), "user-1")).await;
    }
    let (entries, bytes) = (listed(&source).await, noise(7, 1000));
    for turns in 1..8_usize {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, true).await;
        let mut asked = 0;
        bucket.judge(move |_| {
            asked += turns;
            (Fate::Pass, asked % 7)
        });
        let imports = entries.iter().map(|entry| {
            let (store, source) = (&store, (entry.clone(), bytes.clone()));
            async move { import(store, &source).await }
        });
        for imported in futures_util::future::join_all(imports).await {
            holds(&store, &imported.unwrap().reference, &bytes).await;
        }
        bucket.heal();
        store.sweep(full()).await.unwrap();
        let usage = store.usage(Scope::All).await.unwrap();
        assert_eq!((usage.references, usage.blobs), (6, 1));
        is_clean(&store, &bucket).await;
    }
}

/// What is cut is not there, so that nobody can release it: it is on hold only once it is complete.
#[tokio::test]
async fn an_import_that_was_cut_leaves_no_hold_that_nobody_can_release() {
    let (entry, bytes) = elsewhere(1000).await;
    let media = (entry.with_hold(true), bytes);
    for deduplication in [true, false] {
        for k in 1.. {
            let bucket = FaultyBucket::new();
            let store = open(&bucket, deduplication).await;
            let reached = cut_at(&bucket, k, Fate::FailBefore, true);
            let imported = import(&store, &media).await;
            bucket.heal();
            store.sweep(full()).await.unwrap();
            for found in listed(&store).await {
                let release = MetadataPatch::new().with_hold(false);
                let released = store.update(&found.reference, release).await;
                assert!(released.is_ok() || imported.is_err(), "{released:?}");
            }
            assert_eq!(store.delete_scope(Scope::All).await.unwrap().held, 0);
            is_clean(&store, &bucket).await;
            if !reached.load(Ordering::SeqCst) {
                break;
            }
        }
    }
}
