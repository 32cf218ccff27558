//! The directory of one cache, `<dir>/<n>`, which belongs to whoever holds the lock in it.
//!
//! Nothing here follows a symbolic link below `<dir>`. All functions block.

use std::fs::{File, FileTimes, TryLockError};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, OpenOptions};

use crate::key::{CacheKey, FileName};

const LOCK: &str = "lock";
#[cfg(unix)]
const PROBE: &str = "probe";
/// Maximum number of caches that share a directory.
pub(crate) const MAX_SLOTS: u32 = 256;

/// Identity of a file, which changes when the file is written to.
///
/// It is compared only with the identity of a file that was opened by the same name, and a name is
/// never given to a second file, so that a reused inode number cannot pass for another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    inode: u64,
    pub(crate) len: u64,
    modified: Option<SystemTime>,
}

impl Identity {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
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

/// A file that an earlier process left, with the time of its last use.
#[derive(Debug)]
pub(crate) struct FoundFile {
    pub(crate) name: FileName,
    pub(crate) used: SystemTime,
}

#[derive(Debug)]
pub(crate) struct Slot {
    base: Dir,
    dir: Dir,
    number: u32,
    next: AtomicU64,
    // Held until the cache is dropped or the process ends.
    _lock: File,
}

impl Slot {
    /// Locks the first directory that is not locked, creating what is missing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
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

    /// Returns the files that earlier processes left, in no order. Files that were being filled, and
    /// files whose length differs from their name, are removed.
    pub(crate) fn scan(&self) -> io::Result<Vec<FoundFile>> {
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

    /// Returns a name that no file has or had.
    pub(crate) fn new_name(&self, key: CacheKey) -> FileName {
        FileName {
            key,
            number: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Creates a file to be filled.
    pub(crate) fn create(&self, name: &FileName) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        open(&self.dir, &name.filling(), options)
    }

    /// Renames a filled file to its final name.
    pub(crate) fn publish(&self, name: &FileName) -> io::Result<()> {
        self.dir.rename(name.filling(), &self.dir, name.whole())
    }

    /// Opens a file for reading.
    pub(crate) fn read(&self, name: &FileName) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true);
        open(&self.dir, &name.whole(), options)
    }

    pub(crate) fn remove(&self, name: &FileName) -> io::Result<()> {
        gone(self.dir.remove_file(name.whole()))
    }

    pub(crate) fn remove_filling(&self, name: &FileName) -> io::Result<()> {
        gone(self.dir.remove_file(name.filling()))
    }

    /// Removes every media file from this directory and from those that are not locked. Returns the
    /// number of directories that other caches hold.
    pub(crate) fn clear(&self) -> io::Result<u32> {
        remove_media(&self.dir, |_| true)?;
        let (_, others) = self.remove_left(|_| true)?;
        Ok(others)
    }

    /// Removes the files whose names are chosen from the directories that are not locked. Returns
    /// their number, and the number of directories that other caches hold.
    pub(crate) fn remove_left(&self, chosen: impl Fn(&FileName) -> bool) -> io::Result<(u64, u32)> {
        let (mut removed, mut others) = (0, 0);
        for number in (0..MAX_SLOTS).filter(|number| *number != self.number) {
            let dir = match self.base.open_dir_nofollow(number.to_string()) {
                Ok(dir) => dir,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            match take_lock(&dir)? {
                Some(_lock) => removed += remove_media(&dir, &chosen)?,
                None => others += 1,
            }
        }
        Ok((removed, others))
    }
}

/// Records the use of a file in its access time, for the order of eviction after a restart. The
/// modification time stays: it shows that nothing was written to the file.
pub(crate) fn note_use(file: &File) {
    // If the system refuses, the order after a restart is that of filling.
    let _ = file.set_times(FileTimes::new().set_accessed(SystemTime::now()));
}

fn remove_media(dir: &Dir, chosen: impl Fn(&FileName) -> bool) -> io::Result<u64> {
    let mut removed = 0;
    for entry in dir.entries()? {
        let name = entry?.file_name();
        let ours = name
            .to_str()
            .and_then(|name| FileName::parse(name).or_else(|| FileName::parse_filling(name)));
        if ours.is_some_and(|name| chosen(&name)) {
            gone(dir.remove_file(&name))?;
            removed += 1;
        }
    }
    Ok(removed)
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

/// Removes the rights of other users, who could otherwise read the files or replace their bytes.
#[cfg(unix)]
fn make_private(dir: &Dir) -> io::Result<()> {
    use cap_std::fs::{MetadataExt as _, Permissions, PermissionsExt as _};
    // The owner of a file that this process creates is the user that it runs as.
    gone(dir.remove_file(PROBE))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let probe = match open(dir, PROBE, options) {
        Ok(probe) => probe,
        // A full disk must not keep the cache from opening.
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
