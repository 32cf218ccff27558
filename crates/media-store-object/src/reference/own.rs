//! Media that is not shared: an object for each reference, with the sidecar beside it.

use chrono::{DateTime, Utc};
use media_storage::backend::CancelFlag;
use media_storage::{Sidecar, StorageError};
use media_types::readable::causes;
use object_store::Attributes;

use super::expiry;
use crate::body::Payload;
use crate::bucket::{Bucket, Keys, MediaKey, Multipart, PartOptions, attributes, send};

/// Stores a body as the object of a reference.
pub(crate) async fn store(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    sidecar: &Sidecar,
    (payload, options): (&Payload, PartOptions),
    cancelled: &CancelFlag,
) -> Result<(), StorageError> {
    let stored = async {
        write_sidecar(bucket, keys, key, sidecar).await?;
        cancelled.check()?;
        let attributes = attributes(
            &sidecar.mime_type,
            sidecar.filename.as_deref(),
            sidecar.expires_at,
        );
        let object = keys.media(key)?;
        let len = sidecar.size_bytes;
        send(
            bucket, &object, payload, len, attributes, options, cancelled,
        )
        .await
    };
    match stored.await {
        Ok(()) => Ok(()),
        Err(error) => {
            undo(bucket, keys, key, sidecar).await;
            Err(error)
        }
    }
}

/// Completes an upload whose parts were all sent.
pub(crate) async fn complete(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    sidecar: &Sidecar,
    upload: Multipart,
    cancelled: &CancelFlag,
) -> Result<(), StorageError> {
    let completed = async {
        write_sidecar(bucket, keys, key, sidecar).await?;
        cancelled.check()?;
        upload.complete().await
    };
    match completed.await {
        Ok(()) => Ok(()),
        Err(error) => {
            undo(bucket, keys, key, sidecar).await;
            Err(error)
        }
    }
}

async fn write_sidecar(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    sidecar: &Sidecar,
) -> Result<(), StorageError> {
    let json = bytes::Bytes::from(sidecar.to_json()?);
    let beside = keys.sidecar(key)?;
    bucket.put(&beside, json.into(), Attributes::new()).await?;
    expiry::write_hint(bucket, keys, key, sidecar.expires_at).await
}

/// Removes what a failed store may have written. A sweep removes what this fails to remove.
async fn undo(bucket: &Bucket, keys: &Keys, key: &MediaKey, sidecar: &Sidecar) {
    if let Err(error) = delete(bucket, keys, key, sidecar.expires_at).await {
        tracing::debug!(error = %causes(&error), "failed to undo a store; a sweep removes the rest");
    }
}

/// Removes the object, then the hint, then the sidecar, so that a deletion that was interrupted is
/// finished by deleting again.
pub(crate) async fn delete(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    expires_at: Option<DateTime<Utc>>,
) -> Result<(), StorageError> {
    bucket.delete(&keys.media(key)?).await?;
    expiry::delete_hint(bucket, keys, key, expires_at).await?;
    bucket.delete(&keys.sidecar(key)?).await
}
