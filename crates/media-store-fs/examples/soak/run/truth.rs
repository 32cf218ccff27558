//! What is really on the disk, counted without the store.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use media_storage::layout::FileName;

use crate::run::Result;

#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    /// Media files by their path from the base.
    pub(crate) media: Vec<String>,
    pub(crate) logical_bytes: u64,
    /// Size and number of names of every inode of media.
    inodes: HashMap<u64, u64>,
    /// Files that belong to no reference, the store's own description aside.
    pub(crate) leftovers: Vec<PathBuf>,
}

impl Truth {
    pub(crate) fn blobs(&self) -> u64 {
        self.inodes.len() as u64
    }

    pub(crate) fn stored_bytes(&self) -> u64 {
        self.inodes.values().sum()
    }

    /// Counts everything below a base directory.
    pub(crate) fn count(base: &Path) -> Result<Self> {
        let mut truth = Self::default();
        truth.walk(base, base)?;
        let own = base.join(".store");
        for name in ["tmp", "expiry", "blobs"] {
            truth.own(&own.join(name))?;
        }
        Ok(truth)
    }

    fn walk(&mut self, base: &Path, directory: &Path) -> Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let metadata = fs::symlink_metadata(&path)?;
            if metadata.is_dir() {
                self.walk(base, &path)?;
            } else if FileName::parse(&name).is_some() {
                self.media
                    .push(path.strip_prefix(base)?.to_string_lossy().into_owned());
                self.logical_bytes += metadata.len();
                self.inodes.insert(metadata.ino(), metadata.len());
                if !directory.join(format!("{name}.meta")).is_file() {
                    self.leftovers.push(path);
                }
            } else if !name
                .strip_suffix(".meta")
                .is_some_and(|media| directory.join(media).is_file())
            {
                self.leftovers.push(path);
            }
        }
        Ok(())
    }

    /// Staged files, hints, and blobs that are no reference's inode.
    fn own(&mut self, directory: &Path) -> Result<()> {
        if !directory.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            if metadata.is_dir() {
                self.own(&path)?;
            } else if !self.inodes.contains_key(&metadata.ino()) {
                self.leftovers.push(path);
            }
        }
        Ok(())
    }
}
