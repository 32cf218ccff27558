//! Progress that is lost, garbage, old or forged costs work, and never media.

use super::*;

/// The names of the parts of a sweep that is not divided.
const PARTS: [&str; 6] = [
    "garbage",
    "markers",
    "references",
    "hints",
    "users",
    "finish",
];

/// The name of the object of a part.
fn name_of(part: &str) -> String {
    format!(".store/v2/sweep/{:032x}/{part}", 5)
}

async fn write(bucket: &FaultyBucket, name: &str, body: impl Into<Bytes>) {
    let path = Path::parse(name).unwrap();
    let body: Bytes = body.into();
    bucket.inner().put(&path, body.into()).await.unwrap();
}

async fn begin(bucket: &FaultyBucket) {
    begin_at(bucket, chrono::Utc::now(), 0).await;
}

async fn begin_at(bucket: &FaultyBucket, at: chrono::DateTime<chrono::Utc>, grace: u64) {
    let at = at.to_rfc3339();
    let pass = format!(
        r#"{{"id":"{:032x}","begun_at":"{at}","grace":{grace},"division":"whole"}}"#,
        5
    );
    write(bucket, ".store/v2/sweep/pass", pass).await;
}

/// The object of a part that says this, with three tallies of nothing.
fn part(done: bool, after: Option<&str>) -> Vec<u8> {
    let header = serde_json::json!({
        "pass": format!("{:032x}", 5),
        "holder": null,
        "renewed_at": chrono::Utc::now(),
        "done": done,
        "after": after,
        "first": 0,
    });
    let mut body = serde_json::to_vec(&header).unwrap();
    body.push(b'\n');
    body.extend([0; 3 * 16]);
    body
}

#[tokio::test]
async fn garbage_is_as_good_as_nothing() {
    for garbage in ["", "{}", "null\n", "\n\n\n", "\u{0}\u{1}\u{2}"] {
        let mess = Mess::new(true).await;
        begin(&mess.bucket).await;
        for name in PARTS {
            write(&mess.bucket, &name_of(name), garbage).await;
        }
        let report = mess.sweep().await;
        assert_eq!((report.failed, report.unfinished), (0, 0), "{garbage:?}");
        mess.is_swept().await;
    }
    let mess = Mess::new(true).await;
    write(&mess.bucket, ".store/v2/sweep/pass", "no description").await;
    mess.sweep().await;
    mess.is_swept().await;
}

#[tokio::test]
async fn a_lease_from_the_future_does_not_hold() {
    let mess = Mess::new(true).await;
    begin(&mess.bucket).await;
    for name in PARTS {
        let held = String::from_utf8(part(false, None)).unwrap();
        let holder = format!(r#""holder":"{:032x}""#, 9);
        let later = (chrono::Utc::now() + TimeDelta::days(400)).to_rfc3339();
        let now = serde_json::from_str::<serde_json::Value>(held.lines().next().unwrap());
        let now = now.unwrap()["renewed_at"].as_str().unwrap().to_owned();
        let held = held
            .replace(r#""holder":null"#, &holder)
            .replace(&now, &later);
        write(&mess.bucket, &name_of(name), held).await;
    }
    let report = mess.sweep().await;
    assert_eq!((report.failed, report.unfinished), (0, 0));
    mess.is_swept().await;
}

#[tokio::test]
async fn cursors_that_are_too_far_cost_a_sweep() {
    for done in [true, false] {
        let mess = Mess::new(true).await;
        begin(&mess.bucket).await;
        for name in PARTS {
            let far = format!(".store/v2/zzz/{}", "f".repeat(64));
            let body = part(done, Some(&far));
            write(&mess.bucket, &name_of(name), body).await;
        }
        mess.sweep().await;
        // What was not seen does not count as complete.
        assert!(!mess.bucket.names().contains(&COMPLETE.to_owned()));
        mess.is_sound().await;
        // What was left out is found by a sweep that keeps nothing.
        mess.store.sweep(full()).await.unwrap();
        mess.recovers().await;
    }
}

/// Each part says that it is done and has found nothing, although there is something.
#[tokio::test]
async fn listings_that_name_too_little_cost_requests() {
    for name in PARTS {
        let mess = Mess::new(true).await;
        begin(&mess.bucket).await;
        write(&mess.bucket, &name_of(name), part(true, None)).await;
        let report = mess.sweep().await;
        assert_eq!((report.failed, report.unfinished), (0, 0), "{name}");
        mess.is_sound().await;
        assert_eq!(progress(&mess.bucket).await.len(), 0, "{name}");
        mess.store.sweep(full()).await.unwrap();
        mess.recovers().await;
    }
}

#[tokio::test]
async fn a_sweep_from_the_future_or_the_past_is_not_continued() {
    for (days, continued) in [(1, false), (-8, false), (-6, true)] {
        let mess = Mess::new(true).await;
        begin_at(&mess.bucket, chrono::Utc::now() + TimeDelta::days(days), 0).await;
        for name in PARTS {
            write(&mess.bucket, &name_of(name), part(true, None)).await;
        }
        let before = mess.bucket.names();
        let report = mess.sweep().await;
        assert_eq!((report.failed, report.unfinished), (0, 0), "{days}");
        mess.is_sound().await;
        assert_eq!(progress(&mess.bucket).await.len(), 0, "{days}");
        if !continued {
            assert!(before.len() > mess.bucket.names().len());
            mess.is_swept().await;
        }
    }
}

#[tokio::test]
async fn a_sweep_of_another_grace_does_not_take_part() {
    let mess = Mess::new(true).await;
    begin_at(&mess.bucket, chrono::Utc::now(), 3600).await;
    for name in PARTS {
        write(&mess.bucket, &name_of(name), part(true, None)).await;
    }
    // It does everything itself, and is not shared.
    mess.sweep().await;
    assert!(mess.bucket.names().contains(&COMPLETE.to_owned()));
    mess.is_swept().await;
}

#[tokio::test]
async fn progress_of_an_earlier_sweep_that_comes_back_costs_a_sweep() {
    let mut mess = Mess::new(true).await;
    // All parts are done but the last.
    mess.bucket.judge(move |request| {
        let fate = match is_part(&request.key, "finish") {
            true => Fate::FailBefore,
            false => Fate::Pass,
        };
        (fate, 0)
    });
    mess.store.sweep(shared()).await.unwrap_err();
    mess.bucket.heal();
    let earlier = progress(&mess.bucket).await;
    assert_eq!(earlier.len(), 6, "the sweep and its parts but the last");
    mess.bucket.set_clock(TimeDelta::minutes(6));
    mess.sweep().await;
    mess.bucket.set_clock(TimeDelta::zero());
    // Much happens, and then the earlier objects are there again.
    for (reference, _) in mess.kept.split_off(6) {
        mess.store.delete(&reference).await.unwrap();
        mess.deleted.push(reference);
    }
    for seed in 20..24 {
        let reference = put_for(&mess.store, seed, of_user("conv-6", "user-6")).await;
        mess.kept.push((reference, seed));
    }
    for (name, body) in earlier {
        write(&mess.bucket, &name, body).await;
    }
    mess.sweep().await;
    mess.is_sound().await;
    mess.sweep().await;
    mess.is_sound().await;
}
