//! The inventory of a store with renditions: a full sweep removes those whose original is gone.

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt};
use media_storage::{
    Entry, Inventory, MediaStorage, Operation, Scope, StorageError, StorageErrorKind, SweepDepth,
    SweepLease, SweepOptions, SweepReport, Usage,
};

use super::layer::Renditions;
use super::orphans::sweep_orphans;

impl<S: MediaStorage> Renditions<S> {
    fn listing(&self, operation: Operation) -> Result<&dyn Inventory, StorageError> {
        let store = self.inner();
        store.inventory().ok_or_else(|| {
            StorageError::new(StorageErrorKind::Unsupported, operation)
                .with_backend(store.backend().to_owned())
                .with_reason("the store has no inventory")
        })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> Inventory for Renditions<S> {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        match self.listing(Operation::List) {
            Ok(inventory) => inventory.list(scope),
            Err(error) => stream::once(async move { Err(error) }).boxed(),
        }
    }

    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        self.listing(Operation::Usage)?.usage(scope).await
    }

    async fn quarantined(&self, scope: Scope) -> Result<u64, StorageError> {
        self.listing(Operation::Usage)?.quarantined(scope).await
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        let inventory = self.listing(Operation::DeleteScope)?;
        inventory.delete_scope(scope).await
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        let inventory = self.listing(Operation::Sweep)?;
        let (depth, dry_run) = (options.depth(), options.dry_run());
        let max_deletes = options.max_deletes();
        let mut report = inventory.sweep(options).await?;
        let done = report.expired + report.pruned + report.deleted;
        let limit = max_deletes.map(|most| most.saturating_sub(done));
        if depth == SweepDepth::Full && self.sweeps_orphans() {
            let (removed, failed) = sweep_orphans(self.inner(), dry_run, limit).await?;
            report.orphans += removed;
            report.failed += failed;
        }
        Ok(report)
    }

    async fn sweep_lease(&self) -> Result<Option<SweepLease>, StorageError> {
        self.listing(Operation::Sweep)?.sweep_lease().await
    }
}
