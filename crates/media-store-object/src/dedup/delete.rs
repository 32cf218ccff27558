//! Deleting a reference whose bytes may be shared.

use chrono::{DateTime, Utc};
use media_storage::StorageError;

use super::{Driver, Hash, drive};
use crate::bucket::Version;
use crate::expiry;
use crate::keys::MediaKey;
use crate::protocol::{Answer, DeleteOutcome, DeleteProtocol, Request, Token};

/// Removes marker, sidecar and hint of a reference.
pub(crate) async fn delete(
    hash: Hash,
    key: &MediaKey,
    generation: Token,
    expires_at: Option<DateTime<Utc>>,
) -> Result<(), StorageError> {
    let bucket = hash.bucket.clone();
    let mut deleting = Deleting {
        hash,
        key,
        expires_at,
    };
    let ended = drive(DeleteProtocol::new(generation), &mut deleting).await?;
    match ended.outcome {
        DeleteOutcome::Deleted => Ok(()),
        DeleteOutcome::Failed => Err(ended.failure(&bucket)),
    }
}

struct Deleting<'a> {
    hash: Hash,
    key: &'a MediaKey,
    expires_at: Option<DateTime<Utc>>,
}

impl Driver for Deleting<'_> {
    async fn answer(&mut self, request: Request<Version>) -> Result<Answer<Version>, StorageError> {
        let Self {
            hash,
            key,
            expires_at,
        } = self;
        let Hash {
            bucket,
            keys,
            sha256,
        } = hash;
        match request {
            Request::DeleteMarker(generation) => {
                let marker = keys.marker(*sha256, generation, key.unique())?;
                bucket.delete(&marker).await?;
            }
            Request::DeleteSidecar => {
                // The sidecar last: without it nobody finds the hint.
                expiry::forget(bucket, keys, key, *expires_at).await?;
                bucket.delete(&keys.sidecar(key)?).await?;
            }
            other => return hash.answer(other).await,
        }
        Ok(Answer::Done)
    }
}
