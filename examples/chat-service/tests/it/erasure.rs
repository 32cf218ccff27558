//! What an erasure on one node does to the others.

use std::path::Path;
use std::time::{Duration, Instant};

use http::Method;

use crate::service::{Browser, Service, answer};

/// Longer than anything takes here, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the number of files of uploads in parts that a node has.
fn parts(spool: &Path) -> usize {
    let files = std::fs::read_dir(spool).unwrap();
    let names = files.map(|file| file.unwrap().file_name());
    names.filter(|name| name != "lock").count()
}

/// Begins an upload in parts, and returns its path.
async fn begin(browser: &Browser) -> String {
    let request = browser.request(Method::POST, "/files");
    let request = request.header("tus-resumable", "1.0.0");
    let request = request.header("upload-length", 1000);
    let request = request.header("content-type", "application/offset+octet-stream");
    let response = request.body(vec![b'a'; 10]).send().await.unwrap();
    assert_eq!(response.status(), 201);
    response.headers()["location"].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_on_other_nodes_go_with_their_user() {
    let data = tempfile::tempdir().unwrap();
    let often = [("UPKEEP_EVERY", "1".to_owned())];
    let first = Service::start_with(data.path(), "node-1", &often);
    let second = Service::start_with(data.path(), "node-2", &often);
    let ann = Browser::open(&first).await;
    let ben = Browser::open(&first).await;
    let path = begin(&ann.at(&second)).await;
    let others = begin(&ben.at(&second)).await;
    begin(&ann).await;
    let spool = data.path().join("node-2");
    let before = parts(&spool);

    let (status, receipt) = ann.delete("/api/me").await;
    assert_eq!(status, 200, "{receipt}");
    assert_eq!(receipt["status"], "complete", "{receipt}");
    assert_eq!(parts(&data.path().join("node-1")), 0);
    let since = Instant::now();
    while parts(&spool) > before / 2 {
        assert!(since.elapsed() < PATIENCE, "the parts are still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let head = |browser: &Browser, path: &str| {
        let request = browser.at(&second).request(Method::HEAD, path);
        request.header("tus-resumable", "1.0.0")
    };
    assert_eq!(answer(head(&ann, &path)).await.0, 403);
    // Nobody else loses anything.
    assert_eq!(answer(head(&ben, &others)).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_gets_no_receipt_while_their_parts_stay() {
    let data = tempfile::tempdir().unwrap();
    let service = Service::start(data.path());
    let ann = Browser::open(&service).await;
    begin(&ann).await;
    let spool = data.path().join("uploads");
    let files = std::fs::read_dir(&spool).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let part = files.find(|path| path.extension().is_some_and(|kind| kind == "part"));
    let part = part.unwrap();
    // A directory is not removed as files are.
    std::fs::remove_file(&part).unwrap();
    std::fs::create_dir(&part).unwrap();
    let (status, body) = ann.delete("/api/me").await;
    assert_eq!(status, 503, "{body}");
    assert_eq!(body["error"]["kind"], "unavailable", "{body}");
    std::fs::remove_dir(&part).unwrap();
    let (status, receipt) = ann.delete("/api/me").await;
    assert_eq!(status, 200, "{receipt}");
    assert_eq!(receipt["status"], "complete", "{receipt}");
    assert_eq!(parts(&spool), 0);
}
