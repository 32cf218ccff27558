//! [`Limited`].

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::Stream;
use media_types::{StorageReference, UserId};

use super::permits::{Permit, Permits};
use super::quota::{Ledger, Reservation, UserLimits, exceeded};
use crate::body::{ByteStream, MediaBody};
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::importer::Importer;
use crate::inventory::Inventory;
use crate::metadata::Scope;
use crate::options::{DeleteOptions, DuplicateOptions, MetadataPatch, RetrieveOptions};
use crate::signer::UrlSigner;
use crate::storage::{MediaStorage, MediaUpload, StoredMedia};
use crate::verifier::Verifier;

/// A store with limits: of operations that run at once, and of what each user may store.
///
/// The limits of users hold for this process. What a user stores is asked of the
/// [inventory](MediaStorage::inventory), again every 5 minutes, and corrected by what this process
/// stores in between. So several processes together may exceed a limit by what the others store in 5
/// minutes. Deletions count at the next refresh. Media without a user is not limited, and importing
/// media is not limited either.
///
/// Streams of unknown length are stopped when they exceed what the user may still store.
#[derive(Clone)]
pub struct Limited<S> {
    inner: S,
    permits: Option<Arc<Permits>>,
    limits: UserLimits,
    ledger: Arc<Ledger>,
}

impl<S: MediaStorage> Limited<S> {
    /// Wraps a store, without limits.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            permits: None,
            limits: UserLimits::default(),
            ledger: Arc::default(),
        }
    }

    /// Sets the number of operations that run at once; at least 1. Others wait in their order. An open
    /// body does not count. Defaults to no limit.
    #[must_use]
    pub fn with_max_concurrent_operations(mut self, count: usize) -> Self {
        self.permits = Some(Permits::new(count));
        self
    }

    /// Sets the number of bytes that each user may store, where shared bytes count for each
    /// reference. Requires an inventory. Defaults to no limit.
    #[must_use]
    pub fn with_max_bytes_per_user(mut self, bytes: u64) -> Self {
        self.limits.bytes = Some(bytes);
        self
    }

    /// Sets the number of references that each user may store. Requires an inventory. Defaults to no
    /// limit.
    #[must_use]
    pub fn with_max_references_per_user(mut self, references: u64) -> Self {
        self.limits.references = Some(references);
        self
    }

    /// Returns the wrapped store.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    async fn permit(&self) -> Option<Permit> {
        match &self.permits {
            Some(permits) => Some(permits.acquire().await),
            None => None,
        }
    }

    /// Reserves what a store needs of the quota of its user.
    async fn reserve(
        &self,
        user: Option<&UserId>,
        bytes: u64,
    ) -> Result<Option<Reservation>, StorageError> {
        let Some(user) = user else {
            return Ok(None);
        };
        if self.limits.bytes.is_none() && self.limits.references.is_none() {
            return Ok(None);
        }
        if self.ledger.is_stale(user) {
            let inventory = self.inner.inventory().ok_or_else(|| {
                StorageError::new(StorageErrorKind::Config, Operation::Store)
                    .with_backend(self.inner.backend().to_owned())
                    .with_reason("limits of users require a store with an inventory")
            })?;
            let usage = inventory.usage(Scope::User(user.clone())).await?;
            self.ledger.set(user, usage);
        }
        self.ledger
            .reserve(user, bytes, self.limits)
            .map(Some)
            .map_err(|error| error.with_backend(self.inner.backend().to_owned()))
    }
}

impl<S: fmt::Debug> fmt::Debug for Limited<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited")
            .field("inner", &self.inner)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for Limited<S> {
    fn backend(&self) -> &str {
        self.inner.backend()
    }

    fn name(&self) -> Option<&str> {
        self.inner.name()
    }

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let _permit = self.permit().await;
        let user = upload.metadata().user().cloned();
        let len = upload.body().len();
        let reserved = self.reserve(user.as_ref(), len.unwrap_or(0)).await?;
        let upload = match (&user, len, self.limits.bytes) {
            (Some(user), None, Some(limit)) => {
                let remaining = self.ledger.remaining(user, self.limits);
                upload.map_body(|body| capped(body, remaining, limit))
            }
            _ => upload,
        };
        let reference = self.inner.store(upload).await?;
        if let Some(reserved) = reserved {
            reserved.commit(reference.size().or(len).unwrap_or(0));
        }
        Ok(reference)
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let _permit = self.permit().await;
        self.inner.retrieve_opts(reference, options).await
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let _permit = self.permit().await;
        self.inner.delete_opts(reference, options).await
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let _permit = self.permit().await;
        let user = options.metadata().user().cloned();
        let bytes = match (&user, reference.size()) {
            (None, _) => 0,
            (_, Some(size)) => size,
            (_, None) => {
                let mut head = RetrieveOptions::new().with_head();
                if let Some(scope) = options.expected_scope() {
                    head = head.with_expected_scope(scope.clone());
                }
                self.inner.retrieve_opts(reference, head).await?.size
            }
        };
        let reserved = self.reserve(user.as_ref(), bytes).await?;
        let copy = self.inner.duplicate(reference, options).await?;
        if let Some(reserved) = reserved {
            reserved.commit(copy.size().unwrap_or(bytes));
        }
        Ok(copy)
    }

    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        let _permit = self.permit().await;
        self.inner.update(reference, patch).await
    }

    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let _permit = self.permit().await;
        self.inner.delete_many(references, options).await
    }

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        self.inner.url_signer()
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        self.inner.inventory()
    }

    fn verifier(&self) -> Option<&dyn Verifier> {
        self.inner.verifier()
    }

    fn importer(&self) -> Option<&dyn Importer> {
        self.inner.importer()
    }
}

/// Returns a body that fails when it exceeds what the user may still store.
fn capped(body: MediaBody, remaining: u64, limit: u64) -> MediaBody {
    let stream = Capped {
        stream: Some(body.into_stream()),
        remaining,
        limit,
    };
    MediaBody::from_stream(None, stream)
}

struct Capped {
    stream: Option<ByteStream>,
    remaining: u64,
    limit: u64,
}

impl Stream for Capped {
    type Item = Result<bytes::Bytes, StorageError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(stream) = this.stream.as_mut() else {
            return std::task::Poll::Ready(None);
        };
        let item = std::task::ready!(stream.as_mut().poll_next(cx));
        let len = match &item {
            Some(Ok(piece)) => piece.len() as u64,
            _ => 0,
        };
        if len > this.remaining {
            this.stream = None;
            return std::task::Poll::Ready(Some(Err(exceeded("bytes", this.limit))));
        }
        this.remaining -= len;
        std::task::Poll::Ready(item)
    }
}
