//! Deleting one reference.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use media_storage::{DeleteOptions, Operation, StorageError, StorageErrorKind};
use media_types::StorageReference;

use crate::bucket::Bucket;
use crate::dedup::{self, Hash};
use crate::find::{absent, find, markers_of};
use crate::keys::{Keys, MediaKey};
use crate::own;
use crate::shared::Shared;
use crate::sidecar::{Described, Place};

/// Deletes a reference. Once it has begun it goes on, also when the caller does not wait.
pub(crate) async fn delete(
    shared: &Arc<Shared>,
    reference: &StorageReference,
    options: &DeleteOptions,
) -> Result<(), StorageError> {
    let operation = Operation::Delete;
    let bucket = shared.bucket(operation);
    let scope = options.expected_scope();
    let found = match find(shared, &bucket, reference).await {
        // Whose media this is cannot be told any more.
        Err(error) if error.kind() == StorageErrorKind::Corrupted && scope.is_none() => {
            tracing::warn!(%error, "media with a damaged sidecar is deleted");
            let key = shared.key(&bucket, reference)?;
            for name in markers_of(&bucket, &shared.keys, &key).await? {
                let (sha256, generation) = (name.sha256, name.generation);
                let marker = shared.keys.marker(sha256, generation, &name.unique)?;
                bucket.delete(&marker).await?;
            }
            return own::delete(&bucket, &shared.keys, &key, None).await;
        }
        other => other?,
    };
    let Some(found) = found else {
        return match scope {
            Some(_) => Err(absent(&bucket, reference)),
            None => Ok(()),
        };
    };
    // What has expired may still be deleted.
    let before_all = DateTime::<Utc>::MIN_UTC;
    let sidecar = &found.described.sidecar;
    sidecar
        .admit(reference, scope, before_all, operation)
        .map_err(|error| bucket.adopt(error))?;
    let keys = shared.keys.clone();
    let removing = {
        let bucket = bucket.clone();
        tokio::spawn(async move { remove(&bucket, &keys, &found.key, &found.described).await })
    };
    removing.await.map_err(|error| {
        bucket
            .fail(StorageErrorKind::Unavailable)
            .with_reason("the runtime is shutting down")
            .with_source(error)
    })?
}

/// Removes what a reference is made of: first what makes it one.
pub(crate) async fn remove(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    described: &Described,
) -> Result<(), StorageError> {
    let expires_at = described.sidecar.expires_at;
    match described.place {
        Place::Own => own::delete(bucket, keys, key, expires_at).await,
        Place::Shared(generation) => {
            let hash = Hash::new(bucket, keys, described.sidecar.sha256);
            dedup::delete(hash, key, generation, expires_at).await
        }
    }
}
