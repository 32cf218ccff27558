//! What must be in the directory, and how it is compared with what is.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use media_storage::layout::FileName;
use media_storage::{
    Inventory as _, MediaMetadata, MediaStorage as _, MediaStorageExt as _, MediaUpload, Scope,
    StorageError, SweepDepth, SweepOptions, Usage,
};
use media_store_fs::{Durability, FileStore};
use media_types::{Mime, StorageReference};

use crate::run::Result;

/// Bytes that differ by seed.
pub(crate) fn noise(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(len)
    .collect();
    bytes.into()
}

pub(crate) fn about(conversation: &str) -> Result<MediaMetadata> {
    Ok(MediaMetadata::new()
        .with_session("session-1".parse()?)
        .with_conversation(conversation.parse()?))
}

pub(crate) fn png(bytes: Bytes, metadata: MediaMetadata) -> MediaUpload {
    MediaUpload::new(Mime::IMAGE_PNG, bytes, metadata)
}

/// A sweep that takes everything that may go.
pub(crate) fn full_sweep() -> SweepOptions {
    SweepOptions::new().with_depth(SweepDepth::Full)
}

/// A base directory and what was stored there.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) base: PathBuf,
    /// Must be there, with these bytes.
    pub(crate) kept: Vec<(StorageReference, Bytes)>,
}

impl World {
    pub(crate) fn new(base: PathBuf) -> Self {
        Self {
            base,
            kept: Vec::new(),
        }
    }

    /// A handle that knows nothing yet.
    pub(crate) async fn open(&self) -> std::result::Result<FileStore, StorageError> {
        let builder = FileStore::builder(&self.base)
            .with_deduplication(true)
            .with_durability(Durability::Synced);
        builder.build().await
    }

    pub(crate) async fn keep(&mut self, store: &FileStore, bytes: Bytes) -> Result<()> {
        let reference = store.store(png(bytes.clone(), about("kept")?)).await?;
        self.kept.push((reference, bytes));
        Ok(())
    }

    /// Whether the first two still share a blob: a store that had to write bytes of its own made
    /// those the blob.
    pub(crate) fn is_shared(&self) -> Result<bool> {
        let (reference, _) = self.kept.first().ok_or("nothing is kept")?;
        Ok(fs::metadata(self.base.join(reference.id()))?.nlink() == 3)
    }

    /// What was stored before reads as it did.
    pub(crate) async fn unharmed(&self, store: &FileStore) -> std::result::Result<(), String> {
        for (reference, bytes) in &self.kept {
            let read = store.retrieve_bytes(reference, 1 << 24).await;
            match read {
                Ok(read) if read == *bytes => {}
                Ok(_) => return Err(format!("{} has other bytes", reference.id())),
                Err(error) => return Err(format!("{error:?}")),
            }
        }
        Ok(())
    }

    /// The fault is over: after one sweep exactly this is there, and everything works.
    pub(crate) async fn is_right(
        &self,
        more: Option<(&StorageReference, &Bytes)>,
    ) -> std::result::Result<(), String> {
        let told = |error: StorageError| format!("afterwards: {error:?}");
        let store = self.open().await.map_err(told)?;
        let report = store.sweep(full_sweep()).await.map_err(told)?;
        if report.failed > 0 {
            return Err(format!("the sweep afterwards: {report:?}"));
        }
        self.unharmed(&store).await?;
        let mut expected: BTreeSet<String> = BTreeSet::new();
        for (reference, _) in &self.kept {
            expected.insert(reference.id().to_owned());
        }
        if let Some((reference, bytes)) = more {
            let read = store
                .retrieve_bytes(reference, 1 << 24)
                .await
                .map_err(told)?;
            if read != *bytes {
                return Err("what was stored under the fault has other bytes".to_owned());
            }
            expected.insert(reference.id().to_owned());
        }
        let found = Found::in_directory(&self.base).map_err(|error| format!("walk: {error}"))?;
        found.is(&expected)?;
        let usage = store.usage(Scope::All).await.map_err(told)?;
        found.is_told_by(&usage)?;
        if let Some((reference, _)) = more {
            store.delete(reference).await.map_err(told)?;
        }
        // It works: something new, something known, both read and deleted.
        let fresh = noise(99, 5000);
        for bytes in [fresh.clone(), fresh] {
            let metadata = about("afterwards").map_err(|error| error.to_string())?;
            let stored = store
                .store(png(bytes.clone(), metadata))
                .await
                .map_err(told)?;
            let read = store.retrieve_bytes(&stored, 1 << 24).await.map_err(told)?;
            if read != bytes {
                return Err("what was stored afterwards has other bytes".to_owned());
            }
            store.delete(&stored).await.map_err(told)?;
        }
        store.close().await.map_err(told)?;
        Ok(())
    }
}

/// What lies in a directory, counted without the store.
#[derive(Debug, Default)]
struct Found {
    media: BTreeMap<String, (u64, u64)>,
    leftovers: Vec<String>,
}

impl Found {
    fn in_directory(base: &Path) -> Result<Self> {
        let mut found = Self::default();
        found.walk(base, base)?;
        let inodes: HashSet<u64> = found.media.values().map(|(inode, _)| *inode).collect();
        for own in ["tmp", "blobs"] {
            found.own(&base.join(".store").join(own), &|_, inode| {
                inodes.contains(&inode)
            })?;
        }
        let names: Vec<String> = found.media.keys().cloned().collect();
        let is_hint = |id: &str, _| names.iter().any(|name| name.contains(id));
        found.own(&base.join(".store/expiry"), &is_hint)?;
        Ok(found)
    }

    fn walk(&mut self, base: &Path, directory: &Path) -> Result<()> {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let relative = path.strip_prefix(base)?.to_string_lossy().into_owned();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let metadata = fs::symlink_metadata(&path)?;
            if name.starts_with('.') {
                continue;
            } else if metadata.is_dir() {
                self.walk(base, &path)?;
            } else if FileName::parse(&name).is_some() {
                self.media
                    .insert(relative, (metadata.ino(), metadata.len()));
            } else if !name
                .strip_suffix(".meta")
                .is_some_and(|media| directory.join(media).exists())
            {
                self.leftovers.push(relative);
            }
        }
        Ok(())
    }

    /// Files that nothing visible holds.
    fn own(&mut self, directory: &Path, is_held: &dyn Fn(&str, u64) -> bool) -> Result<()> {
        let Ok(entries) = fs::read_dir(directory) else {
            return Ok(());
        };
        for entry in entries {
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            if metadata.is_dir() {
                self.own(&path, is_held)?;
                continue;
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name != "lock" && !is_held(&name, metadata.ino()) {
                self.leftovers.push(path.display().to_string());
            }
        }
        Ok(())
    }

    fn is(&self, expected: &BTreeSet<String>) -> std::result::Result<(), String> {
        let media: BTreeSet<String> = self.media.keys().cloned().collect();
        if media != *expected {
            return Err(format!("there is {media:?} instead of {expected:?}"));
        }
        if !self.leftovers.is_empty() {
            return Err(format!("left behind: {:?}", self.leftovers));
        }
        Ok(())
    }

    fn is_told_by(&self, usage: &Usage) -> std::result::Result<(), String> {
        let inodes: BTreeMap<u64, u64> = self.media.values().copied().collect();
        let truth = (
            self.media.len() as u64,
            inodes.len() as u64,
            inodes.values().sum::<u64>(),
        );
        let told = (usage.references, usage.blobs, usage.stored_bytes);
        if truth != told {
            return Err(format!("usage tells {told:?}, there is {truth:?}"));
        }
        Ok(())
    }
}
