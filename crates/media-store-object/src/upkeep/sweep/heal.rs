//! Restoring lost sidecars from the copies in markers.

use futures_util::stream::TryStreamExt;
use media_storage::{MAX_SIDECAR_LEN, StorageError};
use object_store::Attributes;
use object_store::path::Path;

use super::super::name_filter::NameFilter;
use super::state::{Cause, Sweep};
use crate::bucket::{MarkerName, MediaKey};
use crate::protocol::RecordState;
use crate::reference::expiry;
use crate::reference::sidecar::Descriptor;
use crate::sharing::Content;

impl Sweep<'_> {
    /// Restores missing sidecars, or deletes their references if they have expired. Costs a listing.
    pub(super) async fn heal(&mut self, sidecars: &NameFilter) -> Result<(), StorageError> {
        let mut listed = self.bucket.list(&self.shared.keys.all_markers()?, None);
        while let Some(meta) = listed.try_next().await? {
            let Some(name) = self.shared.keys.parse_marker(&meta.location) else {
                continue;
            };
            if sidecars.may_contain(&name.token) || !self.is_settled(meta.last_modified) {
                continue;
            }
            match self.lost(&meta.location, &name).await {
                Ok(None) => self.failures.succeeded(),
                Ok(Some((key, descriptor))) if descriptor.sidecar.is_expired(self.now) => {
                    self.delete(vec![(key, descriptor)], Cause::Expired).await?;
                }
                Ok(Some((key, descriptor))) => {
                    match self.restore(&meta.location, &key, &descriptor).await {
                        Ok(()) => self.failures.succeeded(),
                        Err(error) => self.failures.failed(error)?,
                    }
                }
                Err(error) => self.failures.failed(error)?,
            }
        }
        Ok(())
    }

    /// Returns the reference of a marker, if it exists and has no sidecar.
    async fn lost(
        &self,
        marker: &Path,
        name: &MarkerName,
    ) -> Result<Option<(MediaKey, Descriptor)>, StorageError> {
        let keys = &self.shared.keys;
        let content = Content::new(&self.bucket, keys, name.sha256);
        let record = content.record().await?;
        let is_current = record.is_some_and(|read| {
            read.record.generation == name.generation && read.record.state != RecordState::Dead
        });
        if !is_current {
            return Ok(None);
        }
        let Some((json, _)) = self.bucket.get(marker, MAX_SIDECAR_LEN).await? else {
            return Ok(None);
        };
        let read = Descriptor::of_marker(&json, name);
        let (key, descriptor) = read.map_err(|error| self.bucket.adopt(error))?;
        let beside = self.bucket.head(&keys.sidecar(&key)?).await?;
        Ok(beside.is_none().then_some((key, descriptor)))
    }

    async fn restore(
        &self,
        marker: &Path,
        key: &MediaKey,
        descriptor: &Descriptor,
    ) -> Result<(), StorageError> {
        let keys = &self.shared.keys;
        let json = bytes::Bytes::from(descriptor.restored_json()?);
        let beside = keys.sidecar(key)?;
        let put = self.bucket.put(&beside, json.into(), Attributes::new());
        put.await?;
        expiry::write_hint(&self.bucket, keys, key, descriptor.sidecar.expires_at).await?;
        // If the reference was deleted concurrently, readers see that the marker is gone, and no
        // other step removes this sidecar.
        if self.bucket.head(marker).await?.is_none() {
            expiry::delete_hint(&self.bucket, keys, key, descriptor.sidecar.expires_at).await?;
            self.bucket.delete(&beside).await?;
        }
        Ok(())
    }
}
