//! The objects of one hash in a bucket, by the second protocol.

use futures_util::stream::TryStreamExt as _;
use media_storage::{StorageError, StorageErrorKind};
use media_types::Sha256;
use media_types::readable::causes;
use object_store::path::Path;

use super::record;
use crate::bucket::{Bucket, ContentName, MarkerState, SecondKeys, Swap, Version};
use crate::protocol::{Answer, Nonce, Request, Versioned};
use crate::sharing::Driver;

/// Maximum length of a record, in bytes.
const MAX_RECORD: u64 = 4096;

/// Access to the objects of one hash: its record, blobs and markers.
#[derive(Clone, Debug)]
pub(crate) struct SecondContent {
    pub(crate) bucket: Bucket,
    pub(crate) keys: SecondKeys,
    pub(crate) name: ContentName,
}

impl SecondContent {
    pub(crate) fn new(bucket: &Bucket, keys: &SecondKeys, sha256: Sha256) -> Self {
        Self::named(bucket, keys, keys.content(sha256))
    }

    pub(crate) fn named(bucket: &Bucket, keys: &SecondKeys, name: ContentName) -> Self {
        Self {
            bucket: bucket.clone(),
            keys: keys.clone(),
            name,
        }
    }

    /// Reads the record.
    pub(crate) async fn record(&self) -> Result<Option<Versioned<Version>>, StorageError> {
        let key = self.keys.record(self.name)?;
        let Some((json, version)) = self.bucket.get(&key, MAX_RECORD).await? else {
            return Ok(None);
        };
        let fingerprint = self.keys.names().fingerprint();
        let record = record::from_json(&json, &fingerprint).map_err(|reason| {
            self.bucket
                .fail(StorageErrorKind::Corrupted)
                .with_reason(reason)
        })?;
        Ok(Some(Versioned { record, version }))
    }

    /// Whether the blob of a generation exists with this size.
    pub(crate) async fn has_blob(&self, generation: Nonce, len: u64) -> Result<bool, StorageError> {
        let blob = self.keys.blob(self.name, generation)?;
        let found = self.bucket.head(&blob).await?;
        Ok(found.is_some_and(|meta| meta.size == len))
    }

    /// Returns the markers of a reference, of whichever revision, and their states. Costs a listing of
    /// the markers of the hash.
    pub(crate) async fn markers(
        &self,
        token: &str,
    ) -> Result<Vec<(Path, MarkerState)>, StorageError> {
        let mut found = Vec::new();
        let mut listed = self.bucket.list(&self.keys.markers_of(self.name)?, None);
        while let Some(meta) = listed.try_next().await? {
            let marker = self.keys.parse_marker(&meta.location);
            if marker.is_some_and(|marker| marker.token == token) {
                found.push((meta.location, MarkerState::of_size(meta.size)));
            }
        }
        Ok(found)
    }
}

impl Driver for SecondContent {
    async fn answer(&self, request: Request<Version>) -> Result<Answer<Version>, StorageError> {
        let Self { bucket, keys, name } = self;
        Ok(match request {
            Request::ReadRecord => Answer::Record(self.record().await?),
            Request::SwapRecord { expected, record } => {
                let key = keys.record(*name)?;
                let body = record::to_json(&record, &keys.names().fingerprint());
                match bucket.swap(&key, expected.as_ref(), body.into()).await {
                    Swap::Done(version) => Answer::Swapped(version),
                    Swap::Unclear(error) => {
                        tracing::debug!(error = %causes(&error), "the outcome of writing a hash record is unknown");
                        Answer::Unclear
                    }
                }
            }
            // Tombstones are no markers.
            Request::FindMarker(generation) => {
                Answer::Found(bucket.any_live(&keys.markers(*name, generation)?).await?)
            }
            Request::DeleteBlob(generation) => {
                bucket.delete(&keys.blob(*name, generation)?).await?;
                Answer::Done
            }
            Request::DeleteMarkers(generation) => {
                bucket
                    .delete_live_under(&keys.markers(*name, generation)?)
                    .await?;
                Answer::Done
            }
            _ => Answer::Failed,
        })
    }
}
