//! Clients that read slowly, or not at all, and media that is damaged.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use media_storage::layers::PeriodicVerification;
use media_storage::{
    InMemoryStorage, MediaBody, MediaStorage, RetrieveOptions, StorageError, StoredMedia,
    Verification, forward_storage,
};
use media_store_fs::FileStore;
use media_types::{Mime, StorageReference};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

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

/// A store that yields other bytes than it stored, and notices only after the last of them, as a bucket does.
#[derive(Clone, Debug)]
struct CorruptingStore(InMemoryStorage);

#[async_trait::async_trait]
impl MediaStorage for CorruptingStore {
    forward_storage!(self => self.0; backend, store, delete_opts);

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let mut stored = self.0.retrieve_opts(reference, options).await?;
        let len = usize::try_from(stored.size).unwrap();
        let pieces = vec![
            Ok(vec![9; len / 2].into()),
            Ok(vec![9; len - len / 2].into()),
        ];
        let pieces = futures_util::stream::iter(pieces);
        stored.body = MediaBody::from_stored_stream(stored.size, stored.sha256, pieces);
        Ok(stored)
    }
}

#[tokio::test]
async fn damaged_media_of_a_store_that_streams_ends_before_its_length() {
    let site = site(CorruptingStore(InMemoryStorage::new())).await;
    let photo = site.put(Mime::IMAGE_PNG, noise(1 << 20)).await;
    let link = site.link(&photo).await;
    let response = site.http.get(&link).send().await.unwrap();
    assert_eq!(response.content_length(), Some(1 << 20));
    response.bytes().await.expect_err("the response is cut");
}

/// The layer learns of what was sent to its end.
#[tokio::test]
async fn what_was_sent_whole_is_not_verified_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path()).await.unwrap();
    let site = site(PeriodicVerification::new(store)).await;
    let mut links = Vec::new();
    for len in [1000, 4 << 20] {
        let photo = site.put(Mime::IMAGE_PNG, noise(len)).await;
        let link = site.link(&photo).await;
        let bytes = site.http.get(&link).send().await.unwrap().bytes();
        assert_eq!(bytes.await.unwrap().len(), len);
        let path = dir.path().join(photo.id());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, vec![9; len]).unwrap();
        links.push((link, len));
    }
    // Damage of this hour is not seen: nothing is hashed.
    for (link, len) in links {
        let bytes = site.http.get(&link).send().await.unwrap().bytes();
        assert_eq!(bytes.await.unwrap(), vec![9; len]);
    }
}

/// A store whose bodies have a permit each until they are dropped.
#[derive(Clone, Debug)]
struct Counted {
    store: InMemoryStorage,
    permits: Arc<Semaphore>,
}

#[async_trait::async_trait]
impl MediaStorage for Counted {
    forward_storage!(self => self.store; backend, store, delete_opts);

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let mut stored = self.store.retrieve_opts(reference, options).await?;
        let bytes = stored.body.bytes(stored.size).await?;
        let pieces: Vec<_> = (0..bytes.len())
            .step_by(1 << 16)
            .map(|at| Ok(bytes.slice(at..bytes.len().min(at + (1 << 16)))))
            .collect();
        let permit = Arc::clone(&self.permits).acquire_owned().await.unwrap();
        let pieces = futures_util::stream::iter(pieces).inspect(move |_| {
            let _held = &permit;
        });
        stored.body = MediaBody::from_stored_stream(stored.size, stored.sha256, pieces);
        Ok(stored)
    }
}

#[tokio::test]
async fn a_client_that_goes_costs_nothing() {
    let permits = Arc::new(Semaphore::new(51));
    let store = Counted {
        store: InMemoryStorage::new(),
        permits: Arc::clone(&permits),
    };
    let site = site(store).await;
    // More than the buffers of a connection hold.
    let photo = site.put(Mime::IMAGE_PNG, noise(32 << 20)).await;
    let link = site.link(&photo).await;
    let address = site.address.trim_start_matches("http://").to_owned();
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(stand_still(&address, link.strip_prefix(&site.address).unwrap()).await);
    }
    assert_eq!(permits.available_permits(), 1, "their bodies are open");
    drop(clients);
    let all = tokio::time::timeout(Duration::from_secs(60), permits.acquire_many(51));
    drop(all.await.expect("all bodies are dropped"));
    assert_eq!(site.status(&link).await, 200);
}
