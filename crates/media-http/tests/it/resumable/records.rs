//! What is noted of an upload beside its bytes: records that cannot be written or read, and the grant in them.

use std::path::PathBuf;

use media_http::SpoolOptions;
use media_storage::{MediaStorageExt, StorageErrorKind};
use media_storage_testkit::{Call, Fault};
use media_types::StorageReference;
use reqwest::Method;
use serde_json::{Value, json};

use super::site::{ALBUM, Site, header, part_of, site, status};
use crate::support::png;

/// Returns the file of a kind that belongs to an upload.
fn file(site: &Site, path: &str, kind: &str) -> PathBuf {
    part_of(site.directory.path(), path).with_extension(kind)
}

fn record(site: &Site, path: &str) -> Value {
    let text = std::fs::read(file(site, path, "json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Lets the record of an upload be written no more, until the returned directory is removed.
fn block_record(site: &Site, path: &str) -> PathBuf {
    let new = file(site, path, "new");
    std::fs::create_dir(&new).unwrap();
    new
}

#[tokio::test]
async fn media_that_cannot_be_noted_is_taken_back_and_stored_later() {
    let site = site(SpoolOptions::new()).await;
    let bytes = png(5000);
    let path = site.begin(5000).await;
    let blocked = block_record(&site, &path);
    let first = site.patch(&path, 0, bytes[..1000].to_vec());
    assert_eq!(status(first).await, 204, "parts need no new record");
    assert_eq!(site.offset(&path).await, 1000);
    let last = site.patch(&path, 1000, bytes[1000..].to_vec());
    assert_eq!(status(last).await, 500);
    // Nor does a question for the state leave a copy behind.
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 500);
    let (code, body) = site.result(&path).await;
    assert_eq!((code, &body["error"]["code"]), (500, &json!("failed")));
    assert_eq!(site.stored().await, 0);
    assert_eq!(record(&site, &path)["stored"], Value::Null);

    std::fs::remove_dir(blocked).unwrap();
    assert_eq!(site.offset(&path).await, 5000);
    assert_eq!(site.media(&path).await, bytes);
    assert_eq!(site.stored().await, 1);
}

#[tokio::test]
async fn media_that_can_neither_be_noted_nor_taken_back_is_known_while_the_process_lives() {
    let mut site = site(SpoolOptions::new()).await;
    let bytes = png(5000);
    let path = site.begin(5000).await;
    let blocked = block_record(&site, &path);
    site.store
        .inject(Fault::every(Call::Delete).fail(StorageErrorKind::Unavailable));
    assert_eq!(status(site.patch(&path, 0, bytes.clone())).await, 204);
    assert_eq!(site.offset(&path).await, 5000);
    assert_eq!(site.media(&path).await, bytes);
    assert_eq!(site.stored().await, 1, "no request stores it again");

    // The next process knows the bytes alone, and makes a second copy of them.
    std::fs::remove_dir(blocked).unwrap();
    site.restart().await;
    assert_eq!(site.media(&path).await, bytes);
    assert_eq!(site.stored().await, 2);
}

#[tokio::test]
async fn a_record_that_cannot_be_begun_leaves_no_upload() {
    let site = site(SpoolOptions::new().with_max_uploads_per_user(1)).await;
    let directory = site.directory.path();
    let moved = directory.with_extension("moved");
    std::fs::rename(directory, &moved).unwrap();
    let refused = status(site.create(100)).await;
    std::fs::rename(&moved, directory).unwrap();
    assert_eq!(refused, 500);
    assert!(site.files().is_empty());
    // Nor does it count.
    let path = site.begin(100).await;
    assert_eq!(status(site.patch(&path, 0, png(100))).await, 204);
}

/// Returns the album of the media that an upload became. The policy takes it from a header of each request.
async fn album(site: &Site, path: &str) -> Option<String> {
    let (code, body) = site.result(path).await;
    assert_eq!(code, 200, "{body}");
    let reference = body["items"][0]["reference"].clone();
    let reference: StorageReference = serde_json::from_value(reference).unwrap();
    let stored = site.store.head(&reference).await.unwrap();
    stored.metadata.tags().get("album").cloned()
}

#[tokio::test]
async fn media_gets_the_metadata_of_the_grant_that_began_its_upload() {
    let mut site = site(SpoolOptions::new()).await;
    let bytes = png(3000);
    let mut paths = Vec::new();
    for _ in 0..2 {
        let created = site.create(3000).header(ALBUM, "first").send().await;
        let path = header(&created.unwrap(), "location");
        let part = site.patch(&path, 0, bytes[..1000].to_vec());
        assert_eq!(status(part.header(ALBUM, "second")).await, 204);
        paths.push(path);
    }
    let last = |site: &Site, path: &str| {
        let part = site.patch(path, 1000, bytes[1000..].to_vec());
        status(part.header(ALBUM, "third"))
    };
    assert_eq!(last(&site, &paths[0]).await, 204);
    assert_eq!(album(&site, &paths[0]).await.as_deref(), Some("first"));
    // Nor does a restart change it.
    site.restart().await;
    assert_eq!(last(&site, &paths[1]).await, 204);
    assert_eq!(album(&site, &paths[1]).await.as_deref(), Some("first"));

    // The records of the first version had no grant: that of the last request counts.
    let path = site.begin(3000).await;
    assert_eq!(
        status(site.patch(&path, 0, bytes[..1000].to_vec())).await,
        204
    );
    let mut older = record(&site, &path);
    older.as_object_mut().unwrap().remove("granted").unwrap();
    std::fs::write(file(&site, &path, "json"), older.to_string()).unwrap();
    site.restart().await;
    assert_eq!(last(&site, &path).await, 204);
    assert_eq!(album(&site, &path).await.as_deref(), Some("third"));
}

#[tokio::test]
async fn records_that_cannot_be_read_end_their_uploads_alone() {
    let mut site = site(SpoolOptions::new().with_max_uploads_per_user(20)).await;
    let bytes = png(5000);
    let whole = record(&site, &site.begin(5000).await);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut record = whole.clone();
        change(&mut record);
        record.to_string().into_bytes()
    };
    let text = whole.to_string().into_bytes();
    let damaged = [
        Vec::new(),
        vec![0; 300],
        b"\xff\xfe".to_vec(),
        b"null".to_vec(),
        text[..text.len() / 2].to_vec(),
        changed(&|record| record["length"] = json!(-1)),
        changed(&|record| record["expires_at"] = json!("soon")),
        changed(&|record| record["granted"] = json!([])),
        changed(&|record| record["owner"] = json!("")),
        changed(&|record| record["version"] = json!("1")),
    ];
    let intact = site.begin(5000).await;
    assert_eq!(
        status(site.patch(&intact, 0, bytes[..2000].to_vec())).await,
        204
    );
    let mut broken = Vec::new();
    for record in &damaged {
        let path = site.begin(5000).await;
        assert_eq!(
            status(site.patch(&path, 0, bytes[..100].to_vec())).await,
            204
        );
        std::fs::write(file(&site, &path, "json"), record).unwrap();
        broken.push(path);
    }
    // What a later version wrote, with the bytes that it took.
    let later = format!("/files/{}", "c".repeat(32));
    let text = changed(&|record| {
        record["version"] = json!(2);
        record["owner"] = json!({"kind": "team"});
    });
    for (kind, content) in [("json", &text), ("part", &bytes), ("mark", &text)] {
        std::fs::write(file(&site, &later, kind), content).unwrap();
    }
    site.restart().await;
    for path in broken.iter().chain([&later]) {
        assert_eq!(status(site.request(Method::HEAD, path)).await, 404);
        let (code, body) = site.result(path).await;
        assert_eq!((code, &body["error"]["code"]), (404, &json!("not_found")));
    }
    for path in &broken {
        assert!(!file(&site, path, "json").exists() && !file(&site, path, "part").exists());
    }
    for (kind, content) in [("json", &text), ("part", &bytes), ("mark", &text)] {
        let kept = std::fs::read(file(&site, &later, kind)).unwrap();
        assert_eq!(&kept, content, "{kind} of a later version");
    }
    assert_eq!(site.offset(&intact).await, 2000);
    let rest = site.patch(&intact, 2000, bytes[2000..].to_vec());
    assert_eq!(status(rest).await, 204);
    assert_eq!(site.media(&intact).await, bytes);
    assert_eq!(site.stored().await, 1);
}

#[tokio::test]
async fn bytes_that_are_gone_are_never_stored() {
    let mut site = site(SpoolOptions::new()).await;
    let path = site.begin(5000).await;
    let part = site.patch(&path, 0, png(1000));
    assert_eq!(status(part).await, 204);
    std::fs::remove_file(file(&site, &path, "part")).unwrap();
    site.restart().await;
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 500);
    let part = site.patch(&path, 1000, png(4000));
    assert_eq!(status(part).await, 500);
    assert_eq!(site.stored().await, 0);
}
