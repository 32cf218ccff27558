//! Storing bytes that may be shared.

use bytes::Bytes;
use media_storage::backend::CancelFlag;
use media_storage::{Sidecar, StorageError, StorageErrorKind};
use object_store::Attributes;

use super::content::Content;
use super::driver::{Driver, drive};
use crate::body::Payload;
use crate::bucket::{MediaKey, PartOptions, Version, send, shared_attributes};
use crate::protocol::{Answer, Nonce, Request, StoreOutcome, StoreProtocol};
use crate::reference::expiry;
use crate::reference::sidecar::shared_json;

/// One attempt to store bytes under a reference.
pub(crate) struct StoreAttempt<'a> {
    pub(crate) content: Content,
    pub(crate) key: MediaKey,
    pub(crate) sidecar: &'a Sidecar,
    pub(crate) payload: &'a Payload,
    pub(crate) parts: PartOptions,
    pub(crate) cancelled: &'a CancelFlag,
}

/// Outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Stored {
        generation: Nonce,
        /// Whether the bytes were written by this attempt.
        new: bool,
    },
    /// The record was changed concurrently, and nothing is left of the reference. An attempt under
    /// another reference can succeed.
    Busy,
}

/// Makes one attempt. If it fails, what it wrote for the reference is removed, unless requests fail.
pub(crate) async fn store(attempt: StoreAttempt<'_>) -> Result<Attempt, StorageError> {
    let bucket = attempt.content.bucket.clone();
    // There is no second attempt under the same reference: a late copy of its first sidecar could
    // then hide where its marker is.
    let protocol = StoreProtocol::with_attempts(attempt.sidecar.size_bytes, 0);
    let ended = drive(protocol, &StoreDriver(attempt)).await?;
    match ended.outcome {
        StoreOutcome::Stored { generation, new } => Ok(Attempt::Stored { generation, new }),
        StoreOutcome::Busy if ended.failure.is_none() => Ok(Attempt::Busy),
        StoreOutcome::OtherSize => Err(bucket
            .fail(StorageErrorKind::Corrupted)
            .with_reason("the hash record of a blob names another size")),
        _ => Err(ended.into_error(&bucket)),
    }
}

struct StoreDriver<'a>(StoreAttempt<'a>);

impl Driver for StoreDriver<'_> {
    async fn answer(&self, request: Request<Version>) -> Result<Answer<Version>, StorageError> {
        let StoreAttempt {
            content,
            key,
            sidecar,
            payload,
            parts,
            cancelled,
        } = &self.0;
        let Content {
            bucket,
            keys,
            sha256,
        } = content;
        match request {
            Request::WriteSidecar(generation) => {
                cancelled.check()?;
                let json = Bytes::from(shared_json(sidecar, generation)?);
                let attributes = Attributes::new();
                bucket
                    .put(&keys.sidecar(key)?, json.into(), attributes)
                    .await?;
                // After the sidecar, since a sweep removes a hint without a sidecar.
                expiry::write_hint(bucket, keys, key, sidecar.expires_at).await?;
            }
            Request::WriteMarker(generation) => {
                cancelled.check()?;
                let json = Bytes::from(shared_json(sidecar, generation)?);
                let marker = keys.marker(*sha256, generation, key.token())?;
                bucket.put(&marker, json.into(), Attributes::new()).await?;
            }
            Request::WriteBlob(generation) => {
                cancelled.check()?;
                let blob = keys.blob(*sha256, generation)?;
                let len = sidecar.size_bytes;
                let attributes = shared_attributes();
                send(bucket, &blob, payload, len, attributes, *parts, cancelled).await?;
            }
            Request::DeleteMarker(generation) => {
                let marker = keys.marker(*sha256, generation, key.token())?;
                bucket.delete(&marker).await?;
            }
            Request::DeleteSidecar => {
                let (hint, beside) = tokio::join!(
                    expiry::delete_hint(bucket, keys, key, sidecar.expires_at),
                    async { bucket.delete(&keys.sidecar(key)?).await },
                );
                hint.and(beside)?;
            }
            Request::SwapRecord { .. } if cancelled.is_cancelled() => cancelled.check()?,
            other => return content.answer(other).await,
        }
        Ok(Answer::Done)
    }
}
