//! The object that names the sweep that is under way.

use chrono::{DateTime, TimeDelta, Utc};
use media_storage::StorageError;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::super::super::progress::{read_progress, remove_progress_except};
use super::super::second_garbage::Division;
use crate::bucket::{Bucket, Creation, Replacement, SecondKeys, Version};
use crate::protocol::Nonce;

/// How long a sweep may be continued that was interrupted.
const MAX_AGE: TimeDelta = TimeDelta::days(7);

/// How far the clocks by which two sweeps began may differ.
const MAX_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// Maximum size of the object, in bytes.
const MAX_OBJECT: u64 = 4096;

/// The description of a sweep that is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pass {
    /// Names the sweep and its parts, and is the seed of its checksums.
    pub(super) id: Nonce,
    pub(super) begun_at: DateTime<Utc>,
    /// Age up to which leftovers stay, in seconds.
    pub(super) grace: i64,
    pub(super) division: Division,
}

impl Pass {
    /// Takes part in the sweep that is under way, or begins this one. Returns `None` if one of other options
    /// is under way.
    pub(super) async fn join_or_begin(
        self,
        bucket: &Bucket,
        keys: &SecondKeys,
    ) -> Result<Option<Self>, StorageError> {
        let path = keys.sweep("pass")?;
        let body = serde_json::to_vec(&self).unwrap_or_default();
        // Of sweeps that begin at once, one succeeds, and the others read what it wrote.
        for _ in 0..3 {
            let begun = match read(bucket, &path).await? {
                None => match bucket.create(&path, body.clone().into()).await? {
                    Creation::Created(_) => true,
                    Creation::Exists => false,
                },
                Some((there, version)) => match there {
                    Some(there) if there.id == self.id => true,
                    Some(there) if there.is_continued_at(self.begun_at) => {
                        return Ok((there.grace == self.grace).then_some(there));
                    }
                    _ => match bucket.replace(&path, &version, body.clone().into()).await? {
                        Replacement::Done(_) => true,
                        Replacement::Changed => false,
                    },
                },
            };
            if begun {
                // What others left that died, or whose time was over.
                remove_progress_except(bucket, keys, self.id).await?;
                return Ok(Some(self));
            }
        }
        Ok(None)
    }

    /// Whether the sweep may be continued at a time by the clock of the service. One that begins later is
    /// refused.
    fn is_continued_at(&self, now: DateTime<Utc>) -> bool {
        let age = now.signed_duration_since(self.begun_at);
        age < MAX_AGE && age > -MAX_AHEAD
    }

    /// Whether this is still the sweep that is under way.
    pub(super) async fn is_under_way(
        &self,
        bucket: &Bucket,
        keys: &SecondKeys,
    ) -> Result<bool, StorageError> {
        let there = read(bucket, &keys.sweep("pass")?).await?;
        Ok(there.is_some_and(|(there, _)| there.is_some_and(|there| there.id == self.id)))
    }

    /// Ends the sweep: nobody takes part any more, and its objects are removed. Another sweep stays.
    pub(super) async fn end(&self, bucket: &Bucket, keys: &SecondKeys) -> Result<(), StorageError> {
        // This one first: parts that are created later are removed by who created them.
        if self.is_under_way(bucket, keys).await? {
            bucket.delete(&keys.sweep("pass")?).await?;
        }
        bucket
            .delete_under(&keys.sweep(&self.id.to_string())?)
            .await
    }
}

/// Reads the description; `None` within if it is garbage.
async fn read(
    bucket: &Bucket,
    path: &Path,
) -> Result<Option<(Option<Pass>, Version)>, StorageError> {
    let read = read_progress(bucket, path, MAX_OBJECT).await?;
    Ok(read.map(|(body, version)| (serde_json::from_slice(&body).ok(), version)))
}
