//! The objects of one hash in a bucket.

use media_storage::{StorageError, StorageErrorKind};
use media_types::Sha256;
use media_types::readable::causes;

use crate::bucket::{Bucket, Keys, Swap, Version};
use crate::protocol::{Answer, Nonce, Record, Request, Versioned};

/// Maximum length of a record, in bytes.
const MAX_RECORD: u64 = 4096;

/// Access to the objects of one hash: its record, blobs and markers.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) bucket: Bucket,
    pub(crate) keys: Keys,
    pub(crate) sha256: Sha256,
}

impl Content {
    pub(crate) fn new(bucket: &Bucket, keys: &Keys, sha256: Sha256) -> Self {
        Self {
            bucket: bucket.clone(),
            keys: keys.clone(),
            sha256,
        }
    }

    /// Reads the record.
    pub(crate) async fn record(&self) -> Result<Option<Versioned<Version>>, StorageError> {
        let key = self.keys.record(self.sha256)?;
        let Some((json, version)) = self.bucket.get(&key, MAX_RECORD).await? else {
            return Ok(None);
        };
        let record = Record::from_json(&json).map_err(|error| {
            self.bucket
                .fail(StorageErrorKind::Corrupted)
                .with_reason("failed to parse the hash record of a blob")
                .with_source(error)
        })?;
        Ok(Some(Versioned { record, version }))
    }

    /// Whether the blob of a generation exists with this size.
    pub(crate) async fn has_blob(&self, generation: Nonce, len: u64) -> Result<bool, StorageError> {
        let blob = self.keys.blob(self.sha256, generation)?;
        let found = self.bucket.head(&blob).await?;
        Ok(found.is_some_and(|meta| meta.size == len))
    }

    /// Carries out the requests that all protocols make. Requests for one reference fail.
    pub(super) async fn answer(
        &self,
        request: Request<Version>,
    ) -> Result<Answer<Version>, StorageError> {
        let Self {
            bucket,
            keys,
            sha256,
        } = self;
        Ok(match request {
            Request::ReadRecord => Answer::Record(self.record().await?),
            Request::SwapRecord { expected, record } => {
                let (key, body) = (keys.record(*sha256)?, record.to_json());
                match bucket.swap(&key, expected.as_ref(), body.into()).await {
                    Swap::Done(version) => Answer::Swapped(version),
                    Swap::Unclear(error) => {
                        tracing::debug!(error = %causes(&error), "the outcome of writing a hash record is unknown");
                        Answer::Unclear
                    }
                }
            }
            Request::FindMarker(generation) => {
                let markers = keys.markers(*sha256, generation)?;
                Answer::Found(bucket.any(&markers).await?)
            }
            Request::DeleteBlob(generation) => {
                bucket.delete(&keys.blob(*sha256, generation)?).await?;
                Answer::Done
            }
            Request::DeleteMarkers(generation) => {
                let markers = keys.markers(*sha256, generation)?;
                bucket.delete_under(&markers).await?;
                Answer::Done
            }
            _ => Answer::Failed,
        })
    }
}
