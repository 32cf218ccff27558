//! Deleting expired references by their hints.

use futures_util::stream::{StreamExt, TryStreamExt};
use media_storage::StorageError;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::super::name_filter::NameFilter;
use super::state::{CONCURRENCY, Cause, Mode, Sweep};
use crate::bucket::MediaKey;
use crate::reference::expiry;
use crate::reference::sidecar::{self, Descriptor, Protocol, SidecarRead};

/// What a hint leads to.
enum Hinted {
    Due(MediaKey, Box<Descriptor>),
    NotYet,
    /// The sidecar claims to have been stored in the future.
    Future,
    /// The reference does not exist; the hint is removed.
    Idle(Path, Option<MediaKey>),
}

impl Sweep<'_> {
    /// Deletes what has expired by the hints of the hours up to now.
    pub(super) async fn expired(&mut self) -> Result<(), StorageError> {
        let keys = &self.shared.keys;
        for hour in expiry::due_hours(&self.bucket, keys, self.now).await? {
            let listed = self.bucket.list(&hour, None);
            let mut chunks = listed.try_chunks(CONCURRENCY);
            while let Some(chunk) = chunks.try_next().await.map_err(|error| error.1)? {
                if self.deletes_left == 0 {
                    return Ok(());
                }
                self.follow_all(chunk).await?;
            }
        }
        Ok(())
    }

    /// Removes hints, of any hour, of references that the walk did not find. Costs a listing.
    pub(super) async fn idle_hints(&mut self, sidecars: &NameFilter) -> Result<(), StorageError> {
        let mut listed = self.bucket.list(&self.shared.keys.expiry()?, None);
        while let Some(meta) = listed.try_next().await? {
            let token = meta.location.filename().unwrap_or_default();
            if !sidecars.may_contain(token) && self.is_settled(meta.last_modified) {
                self.follow_all(vec![meta]).await?;
            }
        }
        Ok(())
    }

    /// Deletes what has expired of the references that hints lead to, and removes hints that lead
    /// nowhere.
    pub(super) async fn follow_all(&mut self, hints: Vec<ObjectMeta>) -> Result<(), StorageError> {
        let this = &*self;
        let hinted: Vec<_> = futures_util::stream::iter(hints)
            .map(|hint| this.follow(hint))
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let mut due = Vec::new();
        for hinted in hinted {
            match hinted {
                Ok(Hinted::Due(key, descriptor)) => due.push((key, *descriptor)),
                Ok(Hinted::NotYet) => self.failures.succeeded(),
                Ok(Hinted::Future) => self.report.future += 1,
                Ok(Hinted::Idle(hint, key)) if self.mode == Mode::Remove => {
                    match self.remove_idle(&hint, key).await {
                        Ok(()) => self.failures.succeeded(),
                        Err(error) => self.failures.failed(error)?,
                    }
                }
                Ok(Hinted::Idle(..)) => {}
                Err(error) => self.failures.failed(error)?,
            }
        }
        self.delete(due, Cause::Expired).await
    }

    /// Removes a hint that leads nowhere. An import that is repeated at this moment writes the very same
    /// hint: it is written again if the reference exists then.
    async fn remove_idle(&self, hint: &Path, key: Option<MediaKey>) -> Result<(), StorageError> {
        self.bucket.delete(hint).await?;
        match key {
            Some(key) => self.write_hint_again(&key).await,
            None => Ok(()),
        }
    }

    /// Reads the sidecar that a hint leads to, which decides whether the reference has expired.
    async fn follow(&self, hint: ObjectMeta) -> Result<Hinted, StorageError> {
        // A store of the second protocol writes hint and sidecar at the same time.
        let idle = |key| match self.shared.keys.second() {
            Some(_) if !self.is_settled(hint.last_modified) => Hinted::NotYet,
            _ => Hinted::Idle(hint.location.clone(), key),
        };
        let Some(key) = expiry::read_hint(&self.bucket, &hint.location).await? else {
            return Ok(idle(None));
        };
        let descriptor = match sidecar::read_any(&self.bucket, &self.shared.keys, &key).await? {
            SidecarRead::Present(descriptor) => descriptor,
            // An import that replaces the tombstone would lose its hint.
            SidecarRead::Retired => return Ok(Hinted::NotYet),
            SidecarRead::Missing | SidecarRead::Tombstone | SidecarRead::Foreign => {
                return Ok(idle(Some(key)));
            }
        };
        // The hint of a version that an update has replaced, and could not remove.
        if let (Some(second), Protocol::Second) = (self.shared.keys.second(), descriptor.protocol)
            && !self
                .objects(second, &key, Some(&descriptor))
                .is_hint(&hint.location)?
        {
            return Ok(idle(Some(key)));
        }
        Ok(if descriptor.sidecar.stored_at > self.now {
            Hinted::Future
        } else if descriptor.sidecar.is_expired(self.now) {
            Hinted::Due(key, descriptor)
        } else {
            Hinted::NotYet
        })
    }
}
