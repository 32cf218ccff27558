//! Where the ids of files are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::record::{FileKey, FileRecord};

/// Where the ids of files are kept. A registry that survives restarts saves uploads, and knows what
/// is to be deleted; one in a process knows what this process uploaded.
#[async_trait]
pub trait FileRegistry: fmt::Debug + Send + Sync + 'static {
    /// Returns the file of a key.
    async fn get(&self, key: &FileKey) -> Option<FileRecord>;

    /// Returns whether one more file can be kept. Defaults to yes: without, nothing is uploaded.
    async fn has_room(&self) -> bool {
        true
    }

    /// Keeps a file, in place of another of its key. Returns whether it has a place now.
    async fn put(&self, record: FileRecord) -> bool;

    /// Keeps a file that was uploaded just now, for whoever this registry belongs to. Returns
    /// whether it has a place now: one without is deleted. Defaults to [`put`](Self::put).
    async fn put_uploaded(&self, record: FileRecord) -> bool {
        self.put(record).await
    }

    /// Forgets the file of a key, if it is still this one.
    async fn remove(&self, key: &FileKey, id: &str);
}

/// A registry in memory.
#[derive(Debug, Default)]
pub struct MemoryFileRegistry(Mutex<BTreeMap<FileKey, FileRecord>>);

impl MemoryFileRegistry {
    /// Creates an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<FileKey, FileRecord>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl FileRegistry for MemoryFileRegistry {
    async fn get(&self, key: &FileKey) -> Option<FileRecord> {
        self.with(|files| files.get(key).cloned())
    }

    async fn put(&self, record: FileRecord) -> bool {
        self.with(|files| files.insert(record.key.clone(), record));
        true
    }

    async fn remove(&self, key: &FileKey, id: &str) {
        self.with(|files| {
            if files.get(key).is_some_and(|record| record.id == id) {
                files.remove(key);
            }
        });
    }
}
