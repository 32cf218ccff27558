//! Clients that read slowly, or not at all, and media that is damaged.

use media_storage::{InMemoryStorage, Verification};
use media_store_fs::FileStore;
use media_types::Mime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{noise, site};

/// More than the threads that tokio gives to blocking work.
const READERS: usize = 600;

/// Sends a request and reads the first line of its response, and nothing more.
async fn stand_still(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stand_still_hold_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let site = site(FileStore::open(dir.path()).await.unwrap()).await;
    // More than the buffers of a connection.
    let bytes = noise(8 << 20);
    let video = site.put("video/mp4".parse().unwrap(), bytes.clone()).await;
    let link = site.link(&video).await;
    let address = site.address.trim_start_matches("http://");
    let path = link.strip_prefix(&site.address).unwrap();
    let mut standing = Vec::new();
    for _ in 0..READERS {
        standing.push(stand_still(address, path).await);
    }
    let response = site.http.get(&link).send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), bytes);
    assert_eq!(standing.len(), READERS);
}

#[tokio::test]
async fn damaged_media_ends_before_its_length() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::builder(dir.path())
        .with_verification(Verification::HashAndSize)
        .build()
        .await
        .unwrap();
    let site = site(store).await;
    let photo = site.put(Mime::IMAGE_PNG, noise(4 << 20)).await;
    let link = site.link(&photo).await;
    let path = dir.path().join(photo.id());
    let mut damaged = std::fs::read(&path).unwrap();
    damaged[500_000] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, damaged).unwrap();
    let response = site.http.get(&link).send().await.unwrap();
    assert_eq!(response.content_length(), Some(4 << 20));
    response.bytes().await.expect_err("the response is cut");
}

#[tokio::test]
async fn a_client_that_goes_costs_nothing() {
    let site = site(InMemoryStorage::new()).await;
    let photo = site.put(Mime::IMAGE_PNG, noise(4 << 20)).await;
    let link = site.link(&photo).await;
    let address = site.address.trim_start_matches("http://").to_owned();
    for _ in 0..50 {
        drop(stand_still(&address, link.strip_prefix(&site.address).unwrap()).await);
    }
    assert_eq!(site.status(&link).await, 200);
}
