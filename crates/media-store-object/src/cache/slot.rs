//! The directory of one cache: `<dir>/<n>`, ours alone as long as we hold the lock in it.
//!
//! Nothing here follows a symbolic link below `<dir>`. All of it blocks.

use std::fs::{File, FileTimes, TryLockError};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, OpenOptions};

use super::key::{CacheKey, FileName};

const LOCK: &str = "lock";
#[cfg(unix)]
const PROBE: &str = "probe";
/// How many caches may share a directory.
pub(super) const MAX_SLOTS: u32 = 256;

/// Which file this is, and whether it was written to since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    inode: u64,
    pub(super) len: u64,
    modified: Option<SystemTime>,
}

impl Identity {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            inode: inode(&metadata),
            len: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

#[cfg(unix)]
fn inode(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &std::fs::Metadata) -> u64 {
    0
}

/// A file that an earlier process left, and when it was last used.
#[derive(Debug)]
pub(super) struct FoundFile {
    pub(super) name: FileName,
    pub(super) used: SystemTime,
}

#[derive(Debug)]
pub(super) struct Slot {
    base: Dir,
    dir: Dir,
    number: u32,
    next: AtomicU64,
    // Held until the process ends or the cache is dropped.
    _lock: File,
}

impl Slot {
    /// Takes the first directory that nobody holds, and makes what is missing.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        create_base(path)?;
        let base = Dir::open_ambient_dir(path, cap_std::ambient_authority())?;
        for number in 0..MAX_SLOTS {
            let name = number.to_string();
            match create_dir(&base, &name) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            let dir = base.open_dir_nofollow(&name)?;
            let Some(lock) = take_lock(&dir)? else {
                continue;
            };
            make_private(&dir)?;
            return Ok(Self {
                base,
                dir,
                number,
                next: AtomicU64::new(0),
                _lock: lock,
            });
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// What earlier processes left, in no order. What they were filling is removed, and so is what
    /// has not the length of its name.
    pub(super) fn scan(&self) -> io::Result<Vec<FoundFile>> {
        let mut found = Vec::new();
        let mut highest = 0;
        for entry in self.dir.entries()? {
            let entry = entry?;
            let file_name = entry.file_name();
            let Some(text) = file_name.to_str() else {
                continue;
            };
            if FileName::parse_filling(text).is_some() {
                self.dir.remove_file(text)?;
                continue;
            }
            let Some(name) = FileName::parse(text) else {
                continue;
            };
            highest = highest.max(name.number);
            let metadata = entry.metadata()?;
            if !metadata.is_file() || metadata.len() != name.key.size {
                self.dir.remove_file(text)?;
                continue;
            }
            let used = [metadata.accessed(), metadata.modified()]
                .into_iter()
                .flatten()
                .map(cap_std::time::SystemTime::into_std)
                .max();
            found.push(FoundFile {
                name,
                used: used.unwrap_or(SystemTime::UNIX_EPOCH),
            });
        }
        self.next
            .store(highest.saturating_add(1), Ordering::Relaxed);
        Ok(found)
    }

    /// A name that no file has or had.
    pub(super) fn new_name(&self, key: CacheKey) -> FileName {
        FileName {
            key,
            number: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// A new file to be filled.
    pub(super) fn create(&self, name: &FileName) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        open(&self.dir, &name.filling(), options)
    }

    /// Gives a filled file its name.
    pub(super) fn publish(&self, name: &FileName) -> io::Result<()> {
        self.dir.rename(name.filling(), &self.dir, name.whole())
    }

    /// Opens a whole file for reading.
    pub(super) fn read(&self, name: &FileName) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true);
        open(&self.dir, &name.whole(), options)
    }

    pub(super) fn remove(&self, name: &FileName) -> io::Result<()> {
        gone(self.dir.remove_file(name.whole()))
    }

    pub(super) fn remove_filling(&self, name: &FileName) -> io::Result<()> {
        gone(self.dir.remove_file(name.filling()))
    }

    /// Removes every file of media from this directory and from those that nobody holds. Returns
    /// how many directories belong to others.
    pub(super) fn clear(&self) -> io::Result<u32> {
        remove_media(&self.dir)?;
        let mut others = 0;
        for number in (0..MAX_SLOTS).filter(|number| *number != self.number) {
            let dir = match self.base.open_dir_nofollow(number.to_string()) {
                Ok(dir) => dir,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            match take_lock(&dir)? {
                Some(_lock) => remove_media(&dir)?,
                None => others += 1,
            }
        }
        Ok(others)
    }
}

/// Notes that a file was used, for the order after a restart. The time of its last change is left
/// alone: it tells that nobody wrote to it.
pub(super) fn note_use(file: &File) {
    // Where the system refuses, the order after a restart is that of filling.
    let _ = file.set_times(FileTimes::new().set_accessed(SystemTime::now()));
}

fn remove_media(dir: &Dir) -> io::Result<()> {
    for entry in dir.entries()? {
        let name = entry?.file_name();
        let ours = name.to_str().is_some_and(|name| {
            FileName::parse(name).is_some() || FileName::parse_filling(name).is_some()
        });
        if ours {
            gone(dir.remove_file(&name))?;
        }
    }
    Ok(())
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn take_lock(dir: &Dir) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    let lock = open(dir, LOCK, options)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn open(dir: &Dir, name: &str, mut options: OpenOptions) -> io::Result<File> {
    options.follow(FollowSymlinks::No);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    Ok(dir.open_with(name, &options)?.into_std())
}

fn create_base(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn create_dir(base: &Dir, name: &str) -> io::Result<()> {
    #[cfg_attr(not(unix), allow(unused_mut, reason = "modes are set on Unix only"))]
    let mut builder = cap_std::fs::DirBuilder::new();
    #[cfg(unix)]
    cap_std::fs::DirBuilderExt::mode(&mut builder, 0o700);
    base.create_dir_with(name, &builder)
}

/// Whoever else could write here could put other bytes under our names, or read ours.
#[cfg(unix)]
fn make_private(dir: &Dir) -> io::Result<()> {
    use cap_std::fs::{MetadataExt as _, Permissions, PermissionsExt as _};
    // A file that we make tells who we are.
    gone(dir.remove_file(PROBE))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let probe = match open(dir, PROBE, options) {
        Ok(probe) => probe,
        // A full disk is no reason not to start.
        Err(error) if is_full(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    let metadata = dir.dir_metadata()?;
    let ours = metadata.uid() == std::os::unix::fs::MetadataExt::uid(&probe.metadata()?);
    gone(dir.remove_file(PROBE))?;
    if !ours {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    if metadata.mode() & 0o077 == 0 {
        return Ok(());
    }
    dir.set_permissions(".", Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn make_private(_: &Dir) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
