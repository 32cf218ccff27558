//! What the operating systems do differently.
//!
//! Everything takes an open directory and a name or a relative path; nothing follows a symbolic
//! link.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
pub(crate) use other::*;

use std::fs::File;
use std::io;

use cap_fs_ext::{FollowSymlinks, MetadataExt as _, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, OpenOptions};

/// Which file this is, and how many names it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) links: u64,
}

impl Identity {
    /// Whether two names lead to one file.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// What is under a name, without following a link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    pub(crate) identity: Identity,
    pub(crate) len: u64,
    pub(crate) is_file: bool,
}

/// Looks at an open file.
pub(crate) fn stat_file(file: &File) -> io::Result<Stat> {
    let metadata = cap_std::fs::Metadata::from_file(file)?;
    Ok(stat_of(&metadata))
}

/// Looks at a name in a directory.
pub(crate) fn stat(dir: &Dir, name: &str) -> io::Result<Stat> {
    let metadata = dir.symlink_metadata(name)?;
    Ok(stat_of(&metadata))
}

/// Whether there is no room, or none left of a quota.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Whether something is certainly not there: an error that tells nothing is no absence.
pub(crate) fn is_absent(looked: &io::Result<Stat>) -> bool {
    looked
        .as_ref()
        .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn stat_of(metadata: &cap_std::fs::Metadata) -> Stat {
    Stat {
        identity: Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            links: metadata.nlink(),
        },
        len: metadata.len(),
        is_file: metadata.is_file(),
    }
}

/// Opens a directory by the names that lead to it.
pub(crate) fn open_dir_at<'a>(
    base: &Dir,
    names: impl IntoIterator<Item = &'a str>,
) -> io::Result<Dir> {
    let mut dir = base.try_clone()?;
    for name in names {
        dir = open_dir(&dir, name)?;
    }
    Ok(dir)
}

/// Opens a file for reading, name by name: the way that works everywhere.
pub(crate) fn open_stepwise(base: &Dir, path: &str) -> io::Result<File> {
    let (parents, name) = path
        .rsplit_once('/')
        .map_or((None, path), |(p, n)| (Some(p), n));
    let held;
    let dir = match parents {
        Some(parents) => {
            held = open_dir_at(base, parents.split('/'))?;
            &held
        }
        None => base,
    };
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No);
    dont_wait(&mut options);
    Ok(dir.open_with(name, &options)?.into_std())
}

/// Creates a file that is not there yet, for writing and reading back.
pub(crate) fn create_new(dir: &Dir, name: &str, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create_new(true)
        .follow(FollowSymlinks::No);
    set_creation_mode(&mut options, mode);
    let file = dir.open_with(name, &options)?.into_std();
    fix_file_mode(&file, mode)?;
    Ok(file)
}

/// Opens a file for locking, creating it where it is missing.
pub(crate) fn open_lock(dir: &Dir, name: &str, creation: Creation, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).follow(FollowSymlinks::No);
    match creation {
        Creation::New => options.create_new(true),
        Creation::IfMissing => options.create(true),
    };
    dont_wait(&mut options);
    set_creation_mode(&mut options, mode);
    let file = dir.open_with(name, &options)?.into_std();
    // The umask may have taken bits; only the owner may give them back, and has then.
    let _ = fix_file_mode(&file, mode);
    Ok(file)
}

/// Whether nothing is under a path: not there, or something else where a directory should be.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether a file must be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    New,
    IfMissing,
}

/// Whether an attempt to link failed because links are not to be had here, as opposed to not now.
pub(crate) fn links_unsupported(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
    )
}
