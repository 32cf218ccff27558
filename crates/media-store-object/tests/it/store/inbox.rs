//! Uploads in the inbox of a bucket: what becomes media, what is refused, what is swept.

use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use media_storage::{Inventory as _, MediaStorageExt as _, StorageErrorKind, SweepOptions};
use media_store_object::{ObjectMediaStore, UploadTicket};
use media_types::Mime;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::{Fate, FaultyBucket, Verb, about, full, holds, listed, noise, open};

const NAME: &str = "0123456789abcdef0123456789abcdef";

fn ticket(name: &str, mime: &str, size: usize) -> UploadTicket {
    let text = format!(r#"{{"name":"{name}","mime_type":"{mime}","size":{size}}}"#);
    serde_json::from_str(&text).unwrap()
}

fn png(len: usize) -> Bytes {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    let rest = len - bytes.len();
    bytes.extend_from_slice(&noise(1, rest));
    bytes.into()
}

async fn send(bucket: &FaultyBucket, name: &str, bytes: Bytes) {
    let key = Path::from(format!(".store/v2/inbox/{name}"));
    bucket.put(&key, bytes.into()).await.unwrap();
}

fn inbox(bucket: &FaultyBucket) -> Vec<String> {
    let mut names = bucket.names();
    names.retain(|name| name.contains("inbox"));
    names
}

async fn kind(store: &ObjectMediaStore, ticket: &UploadTicket) -> StorageErrorKind {
    let adopted = store.adopt(ticket, about("c")).await;
    adopted.unwrap_err().kind()
}

#[tokio::test]
async fn only_what_was_announced_becomes_media() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    for (what, ticket, bytes) in [
        ("another size", ticket(NAME, "image/png", 999), png(1000)),
        (
            "another type",
            ticket(NAME, "image/png", 100),
            noise(3, 100),
        ),
        ("another kind", ticket(NAME, "text/plain", 1000), png(1000)),
    ] {
        send(&bucket, NAME, bytes).await;
        assert_eq!(
            kind(&store, &ticket).await,
            StorageErrorKind::InvalidInput,
            "{what}"
        );
        assert!(inbox(&bucket).is_empty(), "{what}");
    }
    send(&bucket, NAME, png(1000)).await;
    for name in [
        "",
        "..",
        "../../a",
        &NAME.to_uppercase(),
        &NAME[1..],
        &"f".repeat(32),
    ] {
        let ticket = ticket(name, "image/png", 1000);
        assert_eq!(
            kind(&store, &ticket).await,
            StorageErrorKind::NotFound,
            "{name}"
        );
    }
    assert!(listed(&store).await.is_empty(), "an upload is no media");
    let ticket = ticket(NAME, "image/jpeg", 1000);
    let reference = store.adopt(&ticket, about("c")).await.unwrap();
    holds(&store, &reference, &png(1000)).await;
    assert_eq!(store.head(&reference).await.unwrap().mime, Mime::IMAGE_PNG);
    assert!(inbox(&bucket).is_empty() && !reference.id().contains(NAME));

    let unsigned = store
        .sign_upload(Mime::IMAGE_PNG, 5, Duration::from_secs(60))
        .await;
    assert_eq!(unsigned.unwrap_err().kind(), StorageErrorKind::Unsupported);
}

#[tokio::test]
async fn an_adoption_that_failed_can_be_repeated() {
    for verb in [Verb::Get, Verb::Put] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, true).await;
        send(&bucket, NAME, png(1000)).await;
        bucket.judge(move |request| {
            let fate = if request.verb == verb {
                Fate::FailBefore
            } else {
                Fate::Pass
            };
            (fate, 0)
        });
        let ticket = ticket(NAME, "image/png", 1000);
        assert_eq!(kind(&store, &ticket).await, StorageErrorKind::Unavailable);
        bucket.heal();
        let reference = store.adopt(&ticket, about("c")).await.unwrap();
        holds(&store, &reference, &png(1000)).await;
    }
    // Media that was stored is returned, also if the upload could not be removed.
    let bucket = FaultyBucket::new();
    let store = open(&bucket, true).await;
    send(&bucket, NAME, png(1000)).await;
    bucket.judge(|request| {
        let fate = if request.key.contains("inbox") && request.verb == Verb::Delete {
            Fate::FailBefore
        } else {
            Fate::Pass
        };
        (fate, 0)
    });
    let reference = store
        .adopt(&ticket(NAME, "image/png", 1000), about("c"))
        .await
        .unwrap();
    holds(&store, &reference, &png(1000)).await;
    assert_eq!(inbox(&bucket).len(), 1);
}

#[tokio::test]
async fn uploads_are_swept_after_a_day() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        send(&bucket, NAME, png(1000)).await;
        // A clock that is ahead does not count.
        let ahead = full().with_now(chrono::Utc::now() + TimeDelta::days(3));
        store.sweep(ahead).await.unwrap();
        bucket.age(TimeDelta::hours(23));
        assert_eq!(store.sweep(full()).await.unwrap().staging, 0);
        assert_eq!(inbox(&bucket).len(), 1);
        bucket.age(TimeDelta::hours(25));
        for sweep in [SweepOptions::new(), full()] {
            let counted = store.sweep(sweep.with_dry_run()).await.unwrap();
            assert_eq!((counted.staging, counted.freed_bytes), (1, 1000));
            assert_eq!(inbox(&bucket).len(), 1);
        }
        let swept = store.sweep(full()).await.unwrap();
        assert_eq!((swept.staging, swept.freed_bytes), (1, 1000));
        assert!(inbox(&bucket).is_empty());
    }
}

#[tokio::test]
async fn sweeps_of_what_is_due_remove_old_uploads_at_one_listing() {
    for deduplication in [true, false] {
        let bucket = FaultyBucket::new();
        let store = open(&bucket, deduplication).await;
        send(&bucket, NAME, png(1000)).await;
        bucket.age(TimeDelta::hours(23));
        bucket.take_requests();
        assert_eq!(store.sweep(SweepOptions::new()).await.unwrap().staging, 0);
        let requests = bucket.take_requests();
        let of_inbox = requests
            .iter()
            .filter(|request| request.key.contains("inbox"));
        assert_eq!(of_inbox.count(), 1, "{requests:?}");
        let mut verbs = requests.iter().map(|request| request.verb);
        assert!(verbs.all(|verb| verb == Verb::List), "{requests:?}");
        // By the clock of the service it is young.
        bucket.set_clock(TimeDelta::hours(-2));
        assert_eq!(store.sweep(SweepOptions::new()).await.unwrap().staging, 0);
        assert_eq!(inbox(&bucket).len(), 1);
        bucket.set_clock(TimeDelta::zero());
        bucket.age(TimeDelta::hours(25));
        let swept = store.sweep(SweepOptions::new()).await.unwrap();
        assert_eq!((swept.staging, swept.freed_bytes), (1, 1000));
        assert!(inbox(&bucket).is_empty());
    }
}
