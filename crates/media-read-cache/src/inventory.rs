//! What the store holds, with deletions that reach the cache.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use media_storage::{
    Entry, Inventory, Operation, Scope, StorageError, StorageErrorKind, SweepLease, SweepOptions,
    SweepReport, Usage,
};

use crate::cache::ReadCache;
use crate::disk::Disk;
use crate::error::{disk_failure, failure};
use crate::key::CacheKey;

/// What a scope holds, as far as it can be in the cache: 40 bytes for each content.
struct Contents {
    keys: HashSet<CacheKey>,
    references: u64,
    /// Whether more may be cached than the keys name.
    is_partial: bool,
}

/// What was removed from the cache.
struct Forgotten {
    copies: u64,
    failed: u64,
    other_caches: u32,
}

impl ReadCache {
    fn of_store(&self, operation: Operation) -> Result<&dyn Inventory, StorageError> {
        let inventory = self.engine.store.inventory();
        inventory.ok_or_else(|| failure(StorageErrorKind::Unsupported, operation))
    }

    async fn contents(&self, inventory: &dyn Inventory, scope: Scope) -> Contents {
        let mut contents = Contents {
            keys: HashSet::new(),
            references: 0,
            is_partial: false,
        };
        let mut entries = inventory.list(scope);
        while let Some(entry) = entries.next().await {
            contents.references += 1;
            let key = entry
                .ok()
                .and_then(|entry| CacheKey::claimed_by(&entry.reference));
            match key {
                Some(key) => contents.keys.extend(Some(key)),
                None => contents.is_partial = true,
            }
        }
        contents
    }
}

/// Removes contents from the cache: from the index first, so that no reader finds them.
fn forget(disk: &Disk, contents: &Contents, all: bool) -> io::Result<Forgotten> {
    let entries = match all {
        true => disk.index.forget_all(),
        false => contents
            .keys
            .iter()
            .filter_map(|key| disk.index.forget(*key))
            .collect(),
    };
    let (mut copies, mut failed) = (0, 0);
    for entry in &entries {
        match disk.unlink(entry) {
            true => copies += 1,
            false => failed += 1,
        }
    }
    let is_meant = |key: &CacheKey| all || contents.keys.contains(key);
    let (left, other_caches) = disk.slot.remove_left(|name| is_meant(&name.key))?;
    Ok(Forgotten {
        copies: copies + left,
        failed,
        other_caches,
    })
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Inventory for ReadCache {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        match self.of_store(Operation::List) {
            Ok(inventory) => inventory.list(scope),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        self.of_store(Operation::Usage)?.usage(scope).await
    }

    async fn quarantined(&self, scope: Scope) -> Result<u64, StorageError> {
        self.of_store(Operation::Usage)?.quarantined(scope).await
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        let inventory = self.of_store(Operation::DeleteScope)?;
        // Once it is deleted, nothing tells what it was.
        let contents = self.contents(inventory, scope.clone()).await;
        self.engine.heads.clear();
        let deleted = inventory.delete_scope(scope).await;
        // Also after a failure, which may have deleted some of it.
        self.engine.heads.clear();
        // What came between the two is not known: then everything goes.
        let more = |report: &SweepReport| report.references() > contents.references;
        let all = contents.is_partial || deleted.as_ref().is_ok_and(more);
        let disk = Arc::clone(&self.engine.disk);
        let forgetting = tokio::task::spawn_blocking(move || forget(&disk, &contents, all));
        let forgotten = forgetting
            .await
            .unwrap_or_else(|stopped| Err(stopped.into()));
        let mut report = deleted?;
        let forgotten = forgotten.map_err(|error| {
            let reason = "failed to remove copies from the cache";
            disk_failure(Operation::DeleteScope, reason, error)
        })?;
        report.cached_copies += forgotten.copies;
        report.failed += forgotten.failed;
        report.other_caches = report.other_caches.max(forgotten.other_caches.into());
        Ok(report)
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        let swept = self.of_store(Operation::Sweep)?.sweep(options).await;
        self.engine.heads.clear();
        swept
    }

    async fn sweep_lease(&self) -> Result<Option<SweepLease>, StorageError> {
        self.of_store(Operation::Sweep)?.sweep_lease().await
    }
}
