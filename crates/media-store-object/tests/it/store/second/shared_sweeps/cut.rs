//! Shared sweeps that die.

use super::*;

/// Makes a shared sweep die after so many requests, which happen or not. Returns whether it did.
async fn die_after(mess: &Mess, requests: usize, last: Fate) -> bool {
    let mut seen = 0;
    mess.bucket.judge(move |_| {
        seen += 1;
        (if seen > requests { last } else { Fate::Pass }, 0)
    });
    let swept = mess.store.sweep(shared()).await;
    mess.bucket.heal();
    swept.is_err()
}

#[tokio::test(start_paused = true)]
async fn what_died_at_any_request_is_continued_by_another_node() {
    for (deduplication, last) in [
        (true, Fate::FailBefore),
        (false, Fate::FailBefore),
        (true, Fate::FailAfter),
    ] {
        let mut k = 0;
        loop {
            let mess = Mess::new(deduplication).await;
            mess.divide().await;
            if !die_after(&mess, k, last).await {
                break;
            }
            mess.is_sound().await;
            // Longer ago than any lease is valid.
            mess.bucket.set_clock(TimeDelta::minutes(6));
            let other = mess.node().await;
            let report = other.sweep(shared()).await.unwrap();
            assert_eq!((report.failed, report.unfinished), (0, 0), "{k}");
            mess.bucket.set_clock(TimeDelta::zero());
            mess.recovers().await;
            k += 3 + k / 2;
        }
        assert!(k > 100, "{k}");
    }
}

/// Writes of leases that fail are repeated. Of those that were applied, the answer may be lost.
#[tokio::test(start_paused = true)]
async fn a_lease_survives_writes_that_fail() {
    for fate in [Fate::FailBefore, Fate::FailAfter, Fate::Late] {
        let mess = Mess::new(true).await;
        let mut written = BTreeMap::<String, usize>::new();
        mess.bucket.judge(move |request| {
            if request.verb != Verb::Put || !request.key.contains("/sweep/") {
                return (Fate::Pass, 0);
            }
            let times = written.entry(request.key.clone()).or_default();
            *times += 1;
            // The first write creates the object.
            (
                if (2..5).contains(times) {
                    fate
                } else {
                    Fate::Pass
                },
                0,
            )
        });
        let report = mess.sweep().await;
        mess.bucket.heal();
        mess.bucket.settle().await;
        assert_eq!((report.failed, report.unfinished), (0, 0), "{fate:?}");
        mess.is_swept().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_holds_until_it_ends_and_what_is_done_is_not_done_again() {
    let mess = Mess::new(true).await;
    mess.divide().await;
    let mut ended = 0;
    mess.bucket.judge(move |request| {
        // Each part writes its object twice: it is taken, and done.
        ended += usize::from(request.verb == Verb::Put && request.key.contains("/sweep/"));
        let fate = if ended > 30 {
            Fate::FailBefore
        } else {
            Fate::Pass
        };
        // Several parts are under way at the same time.
        (fate, 3)
    });
    mess.bucket.take_requests();
    mess.store.sweep(shared()).await.unwrap_err();
    mess.bucket.heal();
    let first = listings(&mess.bucket.take_requests());

    let other = mess.node().await;
    mess.bucket.take_requests();
    let report = other.sweep(shared()).await.unwrap();
    assert!(report.unfinished > 0, "{report:?}");
    assert!(report.unfinished <= 8, "{report:?}");
    let second = listings(&mess.bucket.take_requests());
    let markers = |all: &BTreeMap<String, usize>| -> Vec<String> {
        let mut all: Vec<_> = all.keys().cloned().collect();
        all.retain(|prefix| prefix.contains("/blob/"));
        all
    };
    let (first, second) = (markers(&first), markers(&second));
    assert!(second.iter().all(|prefix| !first.contains(prefix)));
    mess.is_sound().await;

    // After the leases have ended, the rest is done, by whoever comes.
    mess.bucket.set_clock(TimeDelta::minutes(6));
    let report = mess.sweep().await;
    assert_eq!((report.failed, report.unfinished), (0, 0));
    let third = markers(&listings(&mess.bucket.take_requests()));
    assert!(third.len() <= 8, "{third:?}");
    mess.bucket.set_clock(TimeDelta::zero());
    mess.recovers().await;
}

#[tokio::test(start_paused = true)]
async fn a_listing_continues_where_it_was() {
    let bucket = FaultyBucket::new();
    let store = open(&bucket, false).await;
    for seed in 0..1100 {
        put_for(&store, seed, about("conv-1")).await;
    }
    // It dies when it has kept its progress: the part is taken, and its object written once more.
    let mut kept = 0;
    bucket.judge(move |request| {
        kept += usize::from(is_part(&request.key, "references"));
        let fate = if kept > 2 {
            Fate::FailBefore
        } else {
            Fate::Pass
        };
        (fate, 0)
    });
    store.sweep(shared()).await.unwrap_err();
    bucket.heal();
    let kept = progress(&bucket).await;
    let object = kept.iter().find(|(name, _)| is_part(name, "references"));
    let (_, object) = object.unwrap();
    let end = object.iter().position(|byte| *byte == b'\n').unwrap();
    let header: serde_json::Value = serde_json::from_slice(&object[..end]).unwrap();
    let after = header["after"].as_str().unwrap_or_default().to_owned();
    let listed = bucket
        .names()
        .into_iter()
        .filter(|name| !name.starts_with(".store/") && name.ends_with(".meta") && *name <= after);
    // Objects of the store itself count too.
    let listed = listed.count();
    assert!((900..=1000).contains(&listed), "{listed}: {header}");

    // Whatever lies before that place is not seen again: media whose sidecar was lost there is left.
    let first = bucket
        .names()
        .into_iter()
        .find(|name| name.ends_with(".meta"))
        .unwrap();
    bucket
        .inner()
        .delete(&Path::parse(&first).unwrap())
        .await
        .unwrap();
    bucket.set_clock(TimeDelta::minutes(6));
    let report = store.sweep(shared()).await.unwrap();
    assert_eq!((report.staging, report.unfinished), (0, 0), "{report:?}");
    let report = store.sweep(shared()).await.unwrap();
    assert_eq!((report.staging, report.unfinished), (1, 0), "{report:?}");
}
