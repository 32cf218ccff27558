//! Opening and creating files below an open directory.

use std::fs::File;
use std::io;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, OpenOptions};

use super::platform::{dont_wait, fix_file_mode, open_beneath, open_dir, set_creation_mode};

/// Opens a file for reading by a relative path. Does not wait for a writer of a FIFO.
pub(crate) fn open_file(base: &Dir, path: &str) -> io::Result<File> {
    match open_beneath(base, path) {
        Some(opened) => opened,
        None => open_stepwise(base, path),
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

/// Opens a file for reading, name by name. This works on every system.
fn open_stepwise(base: &Dir, path: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No);
    dont_wait(&mut options);
    let opened = match path.rsplit_once('/') {
        Some((parents, name)) => {
            open_dir_at(base, parents.split('/'))?.open_with(name, &options)?
        }
        None => base.open_with(path, &options)?,
    };
    Ok(opened.into_std())
}

/// Creates a file that must not exist, for writing and reading.
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

/// Whether a lock file must be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    New,
    IfMissing,
}

/// Opens a file for locking, and creates it if it does not exist.
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
    // The umask may have removed bits. Only the owner can restore them, and did so at creation.
    let _ = fix_file_mode(&file, mode);
    Ok(file)
}
