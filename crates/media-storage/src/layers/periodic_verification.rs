//! [`PeriodicVerification`].

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_core::stream::{BoxStream, Stream};
use media_types::StorageReference;

use super::verified_read::VerifiedRead;
use super::verified_references::VerifiedReferences;
use crate::body::MediaBody;
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::importer::{ImportUpload, Imported, Importer};
use crate::inventory::{Entry, Inventory, SweepLease, SweepOptions, SweepReport, Usage};
use crate::options::{DeleteOptions, MetadataPatch, RetrieveOptions, Verification};
use crate::scope::Scope;
use crate::storage::{MediaStorage, StoredMedia};
use crate::verifier::{Verifier, VerifyOptions, VerifyReport};

/// How long a media item counts as sound, unless the caller sets it.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(3600);

/// How many references are remembered, unless the caller sets it.
const DEFAULT_MAX_REFERENCES: usize = 10_000;

/// A store that verifies each media item once in a while instead of at each read.
///
/// A reference always stands for the same bytes. So media that was found sound a minute ago is hardly
/// damaged now, and hashing it again for the next reader costs more than sending it. A whole read is
/// verified by hash and size, whatever the default of the store is. If it reaches its end and nothing is
/// wrong, later whole reads of that reference verify the size only, until the interval has passed since
/// the read began.
///
/// - A read that ends early or fails, a range, and a head are not remembered, and neither is storing.
/// - `Corrupted`, and deleting, changing or importing the media through this layer, make the next whole read
///   verify. So do, for all media, deleting a scope, and a [verification](MediaStorage::verifier) that finds an
///   issue. A read that was under way at that moment is not remembered either.
/// - What a caller asks for with [`RetrieveOptions::with_verification`] is done. The store admits every
///   reference as without this layer: deletion, expiry, scope and the sidecar count at each read.
///
/// **This is weaker than verifying each read**: bytes that are damaged below the store after they were
/// found sound are returned until the interval is over, as long as their size is right. The conformance
/// suite damages sidecars, which is always found, and no bytes.
///
/// Handles that are cloned from one another share what they remember. Each process remembers for itself.
///
/// ```
/// use std::time::Duration;
///
/// use media_storage::layers::PeriodicVerification;
/// use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
/// use media_types::Mime;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), media_storage::StorageError> {
/// let store = PeriodicVerification::new(InMemoryStorage::new())
///     .with_interval(Duration::from_secs(600));
/// let photo = store.store_bytes(Mime::IMAGE_PNG, vec![7; 900], MediaMetadata::new()).await?;
/// store.retrieve_bytes(&photo, 1 << 20).await?; // by size and hash
/// store.retrieve_bytes(&photo, 1 << 20).await?; // by size
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PeriodicVerification<S> {
    inner: S,
    interval: Duration,
    verified: Arc<VerifiedReferences>,
    now: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl<S: MediaStorage> PeriodicVerification<S> {
    /// Wraps a store.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            interval: DEFAULT_INTERVAL,
            verified: Arc::new(VerifiedReferences::new(DEFAULT_MAX_REFERENCES)),
            now: Arc::new(Instant::now),
        }
    }

    /// Sets for how long media that was found sound is not hashed again. Defaults to 1 hour.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how many references are remembered; the least recently read one is forgotten first. Each takes
    /// the length of its id and about 80 bytes. What was remembered so far is forgotten. Defaults to 10,000.
    #[must_use]
    pub fn with_max_references(mut self, references: usize) -> Self {
        self.verified = Arc::new(VerifiedReferences::new(references));
        self
    }

    /// Sets the clock, for tests. Defaults to that of the system, which never goes back.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.now = Arc::new(now);
        self
    }

    /// Returns the wrapped store.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: fmt::Debug> fmt::Debug for PeriodicVerification<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeriodicVerification")
            .field("inner", &self.inner)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for PeriodicVerification<S> {
    forward_storage!(
        self => self.inner;
        backend, name, store, duplicate, url_signer,
    );

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        mut options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let (began, ticket) = ((self.now)(), self.verified.ticket());
        let is_whole = options.range().is_none() && !options.head();
        if is_whole && options.verification().is_none() {
            let is_recent = self.verified.is_recent(reference, began, self.interval);
            options = options.with_verification(match is_recent {
                true => Verification::SizeOnly,
                false => Verification::HashAndSize,
            });
        }
        let is_hashed = is_whole && options.verification() == Some(Verification::HashAndSize);
        let mut read = VerifiedRead {
            verified: Arc::clone(&self.verified),
            id: reference.id().into(),
            ticket,
            began,
            hashed: None,
        };
        match self.inner.retrieve_opts(reference, options).await {
            Ok(mut stored) => {
                read.hashed = Some(stored.size).filter(|_| is_hashed);
                let body = std::mem::replace(&mut stored.body, MediaBody::from_bytes(Vec::new()));
                stored.body = read.observe(body);
                Ok(stored)
            }
            Err(error) => {
                read.failed(&error);
                Err(error)
            }
        }
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let _forgetting = self.verified.forget_while(std::slice::from_ref(reference));
        self.inner.delete_opts(reference, options).await
    }

    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        let _forgetting = self.verified.forget_while(std::slice::from_ref(reference));
        self.inner.update(reference, patch).await
    }

    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let _forgetting = self.verified.forget_while(references);
        self.inner.delete_many(references, options).await
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        self.inner.inventory().map(|_| self as &dyn Inventory)
    }

    fn verifier(&self) -> Option<&dyn Verifier> {
        self.inner.verifier().map(|_| self as &dyn Verifier)
    }

    fn importer(&self) -> Option<&dyn Importer> {
        self.inner.importer().map(|_| self as &dyn Importer)
    }
}

#[async_trait]
impl<S: MediaStorage> Verifier for PeriodicVerification<S> {
    async fn verify(&self, options: VerifyOptions) -> Result<VerifyReport, StorageError> {
        let Some(verifier) = self.inner.verifier() else {
            let reason = "the store cannot verify what it holds";
            return Err(unsupported(&self.inner, Operation::Verify, reason));
        };
        let report = verifier.verify(options).await;
        // One that fails may have found damage before.
        if !report.as_ref().is_ok_and(VerifyReport::is_clean) {
            self.verified.forget_all();
        }
        report
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> Inventory for PeriodicVerification<S> {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        match inventory(&self.inner, Operation::List) {
            Ok(inventory) => inventory.list(scope),
            Err(error) => Box::pin(Failed(Some(error))),
        }
    }

    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        inventory(&self.inner, Operation::Usage)?.usage(scope).await
    }

    async fn quarantined(&self, scope: Scope) -> Result<u64, StorageError> {
        let inventory = inventory(&self.inner, Operation::Usage)?;
        inventory.quarantined(scope).await
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        let inventory = inventory(&self.inner, Operation::DeleteScope)?;
        let _forgetting = self.verified.forget_all_while();
        inventory.delete_scope(scope).await
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        inventory(&self.inner, Operation::Sweep)?
            .sweep(options)
            .await
    }

    async fn sweep_lease(&self) -> Result<Option<SweepLease>, StorageError> {
        inventory(&self.inner, Operation::Sweep)?
            .sweep_lease()
            .await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> Importer for PeriodicVerification<S> {
    async fn import(&self, upload: ImportUpload) -> Result<Imported, StorageError> {
        let Some(importer) = self.inner.importer() else {
            let reason = "the store cannot import";
            return Err(unsupported(&self.inner, Operation::Import, reason));
        };
        let imported = [upload.entry().reference.clone()];
        let _forgetting = self.verified.forget_while(&imported);
        importer.import(upload).await
    }

    fn keeps_holds(&self) -> bool {
        let inner = self.inner.importer();
        inner.is_some_and(|importer| importer.keeps_holds())
    }
}

/// A listing that could not begin.
struct Failed(Option<StorageError>);

impl Stream for Failed {
    type Item = Result<Entry, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

fn inventory(
    store: &impl MediaStorage,
    operation: Operation,
) -> Result<&dyn Inventory, StorageError> {
    let inventory = store.inventory();
    inventory.ok_or_else(|| unsupported(store, operation, "the store has no inventory"))
}

fn unsupported(
    store: &impl MediaStorage,
    operation: Operation,
    reason: &'static str,
) -> StorageError {
    StorageError::new(StorageErrorKind::Unsupported, operation)
        .with_backend(store.backend().to_owned())
        .with_reason(reason)
}
