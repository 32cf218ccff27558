//! Identity and size of files.

use std::fs::File;
use std::io;

use cap_fs_ext::MetadataExt as _;
use cap_std::fs::{Dir, Metadata};

use super::errors::is_not_found;

/// The inode of a file.
///
/// It identifies a file only while the file exists: file systems reuse the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// What distinguishes the bytes of files during a long walk, in which inode numbers may be reused: media is never
/// written again, and further links to it do not change when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BodyId {
    identity: Identity,
    /// When the file was written, in nanoseconds; 0 where that is not known.
    written: i64,
    pub(crate) len: u64,
}

/// What a directory entry or an open file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) identity: Identity,
    /// Number of hard links.
    pub(crate) links: u64,
    pub(crate) len: u64,
    pub(crate) is_file: bool,
    written: i64,
}

impl Stat {
    /// Returns what distinguishes the bytes of this file from those of others.
    pub(crate) fn body_id(&self) -> BodyId {
        BodyId {
            identity: self.identity,
            written: self.written,
            len: self.len,
        }
    }
}

/// Returns the state of an open file.
pub(crate) fn stat_file(file: &File) -> io::Result<Stat> {
    Ok(of(&Metadata::from_file(file)?))
}

/// Returns the state of an open directory.
pub(crate) fn stat_dir(dir: &Dir) -> io::Result<Stat> {
    Ok(of(&dir.dir_metadata()?))
}

/// Returns the state of an entry, without following a link.
pub(crate) fn stat(dir: &Dir, name: &str) -> io::Result<Stat> {
    Ok(of(&dir.symlink_metadata(name)?))
}

/// Whether an entry certainly does not exist. Other errors leave that open.
pub(crate) fn is_absent(result: &io::Result<Stat>) -> bool {
    result.as_ref().is_err_and(is_not_found)
}

fn of(metadata: &Metadata) -> Stat {
    Stat {
        identity: Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
        },
        links: metadata.nlink(),
        len: metadata.len(),
        is_file: metadata.is_file(),
        written: written(metadata).unwrap_or(0),
    }
}

fn written(metadata: &Metadata) -> Option<i64> {
    let at = metadata.modified().ok()?.into_std();
    let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok()
}
