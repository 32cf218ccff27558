//! The marker of one reference: provisional, sealed, or replaced by a tombstone.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use media_storage::StorageError;
use object_store::path::Path;

use super::reference::MAX_COMPARED;
use crate::bucket::{Bucket, Creation, MarkerState, PROVISIONAL, RETIRED, Swap, Version};
use crate::protocol::Answer;

/// Access to one marker.
pub(super) struct Marker<'a> {
    bucket: &'a Bucket,
    path: Path,
}

/// The version of the marker that a store created, which it expects when it seals the marker.
#[derive(Debug, Default)]
pub(super) struct CreatedMarker(Mutex<Option<Version>>);

impl CreatedMarker {
    fn set(&self, version: Version) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
    }

    fn take(&self) -> Option<Version> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<'a> Marker<'a> {
    pub(super) fn new(bucket: &'a Bucket, path: Path) -> Self {
        Self { bucket, path }
    }

    /// Creates the provisional marker, and notes its version. A marker of the same reference that
    /// exists already is success.
    pub(super) async fn create(
        &self,
        sealed: &[u8],
        created: &CreatedMarker,
    ) -> Result<Answer<Version>, StorageError> {
        let body = Bytes::from_static(PROVISIONAL);
        let version = match self.bucket.create(&self.path, body).await? {
            Creation::Created(version) => version,
            Creation::Exists => match self.bucket.get(&self.path, MAX_COMPARED).await? {
                Some((found, version)) if found == PROVISIONAL || found == sealed => version,
                _ => return Ok(Answer::Taken),
            },
        };
        created.set(version);
        Ok(Answer::Done)
    }

    /// Replaces the marker that was created by the sealed one.
    pub(super) async fn seal(
        &self,
        sealed: Bytes,
        created: &CreatedMarker,
    ) -> Result<Answer<Version>, StorageError> {
        let Some(expected) = created.take() else {
            return Ok(Answer::Failed);
        };
        let swap = self
            .bucket
            .swap(&self.path, Some(&expected), sealed.clone());
        let Swap::Unclear(error) = swap.await else {
            return Ok(Answer::Done);
        };
        match self.bucket.get(&self.path, MAX_COMPARED).await? {
            Some((found, _)) if found == sealed => Ok(Answer::Done),
            // The write may still arrive.
            Some((found, _)) if found == PROVISIONAL => Err(error),
            _ => Ok(Answer::Taken),
        }
    }

    /// Puts a tombstone in place of the marker, unless it is sealed, or a deletion has buried it.
    pub(super) async fn retire(&self) -> Result<Answer<Version>, StorageError> {
        let retired = || Bytes::from_static(RETIRED);
        if let Creation::Created(_) = self.bucket.create(&self.path, retired()).await? {
            return Ok(Answer::Done);
        }
        let Some((found, version)) = self.bucket.get(&self.path, MAX_COMPARED).await? else {
            return Ok(Answer::Failed);
        };
        if let Some(answer) = without_retiring(&found) {
            return Ok(answer);
        }
        let swap = self.bucket.swap(&self.path, Some(&version), retired());
        let Swap::Unclear(error) = swap.await else {
            return Ok(Answer::Done);
        };
        let found = self.bucket.get(&self.path, MAX_COMPARED).await?;
        found
            .and_then(|(found, _)| without_retiring(&found))
            .ok_or(error)
    }

    /// Replaces the marker by a tombstone, whatever it is.
    pub(super) async fn bury(&self) -> Result<(), StorageError> {
        self.bucket.bury(&self.path).await
    }

    /// Removes whatever is under the name of the marker.
    pub(super) async fn remove(&self) -> Result<(), StorageError> {
        self.bucket.delete(&self.path).await
    }
}

/// Returns the answer to a request that retires the marker; `None` if it is provisional.
fn without_retiring(found: &[u8]) -> Option<Answer<Version>> {
    match MarkerState::of_size(found.len() as u64) {
        MarkerState::Tombstone if found.is_empty() => Some(Answer::Buried),
        MarkerState::Tombstone => Some(Answer::Done),
        MarkerState::Sealed => Some(Answer::Taken),
        MarkerState::Provisional => None,
    }
}
