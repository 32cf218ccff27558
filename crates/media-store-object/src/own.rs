//! Media that is not shared: an object of its own, the sidecar beside it.

use chrono::{DateTime, Utc};
use media_storage::{Sidecar, StorageError};
use object_store::Attributes;

use crate::bucket::Bucket;
use crate::expiry;
use crate::headers::attributes;
use crate::keys::{Keys, MediaKey};
use crate::multipart::Multipart;
use crate::payload::Payload;
use crate::send::{Sending, send};
use media_storage::backend::CancelFlag;

/// Stores a body under a reference of its own.
pub(crate) async fn store(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    sidecar: &Sidecar,
    (payload, sending): (&Payload, Sending),
    cancelled: &CancelFlag,
) -> Result<(), StorageError> {
    let stored = async {
        describe(bucket, keys, key, sidecar).await?;
        cancelled.check()?;
        let attributes = attributes(&sidecar.mime_type, sidecar.filename.as_deref());
        let object = keys.media(key)?;
        let len = sidecar.size_bytes;
        send(
            bucket, &object, payload, len, attributes, sending, cancelled,
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

/// Completes an upload all of whose parts were taken.
pub(crate) async fn complete(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    sidecar: &Sidecar,
    upload: Multipart,
    cancelled: &CancelFlag,
) -> Result<(), StorageError> {
    let completed = async {
        describe(bucket, keys, key, sidecar).await?;
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

async fn describe(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    sidecar: &Sidecar,
) -> Result<(), StorageError> {
    let json = bytes::Bytes::from(sidecar.to_json()?);
    let beside = keys.sidecar(key)?;
    bucket.put(&beside, json.into(), Attributes::new()).await?;
    expiry::note(bucket, keys, key, sidecar.expires_at).await
}

/// Removes what a failed store may have left. Best effort: a sweep removes the rest.
async fn undo(bucket: &Bucket, keys: &Keys, key: &MediaKey, sidecar: &Sidecar) {
    if let Err(error) = delete(bucket, keys, key, sidecar.expires_at).await {
        tracing::debug!(%error, "what a failed store left stays for a sweep");
    }
}

/// Removes the object, then the hint, then the sidecar: whoever is interrupted finishes by
/// deleting again.
pub(crate) async fn delete(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    expires_at: Option<DateTime<Utc>>,
) -> Result<(), StorageError> {
    bucket.delete(&keys.media(key)?).await?;
    expiry::forget(bucket, keys, key, expires_at).await?;
    bucket.delete(&keys.sidecar(key)?).await
}
