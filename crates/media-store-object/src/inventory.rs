//! Listing, summing up and deleting scopes.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use async_trait::async_trait;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use media_storage::{
    Entry, Inventory, Operation, Scope, StorageError, SweepOptions, SweepReport, Usage,
};

use crate::delete::remove;
use crate::hashes::{self, hashes};
use crate::own;
use crate::released::Released;
use crate::shared::{Shared, Sharing};
use crate::sidecar::{Described, Place};
use crate::store::ObjectMediaStore;
use crate::sweep;
use crate::walk::{Broken, InScope, Walked, in_scope, walk};

/// How many references are deleted at once.
const DELETE_AT_ONCE: usize = 8;

#[async_trait]
impl Inventory for ObjectMediaStore {
    /// One request for each reference in the part of the bucket where the scope may be, several at
    /// once. What is being stored or deleted at the moment may be listed.
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        let bucket = self.shared().bucket(Operation::List);
        let name = self.shared().name.clone();
        let members = in_scope(&bucket, &self.shared().keys, scope);
        let entries = members.map(move |member| {
            let entry = match member {
                Ok(InScope { described, .. }) => {
                    described.sidecar.entry(bucket.backend(), name.as_deref())
                }
                Err(Broken::Walk(error) | Broken::One(_, error)) => Err(error),
            };
            entry.map_err(|error| bucket.adopt(error))
        });
        entries.boxed()
    }

    /// For [`Scope::All`] listings are enough, and bytes count that no reference holds any more
    /// but no sweep has removed yet; other scopes read every sidecar that may belong. Memory: 8
    /// bytes for every stored body of such a scope.
    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        match scope {
            Scope::All => usage_of_all(self.shared()).await,
            scope => usage_of(self.shared(), scope).await,
        }
    }

    /// Removes shared bytes that the scope was the last to hold, too.
    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        delete_scope(self.shared(), scope).await
    }

    /// Orders nothing: any number of sweeps may run, on any node, at any time. One that is cut
    /// short leaves the rest for the next.
    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        sweep::sweep(self.shared(), &options).await
    }
}

fn count_own(usage: &mut Usage, size: u64, sharing: Sharing) {
    usage.references += 1;
    usage.blobs += 1;
    usage.logical_bytes += size;
    usage.stored_bytes += size;
    if sharing != Sharing::Off {
        usage.copies += 1;
    }
}

pub(crate) async fn usage_of_all(shared: &Shared) -> Result<Usage, StorageError> {
    let bucket = shared.bucket(Operation::Usage);
    let sharing = shared.options.sharing;
    let mut usage = Usage::default();
    let mut all = hashes(&bucket, &shared.keys)?;
    while let Some(walked) = all.try_next().await? {
        let hashes::Walked::Hash(objects) = walked else {
            usage = Usage::default();
            continue;
        };
        for generation in objects.generations.values() {
            usage.references += generation.markers;
            if let Some(size) = generation.blob {
                usage.blobs += 1;
                usage.stored_bytes += size;
                usage.logical_bytes += size * generation.markers;
            }
        }
    }
    let mut outer = walk(&bucket, &shared.keys, shared.keys.prefix());
    while let Some(walked) = outer.try_next().await? {
        let own = match walked {
            Walked::Alone(own) => own,
            Walked::Reference(reference) => match reference.own {
                Some(own) => own,
                None => continue,
            },
        };
        count_own(&mut usage, own.size, sharing);
    }
    Ok(usage)
}

async fn usage_of(shared: &Shared, scope: Scope) -> Result<Usage, StorageError> {
    let bucket = shared.bucket(Operation::Usage);
    let (hasher, mut bodies) = (RandomState::new(), HashSet::new());
    let mut usage = Usage::default();
    let mut members = in_scope(&bucket, &shared.keys, scope);
    while let Some(member) = members.next().await {
        let Described { sidecar, place, .. } = match member {
            Ok(InScope { described, .. }) => described,
            Err(Broken::Walk(error)) => return Err(error),
            // Whose it is cannot be told; it counts for the whole store only.
            Err(Broken::One(..)) => continue,
        };
        let size = sidecar.size_bytes;
        match place {
            Place::Own => count_own(&mut usage, size, shared.options.sharing),
            Place::Shared(generation) => {
                usage.references += 1;
                usage.logical_bytes += size;
                if bodies.insert(hasher.hash_one((sidecar.sha256, generation))) {
                    usage.blobs += 1;
                    usage.stored_bytes += size;
                }
            }
        }
    }
    Ok(usage)
}

/// What a reference held that was deleted.
enum Deleted {
    Own(u64),
    Shared(media_types::Sha256, u64),
    /// It did not read, and is gone all the same.
    Damaged,
    Failed,
}

async fn delete_scope(shared: &Shared, scope: Scope) -> Result<SweepReport, StorageError> {
    let bucket = shared.bucket(Operation::DeleteScope);
    let keys = &shared.keys;
    let everything = scope == Scope::All;
    let deleting = in_scope(&bucket, keys, scope)
        .map(|member| {
            let bucket = &bucket;
            async move {
                let removed = match member {
                    Err(Broken::Walk(error)) => return Err(error),
                    // Everything goes, also what does not read.
                    Err(Broken::One(key, _)) if everything => {
                        let removed = own::delete(bucket, keys, &key, None).await;
                        removed.map(|()| Deleted::Damaged)
                    }
                    Err(Broken::One(_, error)) => Err(error),
                    Ok(InScope { key, described }) => {
                        let sidecar = &described.sidecar;
                        let held = match described.place {
                            Place::Own => Deleted::Own(sidecar.size_bytes),
                            Place::Shared(_) => Deleted::Shared(sidecar.sha256, sidecar.size_bytes),
                        };
                        let removed = remove(bucket, keys, &key, &described).await;
                        removed.map(|()| held)
                    }
                };
                Ok(removed.unwrap_or_else(|error| {
                    tracing::debug!(%error, "a reference could not be deleted");
                    Deleted::Failed
                }))
            }
        })
        .buffer_unordered(DELETE_AT_ONCE);
    let mut report = SweepReport::default();
    let mut released = Released::default();
    let mut deleting = std::pin::pin!(deleting);
    while let Some(deleted) = deleting.try_next().await? {
        report.deleted += 1;
        match deleted {
            Deleted::Own(size) => report.freed_bytes += size,
            Deleted::Shared(sha256, size) => released.add(sha256, size),
            Deleted::Damaged => {}
            Deleted::Failed => {
                report.deleted -= 1;
                report.failed += 1;
            }
        }
        if released.is_full() {
            free(shared, &mut released, &mut report).await;
        }
    }
    free(shared, &mut released, &mut report).await;
    Ok(report)
}

async fn free(shared: &Shared, released: &mut Released, report: &mut SweepReport) {
    let bucket = shared.bucket(Operation::DeleteScope);
    let freed = released.free(&bucket, &shared.keys).await;
    report.freed_bytes += freed.bytes;
    report.failed += freed.failed;
}
