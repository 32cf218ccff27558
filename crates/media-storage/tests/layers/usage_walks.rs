//! Limits of users while the store is asked what they store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use media_storage::layers::Limited;
use media_storage::{
    Entry, InMemoryStorage, Inventory, MediaMetadata, MediaStorage, MediaStorageExt as _,
    Operation, Scope, StorageError, StorageErrorKind, SweepOptions, SweepReport, Usage,
};
use media_types::{Mime, StorageReference};
use tokio::sync::Semaphore;

/// A store whose walks end one by one, when the test says so.
#[derive(Clone, Debug)]
struct Slow {
    inner: InMemoryStorage,
    walks: Arc<AtomicUsize>,
    walked: Arc<Semaphore>,
    ends: Arc<Semaphore>,
    fails: Arc<AtomicBool>,
}

impl Slow {
    fn new() -> Self {
        Self {
            inner: InMemoryStorage::new(),
            walks: Arc::default(),
            walked: Arc::new(Semaphore::new(0)),
            ends: Arc::new(Semaphore::new(0)),
            fails: Arc::default(),
        }
    }

    /// Waits until a walk has seen what is stored.
    async fn walked(&self) {
        self.walked.acquire().await.unwrap().forget();
    }

    fn inner_inventory(&self) -> &dyn Inventory {
        self.inner.inventory().unwrap()
    }
}

#[async_trait]
impl MediaStorage for Slow {
    media_storage::forward_storage!(
        self => self.inner;
        backend, name, store, retrieve_opts, delete_opts, duplicate, update, delete_many,
        url_signer, verifier, importer,
    );

    fn inventory(&self) -> Option<&dyn Inventory> {
        Some(self)
    }
}

#[async_trait]
impl Inventory for Slow {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        self.inner_inventory().list(scope)
    }

    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        let usage = self.inner_inventory().usage(scope).await;
        self.walks.fetch_add(1, Ordering::SeqCst);
        self.walked.add_permits(1);
        self.ends.acquire().await.unwrap().forget();
        match self.fails.load(Ordering::SeqCst) {
            true => Err(StorageError::new(
                StorageErrorKind::Unavailable,
                Operation::Usage,
            )),
            false => usage,
        }
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        self.inner_inventory().delete_scope(scope).await
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        self.inner_inventory().sweep(options).await
    }
}

async fn put(store: &Limited<Slow>, len: usize) -> Result<StorageReference, StorageError> {
    let metadata = MediaMetadata::new().with_user("ann".parse().unwrap());
    let stored = store.store_bytes(Mime::IMAGE_PNG, vec![7; len], metadata);
    stored.await
}

#[tokio::test]
async fn uploads_that_need_the_usage_of_a_user_share_one_walk() {
    let slow = Slow::new();
    let store = Limited::new(slow.clone()).with_max_references_per_user(10);
    let uploads = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { put(&store, 1).await.is_ok() })
    });
    let uploads: Vec<_> = uploads.collect();
    slow.walked().await;
    slow.ends.add_permits(1);
    let mut stored = 0;
    for upload in uploads {
        stored += usize::from(upload.await.unwrap());
    }
    assert_eq!((stored, slow.walks.load(Ordering::SeqCst)), (10, 1));
}

#[tokio::test]
async fn a_walk_does_not_forget_what_was_stored_while_it_ran() {
    let slow = Slow::new();
    let store = Limited::new(slow.clone()).with_max_bytes_per_user(1000);
    slow.ends.add_permits(1);
    put(&store, 100).await.unwrap();
    slow.walked().await;

    let ann = "ann".parse().unwrap();
    let mut recount = Box::pin(store.recount(&ann));
    tokio::select! {
        result = &mut recount => panic!("the walk is held: {result:?}"),
        () = slow.walked() => {}
    }
    put(&store, 600).await.unwrap();
    slow.ends.add_permits(1);
    recount.await.unwrap();
    let refused = put(&store, 301).await.unwrap_err();
    assert_eq!(refused.kind(), StorageErrorKind::QuotaExceeded);
    put(&store, 300).await.unwrap();
}

#[tokio::test]
async fn uploads_that_wait_for_a_walk_that_fails_fail_with_it_and_the_next_one_asks_again() {
    let slow = Slow::new();
    let store = Limited::new(slow.clone()).with_max_references_per_user(10);
    slow.fails.store(true, Ordering::SeqCst);
    slow.ends.add_permits(20);
    // Each is polled once before the first walk has ended.
    let (held, uploads) = (slow.ends.acquire_many(20).await, 0..20);
    let uploads = join_all(uploads.map(|_| put(&store, 1)));
    let (results, ()) = tokio::join!(uploads, async {
        slow.walked().await;
        drop(held);
    });
    for result in results {
        assert_eq!(result.unwrap_err().kind(), StorageErrorKind::Unavailable);
    }
    assert_eq!(slow.walks.load(Ordering::SeqCst), 1);
    slow.fails.store(false, Ordering::SeqCst);
    put(&store, 1).await.unwrap();
    assert_eq!(slow.walks.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_walk_of_one_user_does_not_hold_up_the_operations_of_others() {
    let slow = Slow::new();
    let store = Limited::new(slow.clone())
        .with_max_references_per_user(10)
        .with_max_concurrent_operations(2);
    let bytes = store.store_bytes(Mime::IMAGE_PNG, "bytes", MediaMetadata::new());
    let others = bytes.await.unwrap();
    let uploads = join_all((0..5).map(|_| put(&store, 1)));
    let (uploads, ()) = tokio::join!(uploads, async {
        slow.walked().await;
        let head = tokio::time::timeout(Duration::from_secs(60), store.head(&others));
        head.await.expect("nothing holds it up").unwrap();
        slow.ends.add_permits(1);
    });
    assert!(uploads.iter().all(Result::is_ok), "{uploads:?}");
}
