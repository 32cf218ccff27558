//! List, usage, scope deletion and sweep of a store.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use media_storage::{
    Entry, Inventory, Operation, Scope, StorageError, SweepLease, SweepOptions, SweepReport, Usage,
};

use super::handle::ObjectMediaStore;
use crate::upkeep;

#[async_trait]
impl Inventory for ObjectMediaStore {
    /// Lists the references of a scope, at one request for each reference in the part of the bucket
    /// that can contain the scope, several at the same time. References that are being stored or
    /// deleted may be listed.
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        upkeep::list(self.shared(), scope)
    }

    /// Returns the usage of a scope. [`Scope::All`] needs listings only, and includes bytes that no
    /// reference holds until a sweep removes them; other scopes read every sidecar that may belong
    /// to them, and need 8 bytes of memory for each blob.
    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        upkeep::usage(self.shared(), scope).await
    }

    /// Deletes all references of a scope, and blobs that no other reference holds.
    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        self.shared().check_deletable(Operation::DeleteScope)?;
        upkeep::delete_scope(self.shared(), scope).await
    }

    /// Sweeps the store. Any number of sweeps may run on any node at any time. A sweep that is cut
    /// short leaves the rest to the next one.
    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        if !options.dry_run() {
            self.shared().check_deletable(Operation::Sweep)?;
        }
        upkeep::sweep(self.shared(), &options).await
    }

    /// Takes the lease of the process that sweeps this store regularly, an object in the bucket. One that
    /// was seen unchanged for five minutes is taken over. Without conditional writes, every lease is
    /// granted.
    async fn sweep_lease(&self) -> Result<Option<SweepLease>, StorageError> {
        upkeep::sweep_lease(self.shared()).await
    }
}
