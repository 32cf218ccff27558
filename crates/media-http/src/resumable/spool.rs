//! [`UploadSpool`].

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use media_storage::MediaMetadata;
use media_types::UserId;
use media_types::readable::causes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::directory::Directory;
use super::error::{ResumableError, SpoolFailure};
use super::id::UploadId;
use super::index::{Entry, Index, Taken};
use super::options::SpoolOptions;
use super::record::{UploadRecord, VERSION};
use super::slot::Turn;

/// Longest time between two removals of what has expired.
const MAX_SWEEP_INTERVAL: Duration = Duration::from_secs(600);

/// Whether an upload was removed, and by this removal.
type Removal = Result<bool, ResumableError>;

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
    index: Mutex<Index>,
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
            let index = uploads
                .into_iter()
                .map(|found| (found.id, Entry::new(found.record, found.is_empty)))
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

    /// Removes the uploads that have expired, and returns how many. One that a request works on is not waited
    /// for and not counted: the request is asked to stop, and the upload goes when it has ended.
    pub async fn remove_expired(&self) -> usize {
        let now = self.0.options.clock.now();
        let has_expired = |entry: &Entry| entry.record.is_expired(now);
        let (results, _) = self.remove_where(has_expired).await;
        results
            .iter()
            .filter(|gone| matches!(gone, Ok(true)))
            .count()
    }

    /// Returns the users that have uploads here, finished or not, each of them once. A node among several
    /// asks for each of them whether the user was erased on another one, and calls
    /// [`remove_user`](Self::remove_user).
    pub fn users(&self) -> Vec<UserId> {
        self.index().users()
    }

    /// Removes the uploads of a user, finished or not, and returns how many. Media that they became stays in
    /// its store. Call it before a user is erased: none of these uploads becomes media after it has returned.
    ///
    /// Nobody finds the uploads any more, also if their files could not be removed. A request that works on one
    /// is asked to stop and waited for, as long as the target takes if the media is being stored. If the future is
    /// dropped, call it again.
    ///
    /// # Errors
    /// `Directory` if files could not be removed: the bytes of the user are still on the disk. All others were
    /// removed; call it again, before the spool is opened anew, which would find these uploads.
    pub async fn remove_user(&self, user: &UserId) -> Result<usize, ResumableError> {
        // Those that are going already are waited for too.
        let is_theirs = |entry: &Entry| entry.record.owner.as_ref() == Some(user);
        let (mut results, removals) = self.remove_where(is_theirs).await;
        for removal in removals {
            let failed = |error| Err(ResumableError::directory(std::io::Error::other(error)));
            results.push(removal.await.unwrap_or_else(failed));
        }
        let count = |removed, result: Removal| Ok(removed + usize::from(result?));
        results.into_iter().try_fold(0, count)
    }

    /// Begins an upload.
    pub(super) async fn create(
        &self,
        granted: MediaMetadata,
        length: u64,
        metadata: String,
    ) -> Result<UploadId, SpoolFailure> {
        let options = &self.0.options;
        let record = UploadRecord {
            version: VERSION,
            owner: granted.user().cloned(),
            length,
            metadata,
            granted: Some(granted),
            expires_at: options.expiry(),
            stored: None,
        };
        let id = UploadId::random()?;
        self.blocking(move |spool| {
            let displaced = spool.index().reserve(&id, &record, &spool.0.options)?;
            for (displaced, turn) in displaced {
                if let Err(error) = spool.0.directory.remove(&displaced) {
                    tracing::warn!(error = %causes(&error), "the files of an old upload stay until the spool is opened");
                }
                drop(turn);
            }
            let created = spool.0.directory.create(&id, &record);
            created.map(|()| id.clone()).map_err(|error| {
                spool.index().remove(&id);
                error.into()
            })
        })
        .await
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
            .filter(|entry| !entry.is_doomed && !entry.record.is_expired(now))
            .filter(|entry| entry.record.owner.as_ref() == owner)
            .cloned()
            .ok_or(SpoolFailure::NotFound)
    }

    /// Whether an upload is removed as soon as its turn ends, or is gone.
    pub(super) fn is_doomed(&self, id: &UploadId) -> bool {
        self.index().get(id).is_none_or(|entry| entry.is_doomed)
    }

    /// Returns the files. Using them blocks.
    pub(super) fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// Replaces the record of an upload.
    pub(super) fn replace(&self, id: &UploadId, record: Arc<UploadRecord>) {
        if let Some(entry) = self.index().get_mut(id) {
            entry.record = record;
        }
    }

    /// Notes whether bytes of an unfinished upload have arrived.
    pub(super) fn set_empty(&self, id: &UploadId, is_empty: bool) {
        if let Some(entry) = self.index().get_mut(id) {
            entry.is_empty = is_empty;
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

    /// Removes the uploads that match. Returns what became of them, and the removals of those that somebody
    /// works on, which go on by themselves.
    async fn remove_where(
        &self,
        matches: impl Fn(&Entry) -> bool + Send,
    ) -> (Vec<Removal>, Vec<JoinHandle<Removal>>) {
        let (free, busy) = self.index().condemn(matches);
        let removals = busy.into_iter().map(|(id, slot)| {
            let spool = self.clone();
            tokio::spawn(async move {
                let turn = slot.take().await;
                spool.remove_taken((id, turn)).await
            })
        });
        let removals = removals.collect();
        let mut results = Vec::new();
        for upload in free {
            results.push(self.remove_taken(upload).await);
        }
        (results, removals)
    }

    /// Removes an upload. If it is not possible, nobody finds the upload, and it is tried again with the next
    /// removal.
    async fn remove_taken(&self, (id, turn): Taken) -> Removal {
        let result = self
            .blocking(move |spool| {
                let was_known = spool.index().get(&id).is_some();
                let removed = spool.remove(&id);
                if removed.is_err()
                    && let Some(entry) = spool.index().get_mut(&id)
                {
                    entry.is_doomed = true;
                }
                drop(turn);
                removed?;
                Ok(was_known)
            })
            .await;
        result.map_err(|failure| {
            tracing::warn!(error = ?failure, "an upload could not be removed");
            ResumableError::directory(match failure {
                SpoolFailure::Io(error) => error,
                other => std::io::Error::other(format!("{other:?}")),
            })
        })
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

    fn index(&self) -> MutexGuard<'_, Index> {
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
