//! What a spool keeps, for how long and for whom.

use std::time::Duration;

use media_http::{ResumableErrorKind, SpoolOptions};
use reqwest::Method;

use super::site::{site, status};
use crate::support::png;

#[tokio::test]
async fn what_was_never_finished_leaves_nothing() {
    let mut site = site(SpoolOptions::new().with_lifetime(Duration::from_secs(600))).await;
    let bytes = png(5000);
    let old = site.begin(5000).await;
    assert_eq!(
        status(site.patch(&old, 0, bytes[..700].to_vec())).await,
        204
    );
    site.clock.advance(300);
    let new = site.begin(5000).await;
    site.clock.advance(301);
    for request in [
        site.request(Method::HEAD, &old),
        site.patch(&old, 700, bytes[700..].to_vec()),
        site.request(Method::DELETE, &old),
    ] {
        assert_eq!(status(request).await, 404);
    }
    let spool = site.spool.clone().unwrap();
    assert_eq!(spool.remove_expired().await, 1);
    assert_eq!(site.files().len(), 2);
    assert_eq!(site.offset(&new).await, 0);
    // Leftovers of a process that was killed, and a file of somebody.
    let leftovers = ["part", "mark", "new"].map(|kind| format!("{}.{kind}", "a".repeat(32)));
    for name in leftovers.iter().map(String::as_str).chain(["readme.txt"]) {
        std::fs::write(site.directory.path().join(name), "x").unwrap();
    }
    let broken = site
        .directory
        .path()
        .join(format!("{}.json", "b".repeat(32)));
    std::fs::write(broken, "{").unwrap();
    site.clock.advance(600);
    drop(spool);
    site.restart().await;
    let left = site.files();
    assert!(
        left.len() == 1 && left[0].ends_with("readme.txt"),
        "{left:?}"
    );
    assert_eq!(site.stored().await, 0);

    let theirs = site.begin(5000).await;
    assert_eq!(status(site.patch(&theirs, 0, png(300))).await, 204);
    let spool = site.spool.clone().unwrap();
    let removed = async |user: &str| spool.remove_user(&user.parse().unwrap()).await;
    assert_eq!(removed("user-2").await.unwrap(), 0);
    assert_eq!(removed("user-1").await.unwrap(), 1);
    assert_eq!(status(site.request(Method::HEAD, &theirs)).await, 404);
    assert_eq!(site.files().len(), 1);
}

#[tokio::test]
async fn who_removes_the_uploads_of_a_user_hears_of_files_that_stay() {
    let site = site(SpoolOptions::new()).await;
    let (path, other) = (site.begin(5000).await, site.begin(5000).await);
    let id = path.rsplit('/').next().unwrap();
    let part = site.directory.path().join(format!("{id}.part"));
    // A directory is not removed as files are.
    std::fs::remove_file(&part).unwrap();
    std::fs::create_dir(&part).unwrap();
    let spool = site.spool.clone().unwrap();
    let user = "user-1".parse().unwrap();
    for _ in 0..2 {
        let error = spool.remove_user(&user).await.unwrap_err();
        assert_eq!(error.kind(), ResumableErrorKind::Directory);
        for gone in [&path, &other] {
            assert_eq!(status(site.request(Method::HEAD, gone)).await, 404);
        }
        assert_eq!(site.files().len(), 1);
    }
    std::fs::remove_dir(&part).unwrap();
    assert_eq!(spool.remove_user(&user).await.unwrap(), 1);
    assert_eq!(spool.remove_user(&user).await.unwrap(), 0);
}

#[tokio::test]
async fn what_expired_and_could_not_be_removed_is_removed_later() {
    let site = site(SpoolOptions::new().with_lifetime(Duration::from_secs(600))).await;
    let path = site.begin(5000).await;
    let id = path.rsplit('/').next().unwrap();
    let part = site.directory.path().join(format!("{id}.part"));
    std::fs::remove_file(&part).unwrap();
    std::fs::create_dir(&part).unwrap();
    site.clock.advance(601);
    let spool = site.spool.clone().unwrap();
    assert_eq!(spool.remove_expired().await, 0);
    std::fs::remove_dir(&part).unwrap();
    assert_eq!(spool.remove_expired().await, 1);
}

#[tokio::test]
async fn a_user_at_the_limit_replaces_what_is_empty_and_nothing_else() {
    let site = site(SpoolOptions::new().with_max_uploads_per_user(2)).await;
    let (begun, empty) = (site.begin(100).await, site.begin(100).await);
    assert_eq!(status(site.patch(&begun, 0, "x")).await, 204);
    // The answer to the creation of `empty` may have been lost: nobody can name it any more.
    let third = site.begin(100).await;
    assert_eq!(status(site.request(Method::HEAD, &empty)).await, 404);
    assert_eq!(site.offset(&begun).await, 1);
    assert_eq!(status(site.patch(&third, 0, "x")).await, 204);
    assert_eq!(status(site.create(100)).await, 429);
    assert_eq!(status(site.request(Method::DELETE, &begun)).await, 204);
    assert_eq!(status(site.create(100)).await, 201);
}

#[tokio::test]
async fn finished_uploads_make_room_for_others() {
    let options = SpoolOptions::new()
        .with_max_uploads(3)
        .with_max_finished_per_user(2);
    let site = site(options).await;
    let mut paths = Vec::new();
    for n in 0..5 {
        let path = site.begin(100).await;
        assert_eq!(status(site.patch(&path, 0, png(100))).await, 204, "{n}");
        paths.push(path);
    }
    assert_eq!(site.stored().await, 5);
    // What was stored stays; only the records of the oldest uploads are forgotten.
    assert_eq!(status(site.request(Method::HEAD, &paths[0])).await, 404);
    assert_eq!(status(site.request(Method::HEAD, &paths[4])).await, 200);
}

#[tokio::test]
async fn a_lifetime_without_end_is_one() {
    let years = Duration::from_secs(365 * 24 * 3600);
    for lifetime in [Duration::MAX, 262_000 * years, 8_000 * years] {
        let mut site = site(SpoolOptions::new().with_lifetime(lifetime)).await;
        let upload = site.begin(5000).await;
        assert_eq!(site.offset(&upload).await, 0);
        let spool = site.spool.clone().unwrap();
        assert_eq!(spool.remove_expired().await, 0);
        drop(spool);
        site.restart().await;
        let response = site.request(Method::HEAD, &upload).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let expires = response.headers()["upload-expires"].to_str().unwrap();
        assert!(expires.ends_with(" 9999 23:59:59 GMT"), "{expires}");
    }
}
