//! How a cache is set up.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use media_storage::{MediaStorage, Operation, StorageError, StorageErrorKind};
use tokio::sync::Semaphore;

use super::disk::Disk;
use super::ledger::BLOCK;
use super::{Inner, ReadCache};

/// Files that may be filled at once; further bodies pass by the cache.
const FILLS: usize = 32;
/// Files that may be opened at once; further reads wait for them.
const LOOKUPS: usize = 64;

/// Which media enters a [`ReadCache`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheFill {
    /// What is read whole.
    #[default]
    Reads,
    /// Also what is stored from memory, bytes or base64. Streams are not kept on their way in.
    ReadsAndStores,
}

/// Sets up a [`ReadCache`].
#[derive(Debug)]
#[must_use]
pub struct ReadCacheBuilder {
    store: Arc<dyn MediaStorage>,
    dir: PathBuf,
    capacity: u64,
    max_item: u64,
    fill: CacheFill,
    patience: Duration,
    max_wait: Duration,
}

impl ReadCacheBuilder {
    pub(super) fn new(store: Arc<dyn MediaStorage>, dir: PathBuf) -> Self {
        Self {
            store,
            dir,
            capacity: 1 << 30,
            max_item: 256 << 20,
            fill: CacheFill::default(),
            patience: Duration::from_millis(200),
            max_wait: Duration::from_secs(30),
        }
    }

    /// Most bytes of disk that this cache takes, each file counted in blocks of 4 KiB; at least one
    /// block. Several processes that share a directory take so much each. Default: 1 GiB.
    pub fn with_capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// Larger media passes by the cache. Default: 256 MiB.
    pub fn with_max_item(mut self, bytes: u64) -> Self {
        self.max_item = bytes;
        self
    }

    /// Which media enters. Default: [`CacheFill::Reads`].
    pub fn with_fill(mut self, fill: CacheFill) -> Self {
        self.fill = fill;
        self
    }

    /// How long readers wait for another reader that fills the cache and does not read on; then
    /// they go to the store by themselves. Default: 200 ms.
    pub fn with_patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// How long readers wait for a download or a check by another reader in all. Default: 30 s.
    pub fn with_max_wait(mut self, time: Duration) -> Self {
        self.max_wait = time;
        self
    }

    /// Opens the directory, makes it where it is missing, and looks at what is in it.
    ///
    /// # Errors
    /// `Config` for a capacity below one block, and for a directory that cannot be one or that too
    /// many caches share; `Permission` for one that this process may not use alone; `DiskSpace`
    /// where there is no room for it; `Other` for what else the disk says.
    pub async fn build(self) -> Result<ReadCache, StorageError> {
        let fail = |kind| StorageError::new(kind, Operation::Open).with_backend("read cache");
        if self.capacity < BLOCK {
            return Err(fail(StorageErrorKind::Config)
                .with_reason("the capacity is below one block of 4096 bytes"));
        }
        let (dir, capacity) = (self.dir, self.capacity);
        let opened = tokio::task::spawn_blocking(move || Disk::open(&dir, capacity)).await;
        let disk = opened
            .unwrap_or_else(|stopped| Err(stopped.into()))
            .map_err(|error| {
                let kind = kind_of(&error);
                fail(kind)
                    .with_reason("the directory of the cache cannot be used")
                    .with_source(error)
            })?;
        Ok(ReadCache {
            inner: Arc::new(Inner {
                store: self.store,
                disk: Arc::new(disk),
                max_item: self.max_item.min(self.capacity),
                fill: self.fill,
                patience: self.patience,
                max_wait: self.max_wait,
                fills: Arc::new(Semaphore::new(FILLS)),
                lookups: Arc::new(Semaphore::new(LOOKUPS)),
                resting_until: Mutex::new(None),
            }),
        })
    }
}

pub(super) fn kind_of(error: &io::Error) -> StorageErrorKind {
    use io::ErrorKind as E;
    match error.kind() {
        E::PermissionDenied | E::ReadOnlyFilesystem => StorageErrorKind::Permission,
        E::StorageFull | E::QuotaExceeded => StorageErrorKind::DiskSpace,
        E::NotADirectory | E::NotFound | E::ResourceBusy | E::Unsupported | E::InvalidInput => {
            StorageErrorKind::Config
        }
        _ => StorageErrorKind::Other,
    }
}
