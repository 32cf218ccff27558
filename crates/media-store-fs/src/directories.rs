//! The directories of the media: created on demand, and known to be durable by their handles.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::fs::Dir;

use crate::group_sync::GroupSync;
use crate::options::Durability;
use crate::sys;

/// Number of handles that are kept open.
const MAX_HANDLES: usize = 64;

/// Number of times that a directory which others remove is created again.
const ATTEMPTS: u32 = 64;

/// An open directory.
#[derive(Debug)]
pub(crate) struct MediaDir {
    path: Box<str>,
    dir: Dir,
    group: GroupSync,
}

impl MediaDir {
    fn new(path: &str, dir: Dir) -> Arc<Self> {
        Arc::new(Self {
            path: path.into(),
            dir,
            group: GroupSync::default(),
        })
    }

    /// Wraps a directory that a walk opened. Whether its entry is durable is unknown.
    pub(crate) fn opened(path: &str, dir: Dir) -> Arc<Self> {
        Self::new(path, dir)
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Makes the entries durable. Concurrent callers share an fsync.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.group.sync(|| sys::sync_dir(&self.dir))
    }
}

/// Hands out directories. A directory whose handle is kept here has a durable entry in its parent.
#[derive(Debug)]
pub(crate) struct Directories {
    base: Arc<MediaDir>,
    durability: Durability,
    mode: u32,
    open: Mutex<HashMap<Box<str>, Arc<MediaDir>>>,
}

impl Directories {
    pub(crate) fn new(base: Dir, durability: Durability, mode: u32) -> Self {
        Self {
            base: MediaDir::new("", base),
            durability,
            mode,
            open: Mutex::default(),
        }
    }

    pub(crate) fn base(&self) -> &Dir {
        self.base.dir()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<MediaDir>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the directory at a relative path, and creates it if it does not exist.
    pub(crate) fn create(&self, path: &str) -> io::Result<Arc<MediaDir>> {
        if path.is_empty() {
            return Ok(Arc::clone(&self.base));
        }
        if let Some(known) = self.open().get(path) {
            return Ok(Arc::clone(known));
        }
        let (parent_path, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut attempt = 0;
        loop {
            attempt += 1;
            let parent = self.create(parent_path)?;
            match self.create_in(&parent, path, name) {
                // Other processes remove empty directories, and the parent may have been one of them.
                Err(error) if sys::is_stale(&error) && attempt < ATTEMPTS => {
                    self.forget(&parent);
                }
                other => return other,
            }
        }
    }

    fn create_in(&self, parent: &MediaDir, path: &str, name: &str) -> io::Result<Arc<MediaDir>> {
        let dir = match sys::open_dir(&parent.dir, name) {
            Err(error) if sys::is_not_found(&error) => {
                match sys::create_dir(&parent.dir, name, self.mode) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error);
                    }
                    _ => sys::open_dir(&parent.dir, name)?,
                }
            }
            other => other?,
        };
        if self.durability == Durability::Synced {
            parent.sync()?;
        }
        let made = MediaDir::new(path, dir);
        let mut open = self.open();
        if open.len() >= MAX_HANDLES
            && let Some(victim) = open.keys().next().cloned()
        {
            open.remove(&victim);
        }
        Ok(Arc::clone(open.entry(path.into()).or_insert(made)))
    }

    /// Opens the directory at a relative path if it exists.
    pub(crate) fn existing(&self, path: &str) -> io::Result<Arc<MediaDir>> {
        if path.is_empty() {
            return Ok(Arc::clone(&self.base));
        }
        if let Some(known) = self.open().get(path) {
            return Ok(Arc::clone(known));
        }
        let dir = sys::open_dir_at(self.base(), path.split('/'))?;
        Ok(MediaDir::new(path, dir))
    }

    /// Opens the directory that is at a relative path at this moment, whatever was there before.
    pub(crate) fn current(&self, path: &str) -> io::Result<Arc<MediaDir>> {
        let directory = self.existing(path)?;
        if self.is_current(&directory)? {
            return Ok(directory);
        }
        self.forget(&directory);
        self.existing(path)
    }

    /// Makes removals from a directory durable. If the directory was removed too, the nearest one
    /// above it is synced.
    pub(crate) fn sync_nearest(&self, path: &str) -> io::Result<()> {
        let mut path = path;
        loop {
            match self.existing(path) {
                Err(error) if sys::is_not_found(&error) && !path.is_empty() => {
                    path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                }
                directory => return directory?.sync(),
            }
        }
    }

    /// Whether a handle still is the directory at its path. A directory may have been removed,
    /// replaced, or moved away.
    pub(crate) fn is_current(&self, directory: &MediaDir) -> io::Result<bool> {
        if directory.path.is_empty() {
            return Ok(!sys::is_removed(&directory.dir));
        }
        let held = sys::stat_dir(&directory.dir)?;
        match sys::stat(self.base(), &directory.path) {
            Ok(named) => Ok(named.identity == held.identity),
            Err(error) if sys::is_absence(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Drops the handles of a directory and its parents, which may no longer lead to where their
    /// paths do.
    pub(crate) fn forget(&self, stale: &MediaDir) {
        let mut open = self.open();
        let mut path = &*stale.path;
        while !path.is_empty() {
            open.remove(path);
            path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }

    /// Removes a directory and its parents as long as they are empty.
    pub(crate) fn remove_empty(&self, path: &str) {
        let mut path = path;
        while !path.is_empty() {
            let (parent_path, name) = path.rsplit_once('/').unwrap_or(("", path));
            let Ok(parent) = self.existing(parent_path) else {
                return;
            };
            // Usually fails because the directory is not empty.
            if parent.dir.remove_dir(name).is_err() {
                return;
            }
            self.open().remove(path);
            path = parent_path;
        }
    }
}
