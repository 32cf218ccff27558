//! Deleting a reference that shares its bytes.

use chrono::{DateTime, Utc};
use media_storage::StorageError;

use super::content::Content;
use super::driver::{Driver, drive};
use crate::bucket::{MediaKey, Version};
use crate::protocol::{Answer, DeleteOutcome, DeleteProtocol, Nonce, Request};
use crate::reference::expiry;

/// Removes marker, sidecar and hint of a reference.
pub(crate) async fn delete(
    content: Content,
    key: &MediaKey,
    generation: Nonce,
    expires_at: Option<DateTime<Utc>>,
) -> Result<(), StorageError> {
    let bucket = content.bucket.clone();
    let driver = DeleteDriver {
        content,
        key,
        expires_at,
    };
    let ended = drive(DeleteProtocol::new(generation), &driver).await?;
    match ended.outcome {
        DeleteOutcome::Deleted => Ok(()),
        DeleteOutcome::Failed => Err(ended.into_error(&bucket)),
    }
}

struct DeleteDriver<'a> {
    content: Content,
    key: &'a MediaKey,
    expires_at: Option<DateTime<Utc>>,
}

impl Driver for DeleteDriver<'_> {
    async fn answer(&self, request: Request<Version>) -> Result<Answer<Version>, StorageError> {
        let Self {
            content,
            key,
            expires_at,
        } = self;
        let Content {
            bucket,
            keys,
            sha256,
        } = content;
        match request {
            Request::DeleteMarker(generation) => {
                let marker = keys.marker(*sha256, generation, key.token())?;
                bucket.delete(&marker).await?;
            }
            Request::DeleteSidecar => {
                // The sidecar is removed last, since it leads to the hint.
                expiry::delete_hint(bucket, keys, key, *expires_at).await?;
                bucket.delete(&keys.sidecar(key)?).await?;
            }
            other => return content.answer(other).await,
        }
        Ok(Answer::Done)
    }
}
