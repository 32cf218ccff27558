//! Deleting all references of a scope.

use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use media_storage::{Operation, Scope, StorageError, StorageErrorKind, SweepReport};
use media_types::{Sha256, UserId};
use object_store::path::Path;

use super::failures::Failures;
use super::pending_gc::PendingGc;
use super::progress::remove_progress;
use super::scoped::{Members, ScopedReference, WalkError, in_scope, index_entries, user_of};
use crate::bucket::{Bucket, MediaKey, SecondKeys};
use crate::operation::remove;
use crate::reference::own;
use crate::reference::sidecar::{
    ByteLocation, Protocol, SidecarRead, is_of_later_version, read_any,
};
use crate::second::{self, ReferenceObjects};
use crate::shared::Shared;

/// Maximum number of references that are deleted at the same time.
const CONCURRENCY: usize = 32;

/// Outcome of deleting one reference.
enum Deletion {
    Own(u64),
    Shared(Sha256, Protocol, u64),
    /// The sidecar was damaged; the reference was deleted all the same.
    Damaged,
    /// The media is on hold, and stays.
    Held,
    Failed(StorageError),
}

/// Deletes all references of a scope, and blobs that no other reference holds. References that
/// cannot be deleted are counted, and the first failure is logged; the deletion ends with it after
/// many failures in a row. Progress of sweeps, which may name what was deleted, is removed too.
pub(crate) async fn delete_scope(
    shared: &Shared,
    scope: Scope,
) -> Result<SweepReport, StorageError> {
    let bucket = shared.bucket(Operation::DeleteScope);
    let everything = scope == Scope::All;
    let user = user_of(&scope).cloned();
    let deleting = in_scope(&bucket, &shared.keys, scope, Members::Described)
        .map(|member| delete_member(shared, &bucket, member, everything))
        .buffer_unordered(CONCURRENCY);
    let mut report = SweepReport::default();
    let mut pending = PendingGc::default();
    let mut failures = Failures::default();
    let mut deleting = std::pin::pin!(deleting);
    while let Some(deletion) = deleting.try_next().await? {
        match deletion {
            Deletion::Own(size) => report.freed_bytes += size,
            Deletion::Shared(sha256, protocol, size) => pending.add(sha256, protocol, size),
            Deletion::Damaged => {}
            Deletion::Held => {
                failures.succeeded();
                report.held += 1;
                continue;
            }
            Deletion::Failed(error) => {
                failures.failed(error)?;
                continue;
            }
        }
        failures.succeeded();
        report.deleted += 1;
        if pending.is_full() {
            let collected = pending.collect(&bucket, &shared.keys, &mut failures);
            report.freed_bytes += collected.await?;
        }
    }
    let collected = pending.collect(&bucket, &shared.keys, &mut failures);
    report.freed_bytes += collected.await?;
    if let (Some(second), Some(user)) = (shared.keys.second(), user) {
        finish_deletions(shared, &bucket, second, &user, &mut failures).await?;
    }
    if let Some(second) = shared.keys.second()
        && let Err(error) = remove_progress(&bucket, second).await
    {
        failures.failed(error)?;
    }
    report.failed = failures.finish();
    Ok(report)
}

/// Finishes deletions of media of a user that were interrupted after the sidecar was buried: its bytes may be
/// there still. The entry in the index leads to them.
async fn finish_deletions(
    shared: &Shared,
    bucket: &Bucket,
    second: &SecondKeys,
    user: &UserId,
    failures: &mut Failures,
) -> Result<(), StorageError> {
    let finishing = index_entries(bucket, second, user)?
        .map(|entry| async {
            let (meta, key) = entry?;
            let finished = finish_deletion(shared, bucket, second, &meta.location, &key);
            Ok::<_, StorageError>(finished.await)
        })
        .buffer_unordered(CONCURRENCY);
    let mut finishing = std::pin::pin!(finishing);
    while let Some(finished) = finishing.try_next().await? {
        match finished {
            Ok(()) => failures.succeeded(),
            Err(error) => failures.failed(error)?,
        }
    }
    Ok(())
}

async fn finish_deletion(
    shared: &Shared,
    bucket: &Bucket,
    second: &SecondKeys,
    entry: &Path,
    key: &MediaKey,
) -> Result<(), StorageError> {
    match read_any(bucket, &shared.keys, key).await {
        Ok(SidecarRead::Tombstone) => {
            let objects = ReferenceObjects::new(bucket, &shared.keys, second, key, None);
            second::finish_deletion(&objects).await?;
            bucket.delete(entry).await
        }
        // What is damaged was counted before.
        Err(error) if error.kind() != StorageErrorKind::Corrupted => Err(error),
        _ => Ok(()),
    }
}

async fn delete_member(
    shared: &Shared,
    bucket: &Bucket,
    member: Result<ScopedReference, WalkError>,
    everything: bool,
) -> Result<Deletion, StorageError> {
    let keys = &shared.keys;
    let deleted = match member {
        Err(WalkError::Listing(error)) => return Err(error),
        Err(WalkError::Reference(_, error)) if is_of_later_version(&error) => Err(error),
        Err(WalkError::Reference(key, _)) if everything => match keys.second() {
            Some(second) => {
                let objects = ReferenceObjects::new(bucket, keys, second, &key, None);
                second::delete_own(&objects).await
            }
            None => own::delete(bucket, keys, &key, None).await,
        }
        .map(|()| Deletion::Damaged),
        Err(WalkError::Reference(_, error)) => Err(error),
        Ok(ScopedReference { descriptor, .. }) if descriptor.sidecar.hold => Ok(Deletion::Held),
        Ok(ScopedReference { key, descriptor }) => {
            let sidecar = &descriptor.sidecar;
            let deletion = match descriptor.location {
                ByteLocation::Own => Deletion::Own(sidecar.size_bytes),
                ByteLocation::Shared(_) => {
                    Deletion::Shared(sidecar.sha256, descriptor.protocol, sidecar.size_bytes)
                }
            };
            let removed = remove(bucket, keys, &key, &descriptor).await;
            removed.map(|()| deletion)
        }
    };
    Ok(deleted.unwrap_or_else(Deletion::Failed))
}
