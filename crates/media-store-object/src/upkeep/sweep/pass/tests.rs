//! Leases that are renewed by time, beside a clock that a test moves.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use media_storage::{Operation, StorageError, StorageErrorKind};
use object_store::memory::InMemory;
use object_store::path::Path;

use super::super::second_garbage::Division;
use super::cursor::Cursor;
use super::identity::Pass;
use super::ledger::{Claim, Lease, Ledger};
use super::part::Part;
use crate::bucket::{Bucket, NameKey, SecondKeys};
use crate::protocol::Nonce;

struct Scene {
    bucket: Bucket,
    keys: SecondKeys,
    pass: Pass,
}

impl Scene {
    async fn new() -> Self {
        let bucket = Bucket::new(Arc::new(InMemory::new()), "memory".into());
        let bucket = bucket.during(Operation::Sweep);
        let keys = SecondKeys::new(Path::default(), NameKey::new([7; 32]), true);
        let begun = Pass {
            id: Nonce::new(1),
            begun_at: Utc::now(),
            grace: 0,
            division: Division::Whole,
        };
        let pass = begun.join_or_begin(&bucket, &keys).await.unwrap().unwrap();
        Self { bucket, keys, pass }
    }

    fn ledger(&self, holder: u128, at: DateTime<Utc>) -> Ledger {
        let named = (self.pass, Nonce::new(holder));
        Ledger::new(&self.bucket, &self.keys, named, at)
    }
}

fn held<'l>(claim: Result<Claim<'l>, StorageError>) -> Box<Lease<'l>> {
    match claim.unwrap() {
        Claim::Held(lease) => lease,
        Claim::Done(_) => panic!("the part is done"),
        Claim::Elsewhere => panic!("another sweep works on the part"),
    }
}

/// A page of a listing that arrives after so many minutes.
async fn page(minutes: u64) -> Result<&'static str, StorageError> {
    tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
    Ok("page")
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_while_a_listing_is_awaited_and_keeps_what_was_found() {
    let scene = Scene::new().await;
    let [part, ..] = Part::compared(Division::Whole)[..] else {
        panic!("no part");
    };
    let now = Utc::now();
    let ledger = scene.ledger(2, now);
    let mut lease = held(ledger.claim(part).await);
    lease.found.markers.add_belonging("name");
    let mut cursor = Cursor::new(&mut lease);
    assert!(cursor.passed("a").await.unwrap());
    assert_eq!(cursor.during(page(30)).await.unwrap(), Some("page"));

    // It is still held half an hour later, and not five minutes after the last renewal.
    let later = scene.ledger(3, now + TimeDelta::minutes(33));
    assert!(matches!(later.claim(part).await.unwrap(), Claim::Elsewhere));
    let later = scene.ledger(3, now + TimeDelta::minutes(36));
    let taken = held(later.claim(part).await);
    assert_eq!(taken.after.as_deref(), Some("a"));
    assert!(taken.found.markers.suspects().contains("name"));
    // The listing of the first ends at its next write.
    assert_eq!(cursor.during(page(30)).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn work_whose_lease_was_lost_goes_on_and_says_so() {
    let scene = Scene::new().await;
    let now = Utc::now();
    let ledger = scene.ledger(2, now);
    let mut lease = held(ledger.claim(Part::FINISH).await);
    assert_eq!(lease.during(page(30)).await.unwrap(), ("page", true));
    let later = scene.ledger(3, now + TimeDelta::minutes(36));
    let mut taken = held(later.claim(Part::FINISH).await);
    assert_eq!(lease.during(page(30)).await.unwrap(), ("page", false));
    assert_eq!(taken.during(page(1)).await.unwrap(), ("page", true));
}

#[tokio::test(start_paused = true)]
async fn a_part_is_free_at_once_when_its_work_fails() {
    let scene = Scene::new().await;
    let now = Utc::now();
    let ledger = scene.ledger(2, now);
    let mut lease = held(ledger.claim(Part::FINISH).await);
    let failed =
        lease.during(async { Err::<(), _>(scene.bucket.fail(StorageErrorKind::Unavailable)) });
    failed.await.unwrap_err();
    held(scene.ledger(3, now).claim(Part::FINISH).await);
}
