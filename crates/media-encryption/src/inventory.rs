//! Listing, summing up and sweeping.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::StreamExt as _;
use media_storage::{
    DeleteOptions, Entry, Inventory, MediaStorage, Operation, Scope, StorageError,
    StorageErrorKind, SweepLease, SweepOptions, SweepReport, Usage,
};

use crate::envelope::Envelope;
use crate::failure::key_failure;
use crate::geometry::plain_len;
use crate::key_cache::Wanted;
use crate::provider::KeyErrorKind;
use crate::references::{inward, mac_of, outward};
use crate::scopes::SplitScope;
use crate::shared::Shared;
use crate::store::Encrypted;

/// Entries together with their stored sizes.
type SizedEntries = BoxStream<'static, Result<(Entry, u64), StorageError>>;

impl<S: MediaStorage> Shared<S> {
    fn inventory(&self, operation: Operation) -> Result<&dyn Inventory, StorageError> {
        self.inner.inventory().ok_or_else(|| {
            self.failure(StorageErrorKind::Unsupported, operation)
                .with_reason("the encrypted store has no inventory")
        })
    }

    /// Returns an entry as callers see it, or `None` if it does not have the tags of the scope. Without its
    /// key, media is listed without file name and tags.
    async fn reveal(
        &self,
        entry: Entry,
        scope: &SplitScope,
    ) -> Result<Option<Entry>, StorageError> {
        let fail = |error: StorageError| self.adopt(error).with_key(entry.reference.id());
        let len = entry.reference.size().and_then(plain_len);
        let envelope = Envelope::of(&entry.metadata);
        let mac = envelope.as_ref().map(|envelope| &envelope.mac);
        let reference = outward(&entry.reference, len, mac, Operation::List).map_err(fail)?;
        let letter = match &envelope {
            None => None,
            Some(envelope) => match self.keys.get(Wanted::Id(envelope.key_id), None).await {
                Ok(key) => envelope.open(&key).ok(),
                Err(error) if error.kind() == KeyErrorKind::Forgotten => None,
                Err(error) => return Err(fail(key_failure(error, Operation::List))),
            },
        };
        let metadata = match letter {
            Some(letter) => letter.reveal(entry.metadata),
            None => entry.metadata.without_filename(),
        };
        if !scope.matches(metadata.tags()) {
            return Ok(None);
        }
        let listed = Entry::new(reference, entry.mime, metadata, entry.stored_at);
        let listed = listed
            .with_expires_at(entry.expires_at)
            .with_expires_by(entry.expires_by);
        Ok(Some(listed.with_hold(entry.hold)))
    }

    /// Lists the entries of a scope together with their stored sizes.
    fn entries(
        self: &Arc<Self>,
        scope: &Scope,
        operation: Operation,
    ) -> Result<SizedEntries, StorageError> {
        let scope = Arc::new(SplitScope::new(scope));
        let inner = self.inventory(operation)?.list(scope.inner.clone());
        let shared = Arc::clone(self);
        Ok(Box::pin(inner.filter_map(move |entry| {
            let (shared, scope) = (Arc::clone(&shared), Arc::clone(&scope));
            async move {
                let revealed = async {
                    let entry = entry?;
                    let stored = entry.reference.size().unwrap_or(0);
                    let entry = shared.reveal(entry, &scope).await?;
                    Ok(entry.map(|entry| (entry, stored)))
                };
                revealed.await.transpose()
            }
        })))
    }

    /// Returns the usage of the media with some tags, which only this store knows.
    async fn usage_by_tags(self: &Arc<Self>, scope: &Scope) -> Result<Usage, StorageError> {
        let mut entries = self.entries(scope, Operation::Usage)?;
        let mut usage = Usage::default();
        let mut bodies = HashSet::new();
        while let Some(entry) = entries.next().await {
            let (entry, stored) = entry?;
            usage.references += 1;
            usage.logical_bytes += entry.reference.size().unwrap_or(0);
            // Equal bytes under one key have equal HMACs.
            if bodies.insert(mac_of(&entry.reference)) {
                usage.blobs += 1;
                usage.stored_bytes += stored;
            }
        }
        Ok(usage)
    }

    /// Deletes the media with some tags.
    async fn delete_by_tags(self: &Arc<Self>, scope: &Scope) -> Result<SweepReport, StorageError> {
        let mut entries = self.entries(scope, Operation::DeleteScope)?;
        let mut report = SweepReport::default();
        while let Some(entry) = entries.next().await {
            let deleted = match entry {
                Ok((entry, _)) => {
                    let reference = inward(&entry.reference, Operation::DeleteScope)?;
                    let options = DeleteOptions::new();
                    self.inner.delete_opts(&reference, options).await
                }
                Err(error) => Err(error),
            };
            match deleted {
                Ok(()) => report.deleted += 1,
                Err(error) if error.kind() == StorageErrorKind::Held => report.held += 1,
                Err(error) if error.is_retryable() => return Err(error),
                Err(_) => report.failed += 1,
            }
        }
        Ok(report)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> Inventory for Encrypted<S> {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        match self.shared.entries(&scope, Operation::List) {
            Ok(entries) => Box::pin(entries.map(|entry| entry.map(|(entry, _)| entry))),
            Err(error) => Box::pin(futures_util::stream::iter([Err(error)])),
        }
    }

    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        if SplitScope::new(&scope).has_tags() {
            return self.shared.usage_by_tags(&scope).await;
        }
        let inventory = self.shared.inventory(Operation::Usage)?;
        let mut usage = inventory.usage(scope.clone()).await?;
        // Sizes of ciphertexts cannot be summed up and then inverted.
        let mut sum = (0, 0);
        let mut entries = inventory.list(scope);
        while let Some(entry) = entries.next().await {
            // What cannot be read is not in the usage of the inner store either.
            if let Ok(entry) = entry {
                let len = entry.reference.size().and_then(plain_len).unwrap_or(0);
                sum = (sum.0 + 1, sum.1 + len);
            }
        }
        (usage.references, usage.logical_bytes) = sum;
        Ok(usage)
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        if SplitScope::new(&scope).has_tags() {
            return self.shared.delete_by_tags(&scope).await;
        }
        let inventory = self.shared.inventory(Operation::DeleteScope)?;
        inventory.delete_scope(scope).await
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        let inventory = self.shared.inventory(Operation::Sweep)?;
        inventory.sweep(options).await
    }

    async fn sweep_lease(&self) -> Result<Option<SweepLease>, StorageError> {
        let inventory = self.shared.inventory(Operation::Sweep)?;
        inventory.sweep_lease().await
    }
}
