//! References whose sidecar is lost: the marker, which is the truth, has a copy of it.

use futures_util::stream::TryStreamExt;
use media_storage::{MAX_SIDECAR_LEN, StorageError};
use object_store::Attributes;
use object_store::path::Path;

use super::{Cause, Sweep};
use crate::dedup::Hash;
use crate::expiry;
use crate::keys::{MarkerName, MediaKey};
use crate::protocol::RecordState;
use crate::seen::Seen;
use crate::sidecar::Described;

impl Sweep<'_> {
    /// Writes sidecars that are missing, or deletes what has expired. Costs a listing.
    pub(super) async fn heal(&mut self, sidecars: &Seen) -> Result<(), StorageError> {
        let mut listed = self.bucket.list(&self.shared.keys.all_markers()?, None);
        while let Some(meta) = listed.try_next().await? {
            let Some(name) = self.shared.keys.parse_marker(&meta.location) else {
                continue;
            };
            if sidecars.may_contain(&name.unique) || !self.is_settled(meta.last_modified) {
                continue;
            }
            match self.lost(&meta.location, &name).await {
                Ok(None) => {}
                Ok(Some((key, described))) if described.sidecar.is_expired(self.now) => {
                    self.delete(vec![(key, described)], Cause::Expired).await;
                }
                Ok(Some((key, described))) => {
                    if let Err(error) = self.restore(&meta.location, &key, &described).await {
                        self.failed(&error);
                    }
                }
                Err(error) => self.failed(&error),
            }
        }
        Ok(())
    }

    /// The reference of a marker, if it is one and has no sidecar.
    async fn lost(
        &self,
        marker: &Path,
        name: &MarkerName,
    ) -> Result<Option<(MediaKey, Described)>, StorageError> {
        let keys = &self.shared.keys;
        let record = Hash::new(&self.bucket, keys, name.sha256).record().await?;
        let counts = record.is_some_and(|read| {
            read.record.generation == name.generation && read.record.state != RecordState::Dead
        });
        if !counts {
            return Ok(None);
        }
        let Some((json, _)) = self.bucket.get(marker, MAX_SIDECAR_LEN).await? else {
            return Ok(None);
        };
        let read = Described::of_marker(&json, name);
        let (key, described) = read.map_err(|error| self.bucket.adopt(error))?;
        let beside = self.bucket.head(&keys.sidecar(&key)?).await?;
        Ok(beside.is_none().then_some((key, described)))
    }

    async fn restore(
        &self,
        marker: &Path,
        key: &MediaKey,
        described: &Described,
    ) -> Result<(), StorageError> {
        let keys = &self.shared.keys;
        let json = bytes::Bytes::from(described.restored_json()?);
        let beside = keys.sidecar(key)?;
        let put = self.bucket.put(&beside, json.into(), Attributes::new());
        put.await?;
        expiry::note(&self.bucket, keys, key, described.sidecar.expires_at).await?;
        // Deleted meanwhile: readers see that the marker is gone, and nobody else removes this.
        if self.bucket.head(marker).await?.is_none() {
            expiry::forget(&self.bucket, keys, key, described.sidecar.expires_at).await?;
            self.bucket.delete(&beside).await?;
        }
        Ok(())
    }
}
