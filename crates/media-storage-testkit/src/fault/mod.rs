//! A store that fails, waits and counts according to a script.

mod body;
mod script;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use media_storage::{
    BodyData, DeleteOptions, DuplicateOptions, MediaBody, MediaStorage, MediaUpload, MetadataPatch,
    Operation, RetrieveOptions, StorageError, StoredMedia,
};
use media_types::StorageReference;

use script::{Action, Moment};
pub use script::{Call, Fault, Gate};

/// A wrapper of a store that forwards and counts every call, unless a [`Fault`] makes it fail.
///
/// Clones share faults and counters. Faults may be added at any time; each applies to calls by their
/// number, counted from 1 over all clones.
///
/// ```
/// use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt, StorageErrorKind};
/// use media_storage_testkit::{Call, Fault, FaultyStorage};
/// use media_types::Mime;
///
/// # media_storage_testkit::run("example", async {
/// let store = FaultyStorage::new(InMemoryStorage::new())
///     .with_fault(Fault::nth(Call::Store, 2).fail(StorageErrorKind::DiskSpace));
/// let put = || store.store_bytes(Mime::IMAGE_PNG, "abc", MediaMetadata::new());
/// assert!(put().await.is_ok());
/// assert_eq!(put().await.unwrap_err().kind(), StorageErrorKind::DiskSpace);
/// assert!(put().await.is_ok());
/// assert_eq!((store.calls(Call::Store), store.bytes_stored()), (3, 6));
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct FaultyStorage<S> {
    inner: S,
    record: Arc<Record>,
}

#[derive(Debug, Default)]
struct Record {
    faults: Mutex<Vec<Fault>>,
    calls: [AtomicU64; 5],
    in_flight: AtomicU64,
    peak_in_flight: AtomicU64,
    bytes_stored: AtomicU64,
    bytes_retrieved: Arc<AtomicU64>,
    stored: Mutex<Vec<StorageReference>>,
    deleted: Mutex<Vec<StorageReference>>,
}

impl<S> FaultyStorage<S> {
    /// Wraps a store, without faults.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            record: Arc::default(),
        }
    }

    /// Adds a fault. Defaults to none.
    #[must_use]
    pub fn with_fault(self, fault: Fault) -> Self {
        self.inject(fault);
        self
    }

    /// Adds a fault, for all clones.
    pub fn inject(&self, fault: Fault) {
        lock(&self.record.faults).push(fault);
    }

    /// Removes all faults, for all clones.
    pub fn clear_faults(&self) {
        lock(&self.record.faults).clear();
    }

    /// Returns the wrapped store.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Returns the number of calls of a kind, including failed ones.
    pub fn calls(&self, call: Call) -> u64 {
        self.record.calls[call as usize].load(Ordering::SeqCst)
    }

    /// Returns the number of bytes of the media whose references were returned.
    pub fn bytes_stored(&self) -> u64 {
        self.record.bytes_stored.load(Ordering::SeqCst)
    }

    /// Returns the number of bytes that were read from bodies.
    pub fn bytes_retrieved(&self) -> u64 {
        self.record.bytes_retrieved.load(Ordering::SeqCst)
    }

    /// Returns the largest number of calls that were running at once.
    pub fn peak_in_flight(&self) -> u64 {
        self.record.peak_in_flight.load(Ordering::SeqCst)
    }

    /// Returns the references of everything that the wrapped store stored, in order, including those
    /// whose caller received an error.
    pub fn stored(&self) -> Vec<StorageReference> {
        lock(&self.record.stored).clone()
    }

    /// Returns the references that the wrapped store deleted, in order.
    pub fn deleted(&self) -> Vec<StorageReference> {
        lock(&self.record.deleted).clone()
    }

    /// Counts a call and returns it with the faults that apply to it.
    fn begin(&self, call: Call) -> Begun<'_> {
        let number = self.record.calls[call as usize].fetch_add(1, Ordering::SeqCst) + 1;
        let now = self.record.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.record.peak_in_flight.fetch_max(now, Ordering::SeqCst);
        let faults = lock(&self.record.faults)
            .iter()
            .filter(|fault| fault.concerns(call, number))
            .cloned()
            .collect();
        Begun {
            record: &self.record,
            call,
            faults,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running call, until it is dropped.
struct Begun<'a> {
    record: &'a Record,
    call: Call,
    faults: Vec<Fault>,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.record.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Begun<'_> {
    fn error(&self, kind: media_storage::StorageErrorKind) -> StorageError {
        let operation = match self.call {
            Call::Store => Operation::Store,
            Call::Retrieve => Operation::Retrieve,
            Call::Delete => Operation::Delete,
            Call::Duplicate => Operation::Duplicate,
            Call::Update => Operation::Update,
        };
        StorageError::new(kind, operation).with_reason("injected by the test")
    }

    /// Applies the faults of one moment of the call.
    async fn pass(&self, moment: Moment) -> Result<(), StorageError> {
        for fault in self.faults.iter().filter(|fault| fault.moment == moment) {
            match &fault.action {
                Action::Fail(kind) => return Err(self.error(*kind)),
                Action::Delay(time) => tokio::time::sleep(*time).await,
                Action::Hold(gate) => gate.pass().await,
                Action::Hang => std::future::pending().await,
            }
        }
        Ok(())
    }

    /// Makes a body fail if a fault says so.
    fn break_body(&self, mut body: MediaBody) -> MediaBody {
        for fault in &self.faults {
            if let (Moment::InBody(after), Action::Fail(kind)) = (fault.moment, &fault.action) {
                body = body::failing(body, after, self.error(*kind));
            }
        }
        body
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for FaultyStorage<S> {
    media_storage::forward_storage!(self => self.inner; backend, name, url_signer, inventory, verifier, importer);

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let begun = self.begin(Call::Store);
        begun.pass(Moment::Before).await?;
        let upload = upload.map_body(|body| begun.break_body(body));
        let reference = self.inner.store(upload).await?;
        lock(&self.record.stored).push(reference.clone());
        begun.pass(Moment::After).await?;
        let size = reference.size().unwrap_or_default();
        self.record.bytes_stored.fetch_add(size, Ordering::SeqCst);
        Ok(reference)
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let begun = self.begin(Call::Retrieve);
        begun.pass(Moment::Before).await?;
        let mut stored = self.inner.retrieve_opts(reference, options).await?;
        begun.pass(Moment::After).await?;
        let counter = &self.record.bytes_retrieved;
        let body = begun.break_body(stored.body);
        stored.body = match body.into_data() {
            BodyData::Bytes(bytes) => {
                counter.fetch_add(bytes.len() as u64, Ordering::SeqCst);
                MediaBody::from_bytes(bytes)
            }
            BodyData::Stream { len, stream } => body::counted(len, stream, Arc::clone(counter)),
            other => body::of(other),
        };
        Ok(stored)
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let begun = self.begin(Call::Delete);
        begun.pass(Moment::Before).await?;
        self.inner.delete_opts(reference, options).await?;
        lock(&self.record.deleted).push(reference.clone());
        begun.pass(Moment::After).await
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let begun = self.begin(Call::Duplicate);
        begun.pass(Moment::Before).await?;
        let copy = self.inner.duplicate(reference, options).await?;
        lock(&self.record.stored).push(copy.clone());
        begun.pass(Moment::After).await?;
        Ok(copy)
    }

    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        let begun = self.begin(Call::Update);
        begun.pass(Moment::Before).await?;
        self.inner.update(reference, patch).await?;
        begun.pass(Moment::After).await
    }

    /// Counts as one delete per reference.
    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let mut results = Vec::with_capacity(references.len());
        for reference in references {
            results.push(self.delete_opts(reference, options.clone()).await);
        }
        results
    }
}
