//! Progress that is lost, garbage, old or forged costs work, and never media.

use super::*;

/// The names of the parts of a sweep that is not divided.
const PARTS: [&str; 11] = [
    "expired",
    "garbage",
    "markers",
    "references",
    "hints",
    "users",
    "again-markers",
    "again-references",
    "again-hints",
    "again-users",
    "finish",
];

async fn write(bucket: &FaultyBucket, name: &str, body: impl Into<Bytes>) {
    let path = Path::parse(name).unwrap();
    let body: Bytes = body.into();
    bucket.inner().put(&path, body.into()).await.unwrap();
}

async fn begin(bucket: &FaultyBucket) {
    let now = chrono::Utc::now().to_rfc3339();
    let pass = format!(
        r#"{{"id":"{:032x}","begun_at":"{now}","grace":0,"division":"whole"}}"#,
        5
    );
    write(bucket, ".store/v2/sweep/pass", pass).await;
}

/// The object of a part that says this, with three tallies of nothing.
fn part(done: bool, after: Option<&str>, lists: &serde_json::Value) -> Vec<u8> {
    let mut header = serde_json::json!({
        "pass": format!("{:032x}", 5),
        "holder": null,
        "renewed_at": chrono::Utc::now(),
        "done": done,
        "after": after,
        "provisional": [], "buried_markers": [], "buried_sidecars": [], "collected": [], "first": 0,
    });
    for (name, list) in lists.as_object().into_iter().flatten() {
        header[name] = list.clone();
    }
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
            write(&mess.bucket, &format!(".store/v2/sweep/{name}"), garbage).await;
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
        let held = String::from_utf8(part(false, None, &serde_json::json!({}))).unwrap();
        let holder = format!(r#""holder":"{:032x}""#, 9);
        let later = (chrono::Utc::now() + TimeDelta::days(400)).to_rfc3339();
        let now = serde_json::from_str::<serde_json::Value>(held.lines().next().unwrap());
        let now = now.unwrap()["renewed_at"].as_str().unwrap().to_owned();
        let held = held
            .replace(r#""holder":null"#, &holder)
            .replace(&now, &later);
        write(&mess.bucket, &format!(".store/v2/sweep/{name}"), held).await;
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
            let body = part(done, Some(&far), &serde_json::json!({}));
            write(&mess.bucket, &format!(".store/v2/sweep/{name}"), body).await;
        }
        mess.sweep().await;
        // What was not seen does not count as complete.
        assert!(
            !mess
                .bucket
                .names()
                .contains(&".store/v2/user-complete".to_owned())
        );
        mess.is_sound().await;
        // An end that is taken for done is removed with the rest by a sweep that keeps nothing.
        mess.store.sweep(full()).await.unwrap();
        mess.recovers().await;
    }
}

/// An object as it is listed, but old.
async fn old(mess: &Mess, names: &[String]) -> serde_json::Value {
    let mut listed = Vec::new();
    for name in names {
        let path = Path::parse(name).unwrap();
        let size = mess.bucket.inner().head(&path).await.unwrap().size;
        let modified = chrono::Utc::now() - TimeDelta::days(30);
        listed.push(serde_json::json!({"path": name, "size": size, "modified": modified}));
    }
    listed.into()
}

#[tokio::test]
async fn lists_that_name_sound_media_remove_nothing_of_it() {
    for sizes in [None, Some(0), Some(7), Some(40)] {
        let mess = Mess::new(true).await;
        let names = mess.bucket.names();
        let of = |part: &str| -> Vec<String> {
            let mut names = names.clone();
            names.retain(|name| name.contains(part));
            names
        };
        let mut all = [
            old(&mess, &of("/v2/ref/")).await,
            old(&mess, &of(".meta")).await,
        ];
        for listed in all.iter_mut().flat_map(|list| list.as_array_mut().unwrap()) {
            if let Some(size) = sizes {
                listed["size"] = size.into();
            }
        }
        let [markers, sidecars] = all;
        begin(&mess.bucket).await;
        let lists = [
            (
                "markers",
                serde_json::json!({"buried_markers": markers, "provisional": markers}),
            ),
            (
                "references",
                serde_json::json!({"buried_sidecars": sidecars}),
            ),
            ("again-markers", serde_json::json!({"collected": markers})),
            (
                "again-references",
                serde_json::json!({"collected": sidecars}),
            ),
        ];
        for (name, lists) in lists {
            let body = part(true, None, &lists);
            write(&mess.bucket, &format!(".store/v2/sweep/{name}"), body).await;
        }
        let young: Vec<_> = mess.deleted[5..8].iter().map(token).collect();
        let there = |names: &[String]| -> usize {
            let young = |name: &&String| young.iter().any(|token| name.contains(token));
            names.iter().filter(young).count()
        };
        let before = there(&mess.bucket.names());
        mess.sweep().await;
        mess.is_sound().await;
        assert_eq!(there(&mess.bucket.names()), before, "young tombstones stay");
        mess.store.sweep(full()).await.unwrap();
        mess.is_sound().await;
        mess.sweep().await;
        mess.is_sound().await;
    }
}

#[tokio::test]
async fn progress_of_an_earlier_sweep_that_comes_back_costs_a_sweep() {
    let mut mess = Mess::new(true).await;
    // All parts are done but the last.
    mess.bucket.judge(move |request| {
        let fate = match request.key.ends_with("/sweep/finish") {
            true => Fate::FailBefore,
            false => Fate::Pass,
        };
        (fate, 0)
    });
    mess.store.sweep(shared()).await.unwrap_err();
    mess.bucket.heal();
    let earlier = progress(&mess.bucket).await;
    assert!(earlier.len() > 6);
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
