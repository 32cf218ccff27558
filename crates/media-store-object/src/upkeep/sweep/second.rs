//! The order of the steps of a full sweep by the second protocol.

use bytes::Bytes;
use media_storage::StorageError;
use object_store::Attributes;

use super::super::first_media::any_first;
use super::super::progress::remove_progress;
use super::second_join::Join;
use super::state::{Mode, Sweep};
use crate::bucket::SecondKeys;
use crate::sharing::fresh_nonce;

impl Sweep<'_> {
    /// Sweeps what the second protocol stored. Returns whether there may be media of the first.
    ///
    /// Listings decide what is looked at: with nothing to do, no object is read.
    pub(super) async fn second(&mut self, keys: &SecondKeys) -> Result<bool, StorageError> {
        if self.mode == Mode::Remove {
            // Here too: the steps below may fail, and what shared sweeps keep names media that was deleted.
            remove_progress(&self.bucket, keys).await?;
        }
        self.expired().await?;
        self.collect().await?;
        let division = self.division(keys).await?;
        self.second_garbage(keys, division).await?;
        let mut join = Join::new(fresh_nonce()?);
        self.list_markers(keys, division, &mut join).await?;
        self.list_references(&mut join).await?;
        self.list_hints(keys, &mut join).await?;
        self.list_users(keys, &mut join).await?;
        self.remove_lone_markers(keys, &mut join).await?;
        let complete = self.repair(keys, &mut join).await?;
        let first = join.first > 0 || any_first(&self.bucket, &self.shared.keys).await?;
        if self.mode == Mode::Remove && self.failures.total() == 0 {
            self.note_users(complete && !first).await?;
        }
        if self.mode == Mode::Remove {
            remove_progress(&self.bucket, keys).await?;
        }
        Ok(first)
    }

    /// Notes whether the index of users contains all media, so that the media of a user can be found
    /// by it. Media of the first protocol is not in the index.
    pub(super) async fn note_users(&self, complete: bool) -> Result<(), StorageError> {
        let note = self.shared.keys.users_complete()?;
        match (self.bucket.head(&note).await?.is_some(), complete) {
            (false, true) => {
                let body = Bytes::from_static(b"complete");
                let put = self.bucket.put(&note, body.into(), Attributes::new());
                put.await.map(drop)
            }
            (true, false) => self.bucket.delete(&note).await,
            (true, true) | (false, false) => Ok(()),
        }
    }
}
