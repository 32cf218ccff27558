//! What hints say may be due.

use futures_util::stream::{StreamExt, TryStreamExt};
use media_storage::StorageError;
use object_store::path::Path;

use super::{AT_ONCE, Cause, Mode, Sweep};
use crate::expiry;
use crate::keys::MediaKey;
use crate::seen::Seen;
use crate::sidecar::{self, Described};

/// What a hint leads to.
enum Hinted {
    Due(MediaKey, Box<Described>),
    NotYet,
    /// The sidecar claims to be of a time to come.
    Future,
    /// There is nothing; the hint goes.
    Nothing(Path),
}

impl Sweep<'_> {
    /// Deletes what has expired by the hints of the hours up to now.
    pub(super) async fn expired(&mut self) -> Result<(), StorageError> {
        let keys = &self.shared.keys;
        for hour in expiry::due_hours(&self.bucket, keys, self.now).await? {
            let listed = self.bucket.list(&keys.expiry_hour(&hour)?, None);
            let mut chunks = listed.try_chunks(AT_ONCE);
            while let Some(chunk) = chunks.try_next().await.map_err(|error| error.1)? {
                if self.room == 0 {
                    return Ok(());
                }
                self.look(chunk.into_iter().map(|meta| meta.location)).await;
            }
        }
        Ok(())
    }

    /// Drops hints, of any hour, of references that the walk did not come by. Costs a listing.
    pub(super) async fn idle_hints(&mut self, sidecars: &Seen) -> Result<(), StorageError> {
        let mut listed = self.bucket.list(&self.shared.keys.expiry()?, None);
        while let Some(meta) = listed.try_next().await? {
            let unique = meta.location.filename().unwrap_or_default();
            if !sidecars.may_contain(unique) && self.is_settled(meta.last_modified) {
                self.look(std::iter::once(meta.location)).await;
            }
        }
        Ok(())
    }

    async fn look(&mut self, hints: impl Iterator<Item = Path> + Send) {
        let this = &*self;
        let hinted: Vec<_> = futures_util::stream::iter(hints)
            .map(|hint| this.follow(hint))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut due = Vec::new();
        for hinted in hinted {
            match hinted {
                Ok(Hinted::Due(key, described)) => due.push((key, *described)),
                Ok(Hinted::NotYet) => {}
                Ok(Hinted::Future) => self.report.future += 1,
                Ok(Hinted::Nothing(hint)) if self.mode == Mode::Remove => {
                    if let Err(error) = self.bucket.delete(&hint).await {
                        self.failed(&error);
                    }
                }
                Ok(Hinted::Nothing(_)) => {}
                Err(error) => self.failed(&error),
            }
        }
        self.delete(due, Cause::Expired).await;
    }

    /// The sidecar beside the media decides, not the hint.
    async fn follow(&self, hint: Path) -> Result<Hinted, StorageError> {
        let Some(key) = expiry::read(&self.bucket, &hint).await? else {
            return Ok(Hinted::Nothing(hint));
        };
        let read = sidecar::read(&self.bucket, &self.shared.keys, &key).await?;
        let Some(described) = read else {
            return Ok(Hinted::Nothing(hint));
        };
        Ok(if described.sidecar.stored_at > self.now {
            Hinted::Future
        } else if described.sidecar.is_expired(self.now) {
            Hinted::Due(key, Box::new(described))
        } else {
            Hinted::NotYet
        })
    }
}
