//! Media that is not shared, by the second protocol.
//!
//! The sidecar decides whether the reference exists. Bytes without a live sidecar are unreadable, and
//! swept, so that they may be written at the same time, and again.
//!
//! The sidecar of an import says that the media is incoming, until its bytes were sent: the import that
//! repeats it replaces it. It is completed last, on condition that it was not replaced.

use media_storage::backend::CancelFlag;
use media_storage::{Sidecar, StorageError, StorageErrorKind};

use super::reference::ReferenceObjects;
use crate::body::Payload;
use crate::bucket::{MediaKey, Multipart, PartOptions, Version, attributes, send};
use crate::protocol::Answer;
use crate::reference::sidecar::ByteLocation;

/// One attempt to store media as objects of its own.
pub(crate) struct OwnStore<'a> {
    pub(crate) objects: ReferenceObjects,
    pub(crate) sidecar: &'a Sidecar,
    pub(crate) cancelled: &'a CancelFlag,
    /// Whether what a failed store wrote is left, because a repeated one may have replaced it.
    pub(crate) repeatable: bool,
}

impl OwnStore<'_> {
    /// Stores a body. After an error, sidecar and bytes are removed, unless requests fail or the store
    /// is repeatable.
    pub(crate) async fn store(
        &self,
        payload: &Payload,
        parts: PartOptions,
    ) -> Result<(), StorageError> {
        let (sidecar, objects) = (self.sidecar, &self.objects);
        let sending = async {
            let name = sidecar.filename.as_deref();
            let headers = attributes(&sidecar.mime_type, name, sidecar.expires_at);
            let object = objects.keys.media(&objects.key)?;
            let len = sidecar.size_bytes;
            send(
                &objects.bucket,
                &object,
                payload,
                len,
                headers,
                parts,
                self.cancelled,
            )
            .await
        };
        let (described, sent) = tokio::join!(self.describe(), sending);
        match described.and(sent) {
            Ok(()) => Ok(()),
            Err(error) => self.undo(error).await,
        }
    }

    /// Stores bytes that the service copies from other media that is not shared. After an error, sidecar
    /// and bytes are removed, unless requests fail.
    pub(crate) async fn copy(&self, from: &MediaKey) -> Result<(), StorageError> {
        let objects = &self.objects;
        let copying = async {
            let (from, to) = (objects.keys.media(from)?, objects.keys.media(&objects.key)?);
            objects.bucket.copy(&from, &to).await
        };
        let (described, copied) = tokio::join!(self.describe(), copying);
        match described.and(copied) {
            Ok(()) => Ok(()),
            Err(error) => self.undo(error).await,
        }
    }

    /// Completes an upload whose parts were all sent.
    pub(crate) async fn complete(&self, upload: Multipart) -> Result<(), StorageError> {
        let completed = async {
            self.describe().await?;
            self.cancelled.check()?;
            upload.complete().await
        };
        match completed.await {
            Ok(()) => Ok(()),
            Err(error) => self.undo(error).await,
        }
    }

    async fn describe(&self) -> Result<(), StorageError> {
        self.cancelled.check()?;
        let created =
            self.objects
                .create_sidecar::<Version>(self.sidecar, ByteLocation::Own, false);
        match created.await? {
            Answer::Done => Ok(()),
            _ => Err(replaced(&self.objects)),
        }
    }

    /// Removes what a failed store may have written. Returns the error of the store.
    async fn undo(&self, error: StorageError) -> Result<(), StorageError> {
        if !self.repeatable
            && let Err(undoing) = delete(&self.objects).await
        {
            tracing::debug!(error = %undoing, "failed to undo a store; a sweep removes the rest");
        }
        Err(error)
    }
}

/// Completes the sidecar of an import whose bytes were sent.
///
/// # Errors
/// [`StorageErrorKind::Unavailable`] if the reference was deleted, or another import has retired or
/// replaced the sidecar. A request failed.
pub(crate) async fn complete(
    objects: &ReferenceObjects,
    sidecar: &Sidecar,
) -> Result<(), StorageError> {
    match objects.complete_sidecar::<Version>(sidecar).await? {
        Answer::Done => Ok(()),
        _ => Err(replaced(objects)),
    }
}

fn replaced(objects: &ReferenceObjects) -> StorageError {
    let error = objects.bucket.fail(StorageErrorKind::Unavailable);
    error.with_reason("the reference was deleted, or imported again, while it was stored")
}

/// Retires a sidecar whose bytes are missing.
pub(crate) async fn retire(objects: &ReferenceObjects) -> Result<(), StorageError> {
    let retired = objects.retire_sidecar::<Version>(ByteLocation::Own);
    retired.await.map(drop)
}

/// Buries the sidecar, which decides, then removes the bytes, and last what leads to the sidecar. What an
/// interrupted deletion leaves is unreadable, and can be found: where the sidecar leaves no tombstone, it is
/// removed after the bytes.
pub(crate) async fn delete(objects: &ReferenceObjects) -> Result<(), StorageError> {
    if objects.second.tombstones {
        objects.put_tombstone().await?;
        objects.remove_media().await?;
    } else {
        objects.remove_media().await?;
        objects.put_tombstone().await?;
    }
    objects.remove_pointers().await
}

/// Removes the bytes, if there are any, of a reference whose sidecar is buried.
pub(crate) async fn finish_deletion(objects: &ReferenceObjects) -> Result<(), StorageError> {
    objects.remove_media().await
}
