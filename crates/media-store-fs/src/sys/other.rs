//! Windows and other systems that are not Unix. There are no modes, and no promise about power loss.

use std::fs::File;
use std::io;
use std::path::Path;

use cap_std::fs::{Dir, OpenOptions};
use media_storage::StorageErrorKind;

pub(super) fn open_beneath(_: &Dir, _: &str) -> Option<io::Result<File>> {
    None
}

/// Opens a directory by a single name.
pub(crate) fn open_dir(parent: &Dir, name: &str) -> io::Result<Dir> {
    use cap_fs_ext::DirExt as _;
    parent.open_dir_nofollow(name)
}

pub(super) fn dont_wait(_: &mut OpenOptions) {}

pub(super) fn set_creation_mode(_: &mut OpenOptions, _: u32) {}

pub(super) fn fix_file_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

pub(crate) fn create_dir(parent: &Dir, name: &str, _: u32) -> io::Result<()> {
    parent.create_dir(name)
}

/// Opens a directory by a path of the host.
pub(crate) fn open_ambient_dir(path: &Path) -> io::Result<Dir> {
    Dir::open_ambient_dir(path, cap_std::ambient_authority())
}

pub(crate) fn create_base(path: &Path, _: u32) -> io::Result<()> {
    std::fs::create_dir(path)
}

pub(crate) fn sync_dir(_: &Dir) -> io::Result<()> {
    Ok(())
}

pub(crate) fn rename_new(from: &Dir, name: &str, to: &Dir, new: &str) -> io::Result<()> {
    // Renaming replaces an existing file here. Names hold 128 random bits, so this check guards
    // against mistakes, not against races.
    match to.symlink_metadata(new) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => from.rename(name, to, new),
    }
}

pub(crate) fn swap(_: &Dir, _: &str, _: &Dir, _: &str) -> io::Result<bool> {
    Ok(false)
}

pub(crate) fn is_world_writable(_: &Dir) -> io::Result<bool> {
    Ok(false)
}

pub(crate) fn is_removed(dir: &Dir) -> bool {
    dir.dir_metadata().is_err()
}

pub(super) fn kind_of_os_error(_: &io::Error) -> StorageErrorKind {
    StorageErrorKind::Other
}

/// Windows and exFAT refuse links in codes of their own: invalid function, not supported, access
/// denied, invalid parameter.
pub(super) fn is_link_failure(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(1 | 5 | 50 | 87))
}
