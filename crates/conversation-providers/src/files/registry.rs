//! Where the ids of files are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::Utc;

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

/// Most files of a registry in memory.
const MAX_FILES: usize = 16 * 1024;

/// A registry in memory, of 16,384 files at most: those that have ended are forgotten, and beyond the most
/// the one that ends first.
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
        self.with(|files| {
            let now = Utc::now();
            files.retain(|_, record| !record.is_over(now));
            if files.len() >= MAX_FILES && !files.contains_key(&record.key) {
                let ends = |record: &FileRecord| (record.expires_at.is_none(), record.expires_at);
                let first = files.iter().min_by_key(|(_, record)| ends(record));
                if let Some(first) = first.map(|(key, _)| key.clone()) {
                    files.remove(&first);
                }
            }
            files.insert(record.key.clone(), record);
        });
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

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use media_storage::Sha256Hasher;

    use super::*;

    fn record(number: usize, seconds: Option<i64>) -> FileRecord {
        let hash = Sha256Hasher::digest(&number.to_be_bytes());
        let key = FileKey::new("openai", "https://h.example/v1", "account", hash);
        let mut record = FileRecord::new(key, format!("file-{number}"));
        record.expires_at = seconds.map(|seconds| Utc::now() + TimeDelta::seconds(seconds));
        record
    }

    #[tokio::test]
    async fn files_that_have_ended_are_forgotten_when_another_comes() {
        let files = MemoryFileRegistry::new();
        files.put(record(1, Some(-1))).await;
        files.put(record(2, Some(60))).await;
        files.put(record(3, None)).await;
        assert_eq!(files.with(|files| files.len()), 2);
        assert_eq!(files.get(&record(1, None).key).await, None);
    }

    #[tokio::test]
    async fn beyond_the_most_the_file_that_ends_first_is_forgotten() {
        let files = MemoryFileRegistry::new();
        files.with(|files| {
            for number in 0..MAX_FILES {
                let seconds = (number != 7).then_some(600 - i64::from(number == 9));
                let record = record(number, seconds);
                files.insert(record.key.clone(), record);
            }
        });
        let new = record(MAX_FILES, Some(10));
        files.put(new.clone()).await;
        assert_eq!(files.with(|files| files.len()), MAX_FILES);
        assert_eq!(files.get(&record(9, None).key).await, None);
        assert_eq!(files.get(&new.key).await, Some(new));
        assert!(files.get(&record(7, None).key).await.is_some());
    }
}
