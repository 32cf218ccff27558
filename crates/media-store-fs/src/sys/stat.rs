//! Identity and size of files.

use std::fs::File;
use std::io;

use cap_fs_ext::MetadataExt as _;
use cap_std::fs::{Dir, Metadata};

use super::errors::is_not_found;

/// The inode of a file.
///
/// It identifies a file only while the file exists: file systems reuse the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// What a directory entry or an open file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) identity: Identity,
    /// Number of hard links.
    pub(crate) links: u64,
    pub(crate) len: u64,
    pub(crate) is_file: bool,
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
    }
}
