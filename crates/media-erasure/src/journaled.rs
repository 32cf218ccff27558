//! [`Journaled`].

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use futures_core::stream::BoxStream;
use futures_util::stream;
use media_storage::{
    Entry, Inventory, MediaStorage, Operation, Scope, StorageError, StorageErrorKind, SweepLease,
    SweepOptions, SweepReport, Usage,
};

use crate::journal::ErasureJournal;
use crate::key::ErasureKey;
use crate::record::ErasureRecord;

/// A store that writes each deletion of a scope to a journal before it begins.
///
/// If the journal fails, nothing is deleted. Deletions of single references, expiry and sweeps are not
/// written: a restored backup brings such media back, until it is deleted or expires again. What is erased in
/// another way, such as by forgetting a key, is written by [`note_erasure`](Self::note_erasure).
#[derive(Clone, Debug)]
pub struct Journaled<S> {
    inner: S,
    journal: Arc<dyn ErasureJournal>,
    key: ErasureKey,
}

impl<S: MediaStorage> Journaled<S> {
    /// Wraps a store.
    pub fn new(inner: S, journal: impl ErasureJournal, key: ErasureKey) -> Self {
        Self {
            inner,
            journal: Arc::new(journal),
            key,
        }
    }

    /// Returns the wrapped store.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Writes an erasure to the journal that is made in another way than by deleting the scope, such as by
    /// forgetting the key of a user. Call it before the erasure: what is noted and not erased is deleted by a
    /// replay, what is erased and not noted comes back with a backup.
    ///
    /// # Errors
    /// `Unsupported` for a kind of scope that the journal cannot name; those of the journal.
    pub async fn note_erasure(&self, scope: &Scope) -> Result<(), StorageError> {
        let record = ErasureRecord::new(scope, Utc::now(), &self.key);
        let record = record.ok_or_else(|| {
            let reason = "the journal does not support this kind of scope";
            self.failure(Operation::DeleteScope, reason)
        })?;
        self.journal.append(&record).await
    }

    fn failure(&self, operation: Operation, reason: &'static str) -> StorageError {
        StorageError::new(StorageErrorKind::Unsupported, operation)
            .with_backend(self.inner.backend().to_owned())
            .with_reason(reason)
    }

    fn inner_inventory(&self, operation: Operation) -> Result<&dyn Inventory, StorageError> {
        let inventory = self.inner.inventory();
        inventory.ok_or_else(|| self.failure(operation, "the store has no inventory"))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> Inventory for Journaled<S> {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        match self.inner_inventory(Operation::List) {
            Ok(inventory) => inventory.list(scope),
            Err(error) => Box::pin(stream::iter([Err(error)])),
        }
    }

    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        self.inner_inventory(Operation::Usage)?.usage(scope).await
    }

    async fn quarantined(&self, scope: Scope) -> Result<u64, StorageError> {
        let inventory = self.inner_inventory(Operation::Usage)?;
        inventory.quarantined(scope).await
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        let operation = Operation::DeleteScope;
        let inventory = self.inner_inventory(operation)?;
        self.note_erasure(&scope).await?;
        inventory.delete_scope(scope).await
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        self.inner_inventory(Operation::Sweep)?.sweep(options).await
    }

    async fn sweep_lease(&self) -> Result<Option<SweepLease>, StorageError> {
        self.inner_inventory(Operation::Sweep)?.sweep_lease().await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for Journaled<S> {
    media_storage::forward_storage!(
        self => self.inner;
        backend, name, store, retrieve_opts, delete_opts, duplicate, update, delete_many,
        url_signer, verifier, importer,
    );

    fn inventory(&self) -> Option<&dyn Inventory> {
        let inner = self.inner.inventory();
        inner.map(|_| self as &dyn Inventory)
    }
}
