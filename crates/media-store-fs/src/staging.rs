//! Staging: where files are created before they receive their names, and which process owns them.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::fs::Dir;
use media_storage::StorageError;
use media_storage::layout::MediaToken;

use crate::error::io_error;
use crate::options::FilePermissions;
use crate::sys::{self, Creation};

const LOCK: &str = "lock";
const ATTEMPTS: u32 = 16;

/// The staging directories of all processes. This process creates its own at the first store.
#[derive(Debug)]
pub(crate) struct Stagings {
    tmp: Arc<Dir>,
    permissions: FilePermissions,
    own: Mutex<Option<Arc<Staging>>>,
}

impl Stagings {
    pub(crate) fn new(tmp: Dir, permissions: FilePermissions) -> Self {
        Self {
            tmp: Arc::new(tmp),
            permissions,
            own: Mutex::new(None),
        }
    }

    /// Returns the directory of this process, and creates it if there is none.
    fn own(&self) -> Result<Arc<Staging>, StorageError> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(staging) = own.as_ref() {
            return Ok(Arc::clone(staging));
        }
        let made = Arc::new(Staging::create(&self.tmp, self.permissions)?);
        *own = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Creates a staged entry, without a file.
    pub(crate) fn entry(&self) -> Result<Entry, StorageError> {
        Ok(Entry {
            staging: self.own()?,
            id: MediaToken::mint()?,
        })
    }

    /// Creates a staged entry of a given id, which must not be staged already.
    pub(crate) fn entry_of(&self, id: MediaToken) -> Result<Entry, StorageError> {
        Ok(Entry {
            staging: self.own()?,
            id,
        })
    }

    /// Releases the directory of this process, which is removed with its last entry. The next entry
    /// creates a new one.
    pub(crate) fn reset(&self) {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether any process has a staged entry of a token.
    pub(crate) fn is_staged(&self, id: &str) -> io::Result<bool> {
        for directory in self.tmp.entries()? {
            let directory = directory?.file_name();
            let Some(name) = directory.to_str() else {
                continue;
            };
            match sys::open_dir(&self.tmp, name).and_then(|dir| sys::stat(&dir, id)) {
                Ok(_) => return Ok(true),
                // What is not a directory stages nothing.
                Err(error) if sys::is_absence(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Removes the directories whose process has ended, unless this is a dry run. Returns what they
    /// contained.
    pub(crate) fn sweep(&self, mode: SweepMode) -> io::Result<Swept> {
        let mut swept = Swept::default();
        for directory in self.tmp.entries()? {
            let directory = directory?.file_name();
            let Some(name) = directory.to_str() else {
                continue;
            };
            match self.sweep_one(name, mode, &mut swept) {
                Err(error) if !sys::is_not_found(&error) => swept.failed += 1,
                _ => {}
            }
        }
        Ok(swept)
    }

    fn sweep_one(&self, name: &str, mode: SweepMode, swept: &mut Swept) -> io::Result<()> {
        let dir = sys::open_dir(&self.tmp, name)?;
        let creation = match mode {
            SweepMode::Remove => Creation::IfMissing,
            SweepMode::DryRun if dir.symlink_metadata(LOCK).is_err() => return Ok(()),
            SweepMode::DryRun => Creation::IfMissing,
        };
        let Some(_lock) = take_lock(&dir, creation, self.permissions)? else {
            return Ok(());
        };
        for entry in dir.entries()? {
            let entry = entry?.file_name();
            let Some(entry) = entry.to_str().filter(|entry| *entry != LOCK) else {
                continue;
            };
            let stat = sys::stat(&dir, entry)?;
            swept.files += 1;
            if stat.links == 1 {
                swept.bytes += stat.len;
            }
            if mode == SweepMode::Remove {
                dir.remove_file(entry)?;
            }
        }
        if mode == SweepMode::Remove {
            dir.remove_file(LOCK)?;
            match self.tmp.remove_dir(name) {
                // Another sweep has opened it, and removes it in turn.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                other => other?,
            }
        }
        Ok(())
    }
}

/// Whether a sweep removes what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SweepMode {
    Remove,
    DryRun,
}

/// What staging directories of ended processes contained.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Swept {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) failed: u64,
}

/// Takes the lock of a staging directory. Returns `None` if another process holds it, or if the file
/// under its name is no longer the locked one.
fn take_lock(
    dir: &Dir,
    creation: Creation,
    permissions: FilePermissions,
) -> io::Result<Option<File>> {
    let lock = sys::open_lock(dir, LOCK, creation, permissions.sidecar_mode())?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
        Err(std::fs::TryLockError::Error(error)) => return Err(error),
    }
    let held = sys::stat_file(&lock)?.identity;
    let named = sys::stat(dir, LOCK)?.identity;
    Ok((held == named).then_some(lock))
}

/// A staging directory with its lock. While the lock is held, no other process touches the directory.
#[derive(Debug)]
pub(crate) struct Staging {
    tmp: Arc<Dir>,
    name: String,
    dir: Dir,
    // Held until the directory is removed or the process ends.
    _lock: File,
}

impl Staging {
    fn create(tmp: &Arc<Dir>, permissions: FilePermissions) -> Result<Self, StorageError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let name = MediaToken::mint()?.to_string();
            match Self::create_named(tmp, &name, permissions) {
                Ok(Some(staging)) => return Ok(staging),
                // A sweep came between the two steps and took the directory for an abandoned one.
                Ok(None) if attempt < ATTEMPTS => {}
                Err(error)
                    if attempt < ATTEMPTS
                        && matches!(
                            error.kind(),
                            io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
                        ) => {}
                Ok(None) => {
                    return Err(io_error(
                        media_storage::Operation::Store,
                        io::ErrorKind::ResourceBusy.into(),
                    ));
                }
                Err(error) => return Err(io_error(media_storage::Operation::Store, error)),
            }
        }
    }

    fn create_named(
        tmp: &Arc<Dir>,
        name: &str,
        permissions: FilePermissions,
    ) -> io::Result<Option<Self>> {
        sys::create_dir(tmp, name, permissions.own_directory_mode())?;
        let dir = sys::open_dir(tmp, name)?;
        let made = take_lock(&dir, Creation::New, permissions);
        if made.is_err() {
            // The directory is empty; if a sweep holds it, it stays.
            let _ = tmp.remove_dir(name);
        }
        Ok(made?.map(|lock| Self {
            tmp: Arc::clone(tmp),
            name: name.to_owned(),
            dir,
            _lock: lock,
        }))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Files that could not be removed keep the directory, and a sweep removes both.
        let others = self.dir.entries().map_or(true, |entries| {
            entries
                .flatten()
                .any(|entry| entry.file_name().to_str() != Some(LOCK))
        });
        if !others && self.dir.remove_file(LOCK).is_ok() {
            let _ = self.tmp.remove_dir(&self.name);
        }
    }
}

/// The files of one operation, named by its token: `<token>` the bytes, `<token>.b` a helper while
/// bytes are swapped, `<token>.m` the sidecar. Dropping it removes them, `<token>` last.
#[derive(Debug)]
pub(crate) struct Entry {
    staging: Arc<Staging>,
    id: MediaToken,
}

impl Entry {
    pub(crate) fn id(&self) -> &MediaToken {
        &self.id
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.staging.dir
    }

    pub(crate) fn bytes(&self) -> &str {
        self.id.as_str()
    }

    pub(crate) fn helper(&self) -> String {
        format!("{}.b", self.id)
    }

    pub(crate) fn sidecar(&self) -> String {
        format!("{}.m", self.id)
    }

    /// Takes another token, because the published name is in use.
    pub(crate) fn rename(&mut self) -> io::Result<()> {
        let id = MediaToken::mint().map_err(io::Error::other)?;
        self.dir().rename(self.bytes(), self.dir(), id.as_str())?;
        self.id = id;
        Ok(())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // A sweep removes what could not be removed here.
        let _ = self.dir().remove_file(self.helper());
        let _ = self.dir().remove_file(self.sidecar());
        let _ = self.dir().remove_file(self.bytes());
    }
}
