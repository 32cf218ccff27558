//! [`Instrumented`].

use std::time::Instant;

use async_trait::async_trait;
use media_types::StorageReference;
use tracing::Instrument as _;

use crate::error::StorageError;
use crate::options::{DeleteOptions, DuplicateOptions, MetadataPatch, RetrieveOptions};
use crate::storage::{MediaStorage, MediaUpload, StoredMedia};

/// A store that records a `tracing` span and event for each operation.
///
/// The span `media_storage` has the fields `operation`, `backend` and `media`, which is the last part of the
/// id of a reference, without its directories. When the operation ends, an event has the fields `duration_ms`,
/// `outcome` (`ok` or the kind of the error), `bytes`, and for errors `reason`. Ids of users and conversations,
/// original file names and bytes are not recorded. A layer that counts these events is all that metrics need.
///
/// Walks of the [inventory](MediaStorage::inventory) are not recorded.
#[derive(Clone, Debug)]
pub struct Instrumented<S> {
    inner: S,
}

impl<S: MediaStorage> Instrumented<S> {
    /// Wraps a store.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }

    /// Returns the wrapped store.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    async fn record<T>(
        &self,
        operation: &'static str,
        reference: Option<&StorageReference>,
        bytes: impl FnOnce(&T) -> Option<u64>,
        work: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        let backend = self.inner.backend();
        // The directories of an id are named after sessions and conversations.
        let media = reference.map_or("", StorageReference::file_name);
        let span = tracing::info_span!("media_storage", operation, backend, media);
        let started = Instant::now();
        let result = work.instrument(span.clone()).await;
        let _entered = span.enter();
        let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
        match &result {
            Ok(value) => {
                let bytes = bytes(value);
                tracing::info!(duration_ms, outcome = "ok", bytes, "storage operation");
            }
            Err(error) => {
                let outcome = tracing::field::debug(error.kind());
                // The text of the error has the whole id.
                let reason = error.reason();
                tracing::info!(duration_ms, outcome, reason, "storage operation");
            }
        }
        result
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for Instrumented<S> {
    forward_storage!(self => self.inner; backend, name, url_signer, inventory, verifier, importer);

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let work = self.inner.store(upload);
        self.record("store", None, StorageReference::size, work)
            .await
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let work = self.inner.retrieve_opts(reference, options);
        let bytes = |media: &StoredMedia| media.body.len();
        self.record("retrieve", Some(reference), bytes, work).await
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let work = self.inner.delete_opts(reference, options);
        self.record("delete", Some(reference), |()| None, work)
            .await
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let work = self.inner.duplicate(reference, options);
        self.record("duplicate", Some(reference), StorageReference::size, work)
            .await
    }

    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        let work = self.inner.update(reference, patch);
        self.record("update", Some(reference), |()| None, work)
            .await
    }

    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let work = async { Ok(self.inner.delete_many(references, options).await) };
        let recorded = self.record("delete_many", None, |_| None, work).await;
        recorded.unwrap_or_default()
    }
}
