//! Which reads are verified, and what is remembered of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use media_storage::Verification::{HashAndSize, SizeOnly};
use media_storage::layers::PeriodicVerification;
use media_storage::{
    DeleteOptions, ImportOutcome, ImportUpload, InMemoryStorage, MediaBody, MediaMetadata,
    MediaStorage, MediaStorageExt as _, MetadataPatch, RetrieveOptions, Scope, StorageError,
    StorageErrorKind, VerifyOptions,
};
use media_storage_testkit::{Backend, Call, Fault, FaultyStorage, StoreOptions, conformance_tests};
use media_types::{Mime, StorageReference};

use crate::rotting::Rotting;

struct Periodic(InMemoryStorage);

impl Backend for Periodic {
    type Store = PeriodicVerification<InMemoryStorage>;
    async fn open(&self, options: StoreOptions) -> Result<Self::Store, StorageError> {
        let store = self.0.clone();
        let store = store.with_max_media_size(options.max_media_size());
        let store = store.with_default_retention(options.default_retention());
        Ok(PeriodicVerification::new(store))
    }
}

conformance_tests!(Periodic(InMemoryStorage::new()));

const HOUR: Duration = Duration::from_secs(3600);

/// A layer over a store that can be damaged, and a clock that stands until it is moved.
struct Scene {
    inner: Rotting,
    store: PeriodicVerification<Rotting>,
    seconds: Arc<AtomicU64>,
}

impl Scene {
    fn new() -> Self {
        let inner = Rotting::default();
        let seconds = Arc::new(AtomicU64::new(0));
        let (start, passed) = (Instant::now(), Arc::clone(&seconds));
        let store = PeriodicVerification::new(inner.clone())
            .with_interval(HOUR)
            .with_clock(move || start + Duration::from_secs(passed.load(Ordering::SeqCst)));
        Self {
            inner,
            store,
            seconds,
        }
    }

    fn pass(&self, time: Duration) {
        self.seconds.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    async fn put(&self) -> StorageReference {
        let metadata = MediaMetadata::new().with_user("ann".parse().unwrap());
        let bytes: Vec<u8> = (0..1000).map(|at| (at * 7) as u8).collect();
        let stored = self.store.store_bytes(Mime::IMAGE_PNG, bytes, metadata);
        stored.await.unwrap()
    }

    async fn read(&self, reference: &StorageReference) -> Result<usize, StorageError> {
        self.read_with(reference, RetrieveOptions::new()).await
    }

    async fn read_with(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<usize, StorageError> {
        let stored = self.store.retrieve_opts(reference, options).await?;
        Ok(stored.body.bytes(1 << 20).await?.len())
    }

    /// Returns how the next whole read is verified.
    async fn next(&self, reference: &StorageReference) -> media_storage::Verification {
        self.inner.take_reads();
        self.read(reference).await.unwrap();
        self.inner.take_reads()[0].unwrap()
    }
}

fn corrupted(result: Result<usize, StorageError>) {
    assert_eq!(result.unwrap_err().kind(), StorageErrorKind::Corrupted);
}

#[tokio::test]
async fn media_is_verified_once_in_an_interval() {
    let scene = Scene::new();
    let photo = scene.put().await;
    // Storing is not reading.
    assert_eq!(scene.next(&photo).await, HashAndSize);
    assert_eq!(scene.next(&photo).await, SizeOnly);
    scene.pass(HOUR - Duration::from_secs(1));
    // Reads do not prolong the interval.
    assert_eq!(scene.next(&photo).await, SizeOnly);
    scene.pass(Duration::from_secs(1));
    assert_eq!(scene.next(&photo).await, HashAndSize);
    assert_eq!(scene.next(&photo).await, SizeOnly);
    // Another reference to the same bytes is one of its own.
    let same = scene.put().await;
    assert_eq!(scene.next(&same).await, HashAndSize);
}

#[tokio::test]
async fn the_interval_begins_when_the_read_begins() {
    let scene = Scene::new();
    let photo = scene.put().await;
    let slow = scene.store.retrieve(&photo).await.unwrap();
    scene.pass(HOUR);
    slow.body.bytes(1 << 20).await.unwrap();
    assert_eq!(scene.next(&photo).await, HashAndSize);
}

#[tokio::test]
async fn damage_is_found_after_the_interval_and_not_forgotten() {
    let scene = Scene::new();
    let photo = scene.put().await;
    scene.read(&photo).await.unwrap();
    scene.inner.damage(true);
    // This is what the layer gives up.
    scene.read(&photo).await.unwrap();
    scene.pass(HOUR);
    for _ in 0..3 {
        corrupted(scene.read(&photo).await);
    }
    scene.inner.damage(false);
    assert_eq!(scene.next(&photo).await, HashAndSize);
}

#[tokio::test]
async fn damage_that_a_caller_finds_makes_all_verify() {
    let scene = Scene::new();
    let photo = scene.put().await;
    scene.read(&photo).await.unwrap();
    scene.inner.damage(true);
    let verified = RetrieveOptions::new().with_verification(HashAndSize);
    corrupted(scene.read_with(&photo, verified).await);
    corrupted(scene.read(&photo).await);
}

#[tokio::test]
async fn what_a_caller_asks_for_is_done() {
    let scene = Scene::new();
    let photo = scene.put().await;
    let asking = |wanted| RetrieveOptions::new().with_verification(wanted);
    scene.read_with(&photo, asking(SizeOnly)).await.unwrap();
    assert_eq!(scene.next(&photo).await, HashAndSize);
    scene.inner.take_reads();
    scene.read_with(&photo, asking(HashAndSize)).await.unwrap();
    assert_eq!(scene.inner.take_reads(), [Some(HashAndSize)]);
    assert_eq!(scene.next(&photo).await, SizeOnly);
}

#[tokio::test]
async fn ranges_heads_and_reads_that_end_early_are_not_remembered() {
    let scene = Scene::new();
    let photo = scene.put().await;
    let partial = [
        RetrieveOptions::new().with_range(0..1000),
        RetrieveOptions::new().with_range(5..10),
        RetrieveOptions::new().with_head(),
    ];
    for options in partial {
        scene.read_with(&photo, options.clone()).await.unwrap();
        // The store decides, as without the layer.
        assert_eq!(scene.inner.take_reads(), [None]);
        let hashed = options.with_verification(HashAndSize);
        scene.read_with(&photo, hashed).await.unwrap();
        scene.inner.take_reads();
    }
    let stored = scene.store.retrieve(&photo).await.unwrap();
    let mut pieces = stored.body.into_stream();
    for _ in 0..9 {
        pieces.next().await.unwrap().unwrap();
    }
    drop(pieces);
    assert_eq!(scene.next(&photo).await, HashAndSize);
}

/// A server that sent as many bytes as it announced asks for no more.
#[tokio::test]
async fn a_reader_that_stops_at_the_length_has_read_the_whole() {
    let scene = Scene::new();
    let photo = scene.put().await;
    let stored = scene.store.retrieve(&photo).await.unwrap();
    let mut pieces = stored.body.into_stream();
    for _ in 0..10 {
        pieces.next().await.unwrap().unwrap();
    }
    drop(pieces);
    assert_eq!(scene.next(&photo).await, SizeOnly);
    // And gets no last byte of damaged media.
    scene.inner.damage(true);
    scene.pass(HOUR);
    let stored = scene.store.retrieve(&photo).await.unwrap();
    let items: Vec<_> = stored.body.into_stream().collect().await;
    assert_eq!(items.iter().filter(|item| item.is_ok()).count(), 9);
    assert_eq!(items.len(), 10);
}

#[tokio::test]
async fn a_read_that_fails_is_not_remembered() {
    let inner = FaultyStorage::new(Rotting::default()).with_fault(
        Fault::nth(Call::Retrieve, 1)
            .in_body(500)
            .fail(StorageErrorKind::Unavailable),
    );
    let store = PeriodicVerification::new(inner);
    let stored = store.store_bytes(Mime::IMAGE_PNG, vec![1; 1000], MediaMetadata::new());
    let photo = stored.await.unwrap();
    let error = store.retrieve_bytes(&photo, 1 << 20).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unavailable);
    for _ in 0..2 {
        store.retrieve_bytes(&photo, 1 << 20).await.unwrap();
    }
    let reads = store.inner().inner().take_reads();
    assert_eq!(reads, [HashAndSize, HashAndSize, SizeOnly].map(Some));
}

#[tokio::test]
async fn what_is_deleted_or_changed_is_forgotten() {
    let scene = Scene::new();
    let photo = scene.put().await;
    scene.read(&photo).await.unwrap();
    let patch = MetadataPatch::new().with_hold(false);
    scene.store.update(&photo, patch).await.unwrap();
    assert_eq!(scene.next(&photo).await, HashAndSize);
    // A refused deletion costs one verification.
    let foreign = DeleteOptions::new().with_expected_scope(Scope::User("ben".parse().unwrap()));
    scene.store.delete_opts(&photo, foreign).await.unwrap_err();
    assert_eq!(scene.next(&photo).await, HashAndSize);
    scene.store.delete(&photo).await.unwrap();
    let gone = scene.read(&photo).await.unwrap_err();
    assert_eq!(gone.kind(), StorageErrorKind::NotFound);
}

/// Reads two bodies of the same media, of which the second is damaged, and ends the first one last.
#[tokio::test]
async fn a_read_that_began_before_damage_was_found_is_not_remembered() {
    let scene = Scene::new();
    let photo = scene.put().await;
    let held = scene.store.retrieve(&photo).await.unwrap();
    scene.inner.damage(true);
    corrupted(scene.read(&photo).await);
    held.body.bytes(1 << 20).await.unwrap();
    corrupted(scene.read(&photo).await);

    // The same with damage that a verification finds, and with deletions of other media.
    scene.inner.damage(false);
    let held = scene.store.retrieve(&photo).await.unwrap();
    scene.inner.damage(true);
    let verified = scene.store.verifier().unwrap();
    assert!(
        !verified
            .verify(VerifyOptions::new())
            .await
            .unwrap()
            .is_clean()
    );
    held.body.bytes(1 << 20).await.unwrap();
    corrupted(scene.read(&photo).await);
}

#[tokio::test]
async fn the_deletion_of_a_scope_and_an_import_forget() {
    let scene = Scene::new();
    let photo = scene.put().await;
    scene.read(&photo).await.unwrap();
    let inventory = scene.store.inventory().unwrap();
    let other = Scope::User("ben".parse().unwrap());
    assert_eq!(inventory.delete_scope(other).await.unwrap().deleted, 0);
    assert_eq!(scene.next(&photo).await, HashAndSize);
    assert_eq!(scene.next(&photo).await, SizeOnly);

    let mut all: Vec<_> = inventory.list(Scope::All).collect().await;
    let entry = all.remove(0).unwrap();
    let bytes = scene.store.retrieve_bytes(&photo, 1 << 20).await.unwrap();
    let importer = scene.store.importer().unwrap();
    let upload = ImportUpload::new(entry, MediaBody::from_bytes(bytes));
    let outcome = importer.import(upload).await.unwrap().outcome;
    assert_eq!(outcome, ImportOutcome::Present);
    assert_eq!(scene.next(&photo).await, HashAndSize);

    let report = inventory.delete_scope(Scope::All).await.unwrap();
    assert_eq!(report.deleted, 1);
    let gone = scene.read(&photo).await.unwrap_err();
    assert_eq!(gone.kind(), StorageErrorKind::NotFound);
}

#[tokio::test]
async fn a_scope_counts_at_each_read() {
    let scene = Scene::new();
    let photo = scene.put().await;
    scene.read(&photo).await.unwrap();
    let of =
        |user: &str| RetrieveOptions::new().with_expected_scope(Scope::User(user.parse().unwrap()));
    scene.read_with(&photo, of("ann")).await.unwrap();
    let foreign = scene.read_with(&photo, of("ben")).await.unwrap_err();
    assert_eq!(foreign.kind(), StorageErrorKind::NotFound);
}

#[tokio::test]
async fn the_least_recently_read_reference_is_forgotten_first() {
    let scene = Scene::new();
    let store = scene.store.clone().with_max_references(3);
    let scene = Scene { store, ..scene };
    let mut photos = Vec::new();
    for _ in 0..3 {
        photos.push(scene.put().await);
        scene.read(&photos[photos.len() - 1]).await.unwrap();
    }
    assert_eq!(scene.next(&photos[0]).await, SizeOnly);
    photos.push(scene.put().await);
    scene.read(&photos[3]).await.unwrap();
    for (at, expected) in [
        (0, SizeOnly),
        (2, SizeOnly),
        (3, SizeOnly),
        (1, HashAndSize),
    ] {
        assert_eq!(scene.next(&photos[at]).await, expected, "{at}");
    }
}

#[tokio::test]
async fn nothing_is_remembered_without_room() {
    let scene = Scene::new();
    let store = scene.store.clone().with_max_references(0);
    let scene = Scene { store, ..scene };
    let photo = scene.put().await;
    for _ in 0..3 {
        assert_eq!(scene.next(&photo).await, HashAndSize);
    }
}

#[tokio::test]
async fn a_verification_that_finds_an_issue_makes_all_verify() {
    let scene = Scene::new();
    let photo = scene.put().await;
    scene.read(&photo).await.unwrap();
    let verify = || scene.store.verifier().unwrap().verify(VerifyOptions::new());
    assert!(verify().await.unwrap().is_clean());
    assert_eq!(scene.next(&photo).await, SizeOnly);
    scene.inner.damage(true);
    assert!(!verify().await.unwrap().is_clean());
    corrupted(scene.read(&photo).await);
}

/// Readers at the same time verify at most once each, and all that come after them none.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn handles_share_what_they_remember() {
    let scene = Scene::new();
    let photo = Arc::new(scene.put().await);
    let readers: Vec<_> = (0..50)
        .map(|_| {
            let (store, photo) = (scene.store.clone(), Arc::clone(&photo));
            tokio::spawn(async move { store.retrieve_bytes(&photo, 1 << 20).await })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap().unwrap().len(), 1000);
    }
    assert!(scene.inner.take_reads().contains(&Some(HashAndSize)));
    for _ in 0..3 {
        assert_eq!(scene.next(&photo).await, SizeOnly);
    }
}
