//! Storing bytes that may be shared.

use bytes::Bytes;
use media_storage::{Sidecar, StorageError, StorageErrorKind};
use object_store::Attributes;

use super::{Driver, Hash, drive};
use crate::bucket::Version;
use crate::expiry;
use crate::headers::shared_attributes;
use crate::keys::MediaKey;
use crate::payload::Payload;
use crate::protocol::{Answer, Request, StoreOutcome, StoreProtocol, Token};
use crate::send::{Sending, send};
use crate::sidecar::shared_json;
use media_storage::backend::CancelFlag;

/// One attempt to store bytes under a reference.
pub(crate) struct ToShare<'a> {
    pub(crate) hash: Hash,
    pub(crate) key: MediaKey,
    pub(crate) sidecar: &'a Sidecar,
    pub(crate) payload: &'a Payload,
    pub(crate) sending: Sending,
    pub(crate) cancelled: &'a CancelFlag,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Stored {
        generation: Token,
        /// Whether the bytes were written for it.
        new: bool,
    },
    /// Others got in between; nothing stays of the reference. Another one may have more luck.
    Busy,
}

/// Makes one attempt. What it wrote for the reference is gone when it did not succeed, as far as
/// requests get through.
pub(crate) async fn store(to_share: ToShare<'_>) -> Result<Attempt, StorageError> {
    let bucket = to_share.hash.bucket.clone();
    // No second attempt under the same reference: a late copy of its first sidecar could then
    // hide where its marker is.
    let protocol = StoreProtocol::with_attempts(to_share.sidecar.size_bytes, 0);
    let ended = drive(protocol, &mut Storing(to_share)).await?;
    match ended.outcome {
        StoreOutcome::Stored { generation, new } => Ok(Attempt::Stored { generation, new }),
        StoreOutcome::Busy if ended.failure.is_none() => Ok(Attempt::Busy),
        StoreOutcome::OtherSize => Err(bucket
            .fail(StorageErrorKind::Corrupted)
            .with_reason("the record of shared bytes tells of another size")),
        _ => Err(ended.failure(&bucket)),
    }
}

struct Storing<'a>(ToShare<'a>);

impl Driver for Storing<'_> {
    async fn answer(&mut self, request: Request<Version>) -> Result<Answer<Version>, StorageError> {
        let ToShare {
            hash,
            key,
            sidecar,
            payload,
            sending,
            cancelled,
        } = &self.0;
        let Hash {
            bucket,
            keys,
            sha256,
        } = hash;
        match request {
            Request::WriteSidecar(generation) => {
                cancelled.check()?;
                let json = Bytes::from(shared_json(sidecar, generation)?);
                let attributes = Attributes::new();
                bucket
                    .put(&keys.sidecar(key)?, json.into(), attributes)
                    .await?;
                // After the sidecar: a hint without one is dropped by whoever looks at it.
                expiry::note(bucket, keys, key, sidecar.expires_at).await?;
            }
            Request::WriteMarker(generation) => {
                cancelled.check()?;
                let json = Bytes::from(shared_json(sidecar, generation)?);
                let marker = keys.marker(*sha256, generation, key.unique())?;
                bucket.put(&marker, json.into(), Attributes::new()).await?;
            }
            Request::WriteBlob(generation) => {
                cancelled.check()?;
                let blob = keys.blob(*sha256, generation)?;
                let len = sidecar.size_bytes;
                let attributes = shared_attributes();
                send(bucket, &blob, payload, len, attributes, *sending, cancelled).await?;
            }
            Request::DeleteMarker(generation) => {
                let marker = keys.marker(*sha256, generation, key.unique())?;
                bucket.delete(&marker).await?;
            }
            Request::DeleteSidecar => {
                let (hint, beside) = tokio::join!(
                    expiry::forget(bucket, keys, key, sidecar.expires_at),
                    async { bucket.delete(&keys.sidecar(key)?).await },
                );
                hint.and(beside)?;
            }
            Request::SwapRecord { .. } if cancelled.is_cancelled() => cancelled.check()?,
            other => return hash.answer(other).await,
        }
        Ok(Answer::Done)
    }
}
