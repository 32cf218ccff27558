//! [`UploadSpool`].

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use media_types::UserId;
use tokio::task::spawn_blocking;

use super::directory::Directory;
use super::error::ResumableError;
use super::id::UploadId;
use super::options::SpoolOptions;
use super::record::{UploadRecord, VERSION};
use super::slot::{Slot, Turn};

/// Longest time between two removals of what has expired.
const MAX_SWEEP_INTERVAL: Duration = Duration::from_secs(600);

/// A directory in which the parts of resumable uploads are kept until they are complete.
///
/// It survives a restart of the process. One process at a time may have it open, so each node of a service
/// needs its own directory, and requests for an upload must reach the node where it began. The bytes are
/// not encrypted, whatever the store does with them later.
///
/// Expired uploads are removed when the spool is opened, and every ten minutes while it is open.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct UploadSpool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    directory: Directory,
    options: SpoolOptions,
    index: Mutex<HashMap<UploadId, Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    record: Arc<UploadRecord>,
    slot: Arc<Slot>,
}

/// Why an upload cannot begin or go on.
#[derive(Debug)]
pub(super) enum SpoolFailure {
    /// There is no such upload of this user, or it has expired.
    NotFound,
    /// The user has too many unfinished uploads.
    TooMany,
    /// The spool is full.
    Full,
    Io(std::io::Error),
}

impl From<std::io::Error> for SpoolFailure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl UploadSpool {
    /// Opens a spool in a directory, which is created if it does not exist. Needs a tokio runtime.
    ///
    /// # Errors
    /// `InUse` if the directory is open elsewhere; `Directory` if it cannot be read or written.
    pub async fn open(
        directory: impl Into<PathBuf>,
        options: SpoolOptions,
    ) -> Result<Self, ResumableError> {
        let path = directory.into();
        let opened = spawn_blocking(move || {
            let directory = Directory::open(&path)?;
            let uploads = directory.scan().map_err(ResumableError::directory)?;
            let entry = |record| Entry {
                record: Arc::new(record),
                slot: Arc::default(),
            };
            let index = uploads
                .into_iter()
                .map(|(id, record)| (id, entry(record)))
                .collect();
            let spool = Self(Arc::new(Shared {
                directory,
                options,
                index: Mutex::new(index),
            }));
            Ok(spool)
        });
        let spool = opened
            .await
            .unwrap_or_else(|error| Err(ResumableError::directory(std::io::Error::other(error))))?;
        spool.remove_expired().await;
        spool.keep_removing();
        Ok(spool)
    }

    /// Removes the uploads that have expired, and returns how many. A request that works on one is asked to
    /// stop.
    pub async fn remove_expired(&self) -> usize {
        let now = self.0.options.clock.now();
        self.remove_where(|record| record.is_expired(now)).await
    }

    /// Removes the uploads of a user, finished or not, and returns how many. Media that they became stays in
    /// its store. Call it when a user is erased.
    pub async fn remove_user(&self, user: &UserId) -> usize {
        self.remove_where(|record| record.owner.as_ref() == Some(user))
            .await
    }

    /// Begins an upload.
    pub(super) async fn create(
        &self,
        owner: Option<UserId>,
        length: u64,
        metadata: String,
    ) -> Result<UploadId, SpoolFailure> {
        let options = &self.0.options;
        let lifetime = chrono::TimeDelta::from_std(options.lifetime).unwrap_or_default();
        let record = UploadRecord {
            version: VERSION,
            owner,
            length,
            metadata,
            expires_at: options.clock.now() + lifetime,
            stored: None,
        };
        let id = UploadId::random()?;
        self.blocking(move |spool| {
            spool.reserve(&id, &record)?;
            let created = spool.0.directory.create(&id, &record);
            created.map(|()| id.clone()).map_err(|error| {
                spool.index().remove(&id);
                error.into()
            })
        })
        .await
    }

    /// Enters an upload into the index, where it counts against the limits.
    fn reserve(&self, id: &UploadId, record: &UploadRecord) -> Result<(), SpoolFailure> {
        let options = &self.0.options;
        let mut index = self.index();
        if index.len() >= options.uploads {
            return Err(SpoolFailure::Full);
        }
        let records = || index.values().map(|entry| &entry.record);
        let reserved = records().fold(0_u64, |sum, other| sum.saturating_add(other.reserved()));
        if reserved.saturating_add(record.length) > options.capacity {
            return Err(SpoolFailure::Full);
        }
        let of_user = records()
            .filter(|other| other.owner == record.owner && other.stored.is_none())
            .count();
        if of_user >= options.uploads_per_user {
            return Err(SpoolFailure::TooMany);
        }
        let entry = Entry {
            record: Arc::new(record.clone()),
            slot: Arc::default(),
        };
        index.insert(id.clone(), entry);
        Ok(())
    }

    /// Waits for the turn to work on an upload. A request that works on it is asked to stop.
    pub(super) async fn turn(
        &self,
        id: &UploadId,
        owner: Option<&UserId>,
    ) -> Result<(Turn, Arc<UploadRecord>), SpoolFailure> {
        let slot = self.find(id, owner)?.slot;
        let turn = slot.take().await;
        // It may have ended in between.
        let record = self.find(id, owner)?.record;
        Ok((turn, record))
    }

    fn find(&self, id: &UploadId, owner: Option<&UserId>) -> Result<Entry, SpoolFailure> {
        let now = self.0.options.clock.now();
        let index = self.index();
        index
            .get(id)
            .filter(|entry| entry.record.owner.as_ref() == owner && !entry.record.is_expired(now))
            .cloned()
            .ok_or(SpoolFailure::NotFound)
    }

    /// Returns the files. Using them blocks.
    pub(super) fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// Replaces the record of an upload after its file was written.
    pub(super) fn replace(&self, id: &UploadId, record: UploadRecord) {
        if let Some(entry) = self.index().get_mut(id) {
            entry.record = Arc::new(record);
        }
    }

    /// Removes an upload whose turn the caller has. Blocks.
    pub(super) fn remove(&self, id: &UploadId) -> std::io::Result<()> {
        let removed = self.0.directory.remove(id);
        if removed.is_ok() {
            self.index().remove(id);
        }
        removed
    }

    async fn remove_where(&self, matches: impl Fn(&UploadRecord) -> bool + Send) -> usize {
        let due: Vec<_> = self
            .index()
            .iter()
            .filter(|(_, entry)| matches(&entry.record))
            .map(|(id, entry)| (id.clone(), Arc::clone(&entry.slot)))
            .collect();
        let mut removed = 0;
        for (id, slot) in due {
            let turn = slot.take().await;
            let result = self
                .blocking(move |spool| {
                    let removed = spool.remove(&id);
                    drop(turn);
                    Ok(removed?)
                })
                .await;
            match result {
                Ok(()) => removed += 1,
                Err(error) => tracing::warn!(?error, "an upload could not be removed"),
            }
        }
        removed
    }

    /// Removes what expires for as long as the spool is open.
    fn keep_removing(&self) {
        let spool = Arc::downgrade(&self.0);
        let interval = self.0.options.lifetime.min(MAX_SWEEP_INTERVAL);
        let interval = interval.max(Duration::from_secs(1));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                let Some(spool) = spool.upgrade() else {
                    return;
                };
                Self(spool).remove_expired().await;
            }
        });
    }

    fn index(&self) -> MutexGuard<'_, HashMap<UploadId, Entry>> {
        self.0.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a job on a blocking thread. It runs to its end, also if the future is dropped.
    async fn blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Self) -> Result<T, SpoolFailure> + Send + 'static,
    ) -> Result<T, SpoolFailure> {
        let spool = self.clone();
        spawn_blocking(move || job(&spool))
            .await
            .unwrap_or_else(|error| Err(SpoolFailure::Io(std::io::Error::other(error))))
    }
}
