//! Deleting one reference.

use std::sync::Arc;

use media_storage::{DeleteOptions, Operation, StorageError, StorageErrorKind};
use media_types::StorageReference;
use media_types::readable::causes;

use super::resolve::{find_described, markers_of, not_found};
use crate::bucket::{Bucket, Keys, MarkerState, MediaKey, SecondKeys};
use crate::error::aborted;
use crate::reference::own;
use crate::reference::sidecar::{ByteLocation, Descriptor, Protocol, is_of_later_version};
use crate::second::{self, ReferenceObjects, SecondContent};
use crate::shared::Shared;
use crate::sharing::{self, Content};

/// Number of attempts to delete media that is imported at the same time.
const ATTEMPTS: u32 = 4;

/// Deletes a reference. A deletion that has begun continues if the caller goes away.
pub(crate) async fn delete(
    shared: &Arc<Shared>,
    reference: &StorageReference,
    options: &DeleteOptions,
) -> Result<(), StorageError> {
    let bucket = shared.bucket(Operation::Delete);
    for _ in 0..ATTEMPTS {
        if attempt(shared, &bucket, reference, options).await? {
            return Ok(());
        }
    }
    Err(bucket
        .fail(StorageErrorKind::Unavailable)
        .with_key(reference.id())
        .with_reason("the media is being imported at this moment"))
}

/// Deletes a reference. Returns whether it does not exist any more; if not, an import has stored it in
/// the meantime.
async fn attempt(
    shared: &Arc<Shared>,
    bucket: &Bucket,
    reference: &StorageReference,
    options: &DeleteOptions,
) -> Result<bool, StorageError> {
    let scope = options.expected_scope();
    let found = match find_described(shared, bucket, reference).await {
        Err(error) if is_of_later_version(&error) => return Err(error),
        // Without a valid sidecar the owner is unknown, so that no scope can be checked.
        Err(error) if error.kind() == StorageErrorKind::Corrupted && scope.is_none() => {
            tracing::warn!(error = %causes(&error), "deleting media with a damaged sidecar");
            let key = shared.key(bucket, reference)?;
            if let Some(second) = shared.keys.second() {
                let deleted = delete_damaged(shared, second, bucket, reference, &key);
                return deleted.await.map(|()| true);
            }
            for name in markers_of(bucket, &shared.keys, &key).await? {
                let (sha256, generation) = (name.sha256, name.generation);
                let marker = shared.keys.marker(sha256, generation, &name.token)?;
                bucket.delete(&marker).await?;
            }
            let deleted = own::delete(bucket, &shared.keys, &key, None);
            return deleted.await.map(|()| true);
        }
        other => other?,
    };
    let Some(found) = found else {
        return match scope {
            Some(_) => Err(not_found(bucket, reference)),
            None => close(shared, bucket, reference).await,
        };
    };
    let sidecar = &found.descriptor.sidecar;
    sidecar
        .admit_deletion(reference, scope)
        .map_err(|error| bucket.adopt(error))?;
    let keys = shared.keys.clone();
    let removing = {
        let bucket = bucket.clone();
        tokio::spawn(async move { remove(&bucket, &keys, &found.key, &found.descriptor).await })
    };
    let removed = removing.await.map_err(|error| {
        bucket
            .fail(StorageErrorKind::Unavailable)
            .with_reason("the runtime is shutting down")
            .with_source(aborted(error))
    })?;
    removed.map(|()| true)
}

/// Makes sure that no import stores a reference that was retired: one that has begun is refused. Returns
/// whether none was faster.
async fn close(
    shared: &Shared,
    bucket: &Bucket,
    reference: &StorageReference,
) -> Result<bool, StorageError> {
    let Some(second) = shared.keys.second() else {
        return Ok(true);
    };
    let key = shared.key(bucket, reference)?;
    let objects = ReferenceObjects::new(bucket, &shared.keys, second, &key, None);
    second::close_retired(&objects).await
}

/// Deletes media with a damaged sidecar, by the second protocol: the markers, if the reference leads to
/// any, the sidecar, and bytes of its own.
async fn delete_damaged(
    shared: &Shared,
    second: &SecondKeys,
    bucket: &Bucket,
    reference: &StorageReference,
    key: &MediaKey,
) -> Result<(), StorageError> {
    if let Some(sha256) = reference.sha256() {
        let content = SecondContent::new(bucket, second, sha256);
        if let Some(read) = content.record().await? {
            let generation = read.record.generation;
            let marker = second.marker(content.name, generation, key.token(), None)?;
            bucket.bury(&marker).await?;
        }
        for (marker, state) in content.markers(key.token()).await? {
            if state != MarkerState::Tombstone {
                bucket.bury(&marker).await?;
            }
        }
    }
    let objects = ReferenceObjects::new(bucket, &shared.keys, second, key, None);
    second::delete_own(&objects).await
}

/// Removes the objects of a reference, first the one that makes it exist.
pub(crate) async fn remove(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    descriptor: &Descriptor,
) -> Result<(), StorageError> {
    let expires_at = descriptor.sidecar.expires_at;
    if let (Protocol::Second, Some(second)) = (descriptor.protocol, keys.second()) {
        let sidecar = &descriptor.sidecar;
        let objects = ReferenceObjects::new(bucket, keys, second, key, Some(sidecar));
        return match descriptor.location {
            ByteLocation::Own => second::delete_own(&objects).await,
            ByteLocation::Shared(generation) => {
                let content = SecondContent::new(bucket, second, sidecar.sha256);
                second::bury(content, objects, generation).await
            }
        };
    }
    match descriptor.location {
        ByteLocation::Own => own::delete(bucket, keys, key, expires_at).await,
        ByteLocation::Shared(generation) => {
            let content = Content::new(bucket, keys, descriptor.sidecar.sha256);
            sharing::delete(content, key, generation, expires_at).await
        }
    }
}
