//! Media that is encrypted before it comes to a bucket: what the bucket shows, what ranges and streams read,
//! what a changed byte does, and what becomes of it with its key.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use media_encryption::{Encrypted, LocalKeys, MasterKey};
use media_storage::{
    MediaMetadata, MediaStorage, MediaStorageExt as _, RetrieveOptions, StorageErrorKind,
};
use media_storage_testkit::Secrets;
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use media_types::{Mime, StorageReference};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

use super::{about, noise};

const PROTOCOLS: [ProtocolVersion; 2] = [ProtocolVersion::First, ProtocolVersion::Second];

struct Place {
    bucket: Arc<InMemory>,
    directory: tempfile::TempDir,
    protocol: ProtocolVersion,
}

impl Place {
    fn new(protocol: ProtocolVersion) -> Self {
        Self {
            bucket: Arc::new(InMemory::new()),
            directory: tempfile::tempdir().unwrap(),
            protocol,
        }
    }

    /// A store with handles of its own, like another process.
    async fn process(&self) -> Encrypted<ObjectMediaStore> {
        let bucket: Arc<InMemory> = Arc::clone(&self.bucket);
        let store = ObjectMediaStore::builder()
            .with_object_store(bucket)
            .with_protocol(self.protocol)
            .with_deduplication(true)
            .build()
            .await
            .unwrap();
        let master = MasterKey::from_bytes([7; 32]);
        let keys = LocalKeys::builder(self.directory.path().join("keys"), master);
        let keys = keys.with_create(true).open().await.unwrap();
        Encrypted::new(store, keys)
    }

    async fn objects(&self) -> Vec<(Path, Bytes)> {
        let listed: Vec<_> = self.bucket.list(None).try_collect().await.unwrap();
        let mut objects = Vec::new();
        for meta in listed {
            let read = self.bucket.get(&meta.location).await.unwrap();
            objects.push((meta.location, read.bytes().await.unwrap()));
        }
        objects
    }
}

fn of(user: &str) -> MediaMetadata {
    about("conv-1").with_user(user.parse().unwrap())
}

async fn put(store: &impl MediaStorage, bytes: &Bytes, user: &str) -> StorageReference {
    let stored = store.store_bytes(Mime::IMAGE_PNG, bytes.clone(), of(user));
    stored.await.unwrap()
}

async fn read(store: &impl MediaStorage, reference: &StorageReference) -> StorageErrorKind {
    match store.retrieve(reference).await {
        Err(error) => error.kind(),
        Ok(stored) => stored.body.bytes(u64::MAX).await.unwrap_err().kind(),
    }
}

#[tokio::test]
async fn a_raw_scan_of_the_bucket_finds_no_secret() {
    for protocol in PROTOCOLS {
        let place = Place::new(protocol);
        let store = place.process().await;
        let secrets = Secrets::new("holiday-in-rome.png");
        let bytes = secrets.media(20_000);
        let metadata = of("ann").with_filename(secrets.filename().to_owned());
        let stored = store.store_bytes(Mime::IMAGE_PNG, bytes.clone(), metadata);
        let reference = stored.await.unwrap();
        let objects = place.objects().await;
        assert!(objects.len() >= 4, "{}", objects.len());
        for (path, found) in objects {
            secrets.assert_absent(path.as_ref(), &found, &bytes);
        }
        let other = place.process().await;
        assert_eq!(
            other.retrieve_bytes(&reference, u64::MAX).await.unwrap(),
            bytes
        );
    }
}

#[tokio::test]
async fn ranges_and_streams_are_read_from_a_bucket() {
    for protocol in PROTOCOLS {
        let place = Place::new(protocol);
        let store = place.process().await;
        let bytes = noise(1, 300_000);
        let reference = put(&store, &bytes, "ann").await;
        for range in [0..1, 65_535..65_537, 100_000..299_999, 299_999..300_000] {
            let options = RetrieveOptions::new().with_range(range.clone());
            let part = store.retrieve_opts(&reference, options).await.unwrap();
            let part = part.body.bytes(u64::MAX).await.unwrap();
            let (start, end) = (range.start as usize, range.end as usize);
            assert_eq!(part, bytes.slice(start..end), "{range:?}");
        }
        let stored = store.retrieve(&reference).await.unwrap();
        let mut pieces = stored.body.into_stream();
        let mut read = Vec::new();
        while let Some(piece) = pieces.next().await {
            read.extend_from_slice(&piece.unwrap());
        }
        assert_eq!(read, bytes);
    }
}

#[tokio::test]
async fn a_changed_byte_in_the_bucket_is_corrupted() {
    for protocol in PROTOCOLS {
        let place = Place::new(protocol);
        let store = place.process().await;
        let bytes = noise(1, 200_000);
        let reference = put(&store, &bytes, "ann").await;
        let mut objects = place.objects().await.into_iter();
        let (path, sealed) = objects.find(|(_, found)| found.len() > 200_000).unwrap();
        for at in [0, 60, 119, 120, 70_000, sealed.len() - 1] {
            let mut changed = sealed.to_vec();
            changed[at] ^= 0x10;
            place.bucket.put(&path, changed.into()).await.unwrap();
            let kind = read(&store, &reference).await;
            assert_eq!(kind, StorageErrorKind::Corrupted, "byte {at}");
        }
        place.bucket.put(&path, sealed.into()).await.unwrap();
        assert_eq!(
            store.retrieve_bytes(&reference, u64::MAX).await.unwrap(),
            bytes
        );
    }
}

#[tokio::test]
async fn another_process_loses_access_to_a_bucket_with_the_key() {
    let place = Place::new(ProtocolVersion::Second);
    let (here, there) = (place.process().await, place.process().await);
    let bytes = noise(1, 1000);
    let reference = put(&here, &bytes, "ann").await;
    assert_eq!(here.retrieve_bytes(&reference, 1000).await.unwrap(), bytes);
    let ann: media_types::UserId = "ann".parse().unwrap();
    assert!(there.forget_key(ann).await.unwrap());
    let later = place.process().await;
    let error = later.retrieve_bytes(&reference, 1000).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error}");
}
