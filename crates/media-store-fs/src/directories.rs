//! The directories that media lies in: created on demand, known to be durable by their handles.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::fs::Dir;

use crate::config::Durability;
use crate::group_sync::GroupSync;
use crate::sys;

/// How many handles are kept open.
const MAX_HANDLES: usize = 64;

/// How often a directory that others remove is created again.
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

    /// A directory that a walk came by; nothing is known of its durability.
    pub(crate) fn opened(path: &str, dir: Dir) -> Arc<Self> {
        Self::new(path, dir)
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Makes the entries durable; callers at the same time share one fsync.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.group.sync(|| sys::sync_dir(&self.dir))
    }
}

/// Hands out directories. A directory whose handle is here is known to be durable itself.
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

    /// The directory at a relative path, made where it is missing.
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
                // Another process removes empty directories; the parent may be one of them.
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {
                    self.forget(&parent);
                }
                other => return other,
            }
        }
    }

    fn create_in(&self, parent: &MediaDir, path: &str, name: &str) -> io::Result<Arc<MediaDir>> {
        let dir = match sys::open_dir(&parent.dir, name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
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

    /// The directory at a relative path if it is there.
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

    /// Makes what was removed from a directory durable: where the directory itself is gone, from
    /// the nearest one above it.
    pub(crate) fn sync_nearest(&self, path: &str) -> io::Result<()> {
        let mut path = path;
        loop {
            match self.existing(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_empty() => {
                    path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                }
                directory => return directory?.sync(),
            }
        }
    }

    /// Lets go of a handle that may be of a directory that is gone.
    pub(crate) fn forget(&self, stale: &MediaDir) {
        self.open().remove(&stale.path);
    }

    /// Removes a directory and its parents as far as they are empty.
    pub(crate) fn remove_empty(&self, path: &str) {
        let mut path = path;
        while !path.is_empty() {
            let (parent_path, name) = path.rsplit_once('/').unwrap_or(("", path));
            let Ok(parent) = self.existing(parent_path) else {
                return;
            };
            // Fails where something is left, which is how most of these end.
            if parent.dir.remove_dir(name).is_err() {
                return;
            }
            self.open().remove(path);
            path = parent_path;
        }
    }
}
