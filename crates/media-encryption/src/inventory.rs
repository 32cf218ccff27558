//! Listing, summing up and sweeping.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::StreamExt as _;
use media_storage::{
    Entry, Inventory, MediaStorage, Operation, Scope, StorageError, StorageErrorKind, SweepLease,
    SweepOptions, SweepReport, Usage,
};

use crate::envelope::Envelope;
use crate::failure::key_failure;
use crate::geometry::plain_len;
use crate::key_cache::Wanted;
use crate::provider::KeyErrorKind;
use crate::references::{inward, mac_of, outward};
use crate::scopes::SplitScope;
use crate::shared::Shared;
use crate::store::{Encrypted, delete_options};

/// What could be read of the secrets of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrets {
    Read,
    /// They are gone with their key, or with a sidecar that was rebuilt without them.
    Lost,
    Damaged,
}

/// An entry as callers see it: without file name and tags, if they could not be read.
struct Revealed {
    entry: Entry,
    secrets: Secrets,
    /// Number of bytes that are stored.
    stored: u64,
}

type RevealedEntries = BoxStream<'static, Result<Revealed, StorageError>>;

impl<S: MediaStorage> Shared<S> {
    fn inventory(&self, operation: Operation) -> Result<&dyn Inventory, StorageError> {
        self.inner.inventory().ok_or_else(|| {
            self.failure(StorageErrorKind::Unsupported, operation)
                .with_reason("the encrypted store has no inventory")
        })
    }

    async fn reveal(&self, entry: Entry) -> Result<Revealed, StorageError> {
        let fail = |error: StorageError| self.adopt(error).with_key(entry.reference.id());
        let stored = entry.reference.size();
        let len = stored.and_then(plain_len);
        let envelope = Envelope::of(&entry.metadata);
        let mac = envelope.as_ref().map(|envelope| &envelope.mac);
        let reference = outward(&entry.reference, len, mac, Operation::List).map_err(fail)?;
        let opened = match &envelope {
            None if entry.metadata.filename().is_none() => Err(Secrets::Lost),
            None => Err(Secrets::Damaged),
            Some(envelope) => match self.keys.get(Wanted::Id(envelope.key_id), None).await {
                Ok(key) => envelope.open(&key).map_err(|_| Secrets::Damaged),
                Err(error) if error.kind() == KeyErrorKind::Forgotten => Err(Secrets::Lost),
                Err(error) => return Err(fail(key_failure(error, Operation::List))),
            },
        };
        let (metadata, secrets) = match opened {
            Ok(letter) => (letter.reveal(entry.metadata), Secrets::Read),
            Err(secrets) => (entry.metadata.without_filename(), secrets),
        };
        let listed = Entry::new(reference, entry.mime, metadata, entry.stored_at);
        let listed = listed
            .with_expires_at(entry.expires_at)
            .with_expires_by(entry.expires_by);
        Ok(Revealed {
            entry: listed.with_hold(entry.hold),
            secrets,
            stored: stored.unwrap_or(0),
        })
    }

    /// Lists what the inner store has of a scope, whatever its tags.
    fn candidates(
        self: &Arc<Self>,
        scope: &SplitScope,
        operation: Operation,
    ) -> Result<RevealedEntries, StorageError> {
        let inner = self.inventory(operation)?.list(scope.inner.clone());
        let shared = Arc::clone(self);
        Ok(Box::pin(inner.then(move |entry| {
            let shared = Arc::clone(&shared);
            async move { shared.reveal(entry?).await }
        })))
    }

    /// Lists the entries of a scope. Those whose tags cannot be read are in no scope of tags.
    fn entries(
        self: &Arc<Self>,
        scope: &Scope,
        operation: Operation,
    ) -> Result<RevealedEntries, StorageError> {
        let scope = SplitScope::new(scope);
        let candidates = self.candidates(&scope, operation)?;
        Ok(Box::pin(candidates.filter(move |found| {
            let is_in = |found: &Revealed| scope.matches(found.entry.metadata.tags());
            std::future::ready(found.as_ref().map_or(true, is_in))
        })))
    }

    /// Returns the usage of the media with some tags, which only this store knows.
    async fn usage_by_tags(self: &Arc<Self>, scope: &Scope) -> Result<Usage, StorageError> {
        let mut entries = self.entries(scope, Operation::Usage)?;
        let mut usage = Usage::default();
        let mut bodies = HashSet::new();
        while let Some(entry) = entries.next().await {
            let Revealed { entry, stored, .. } = entry?;
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

    /// Deletes the media with some tags, and counts what may have them.
    async fn delete_by_tags(self: &Arc<Self>, scope: &Scope) -> Result<SweepReport, StorageError> {
        let operation = Operation::DeleteScope;
        let scope = SplitScope::new(scope);
        // Media that was given to another user since it was listed is not in the scope any more.
        let options = delete_options((scope.inner != Scope::All).then(|| scope.inner.clone()));
        let mut candidates = self.candidates(&scope, operation)?;
        let mut report = SweepReport::default();
        while let Some(found) = candidates.next().await {
            let deleted = match found {
                Ok(found) if scope.matches(found.entry.metadata.tags()) => {
                    let reference = inward(&found.entry.reference, operation)?;
                    self.inner.delete_opts(&reference, options.clone()).await
                }
                Ok(found) => {
                    match found.secrets {
                        Secrets::Read => {}
                        Secrets::Lost => report.unattributed += 1,
                        Secrets::Damaged => report.failed += 1,
                    }
                    continue;
                }
                Err(error) => Err(error),
            };
            match deleted {
                Ok(()) => report.deleted += 1,
                Err(error) if error.kind() == StorageErrorKind::NotFound => {}
                Err(error) if error.kind() == StorageErrorKind::Held => report.held += 1,
                Err(error) if error.is_retryable() => return Err(error),
                Err(_) => report.failed += 1,
            }
        }
        // No list shows what is in quarantine, and its tags are not known.
        let quarantined = self.inventory(operation)?.quarantined(scope.inner).await;
        // An error would lose what the report says.
        report.failed += quarantined.unwrap_or(1);
        Ok(report)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> Inventory for Encrypted<S> {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        match self.shared.entries(&scope, Operation::List) {
            Ok(entries) => Box::pin(entries.map(|found| found.map(|found| found.entry))),
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

    async fn quarantined(&self, scope: Scope) -> Result<u64, StorageError> {
        let inventory = self.shared.inventory(Operation::Usage)?;
        // Tags of what is there cannot be read.
        inventory.quarantined(SplitScope::new(&scope).inner).await
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
