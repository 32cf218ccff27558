//! Linux, macOS and other Unix systems.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use media_storage::StorageErrorKind;
use rustix::fs::{Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// Opens a file for reading by a relative path in one step. Returns `None` where the system cannot.
pub(super) fn open_beneath(base: &Dir, path: &str) -> Option<io::Result<File>> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::ResolveFlags;
        let opened = rustix::fs::openat2(
            base,
            path,
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
        );
        match opened {
            Ok(fd) => Some(Ok(File::from(fd))),
            // Old kernels do not have the call, and sandboxes may forbid it.
            Err(Errno::NOSYS | Errno::PERM) => None,
            Err(error) => Some(Err(error.into())),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (base, path);
        None
    }
}

/// Opens a directory by a single name, in a way that allows to sync it.
pub(crate) fn open_dir(parent: &Dir, name: &str) -> io::Result<Dir> {
    if name.contains('/') || matches!(name, "" | "." | "..") {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let fd = rustix::fs::openat(
        parent,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    Ok(Dir::from_std_file(File::from(fd)))
}

/// Makes opening a FIFO return at once.
pub(super) fn dont_wait(options: &mut OpenOptions) {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(flags.bits().cast_signed());
}

/// Sets the mode of files that are created.
pub(super) fn set_creation_mode(options: &mut OpenOptions, mode: u32) {
    options.mode(mode);
}

/// Sets the mode of a file where the umask of the process removed bits.
pub(super) fn fix_file_mode(file: &File, mode: u32) -> io::Result<()> {
    let actual = file.metadata()?.mode() & 0o7777;
    if actual == mode {
        return Ok(());
    }
    match file.set_permissions(Permissions::from_mode(mode)) {
        // A file system without modes is accepted if it grants others nothing more.
        Err(error)
            if error.kind() == io::ErrorKind::PermissionDenied && actual & 0o077 & !mode == 0 =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Creates a directory with a mode, regardless of the umask.
pub(crate) fn create_dir(parent: &Dir, name: &str, mode: u32) -> io::Result<()> {
    use cap_std::fs::{DirBuilder, DirBuilderExt as _};
    let mut builder = DirBuilder::new();
    builder.mode(mode);
    parent.create_dir_with(name, &builder)?;
    // Restores what the umask removed, and the set-group-ID bit, which mkdir ignores.
    let made = open_dir(parent, name);
    match made {
        Ok(dir) => fix_file_mode(&dir.into_std_file(), mode),
        // Another process removed it; the caller finds out when it opens the directory.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a directory by a path of the host, so that it can be synced.
pub(crate) fn open_ambient_dir(path: &Path) -> io::Result<Dir> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = rustix::fs::open(path, flags, Mode::empty())?;
    Ok(Dir::from_std_file(File::from(fd)))
}

/// Creates the base directory.
pub(crate) fn create_base(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(mode).create(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_dir(dir: &Dir) -> io::Result<()> {
    Ok(rustix::fs::fsync(dir)?)
}

/// Renames a file. Fails if the new name exists.
pub(crate) fn rename_new(from: &Dir, name: &str, to: &Dir, new: &str) -> io::Result<()> {
    match rustix::fs::renameat_with(from, name, to, new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            // The file system cannot do this in one step. Names hold 128 random bits, so this check
            // guards against mistakes, not against races.
            match to.symlink_metadata(new) {
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                Err(_) => from.rename(name, to, new),
            }
        }
        other => Ok(other?),
    }
}

/// Swaps two files. Returns `false` where the system cannot; fails if either does not exist.
pub(crate) fn swap(one: &Dir, name: &str, two: &Dir, other: &str) -> io::Result<bool> {
    match rustix::fs::renameat_with(one, name, two, other, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(true),
    }
}

/// Whether every user may create files in a directory.
pub(crate) fn is_world_writable(dir: &Dir) -> io::Result<bool> {
    Ok(rustix::fs::fstat(dir)?.st_mode & 0o002 != 0)
}

/// Whether an open directory has been removed.
pub(crate) fn is_removed(dir: &Dir) -> bool {
    rustix::fs::fstat(dir).is_ok_and(|stat| stat.st_nlink == 0)
}

/// Returns the kind of an error for which the standard library has no portable kind.
pub(super) fn kind_of_os_error(error: &io::Error) -> StorageErrorKind {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::DQUOT | Errno::NOSPC) => StorageErrorKind::DiskSpace,
        Some(
            Errno::IO | Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN | Errno::MLINK,
        ) => StorageErrorKind::Unavailable,
        Some(Errno::NOLCK) => StorageErrorKind::Config,
        // A link, a directory, a socket or a device instead of a regular file.
        Some(Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::NODEV) => {
            StorageErrorKind::Corrupted
        }
        _ => StorageErrorKind::Other,
    }
}

/// Whether an error means that a hard link cannot be created here.
pub(super) fn is_link_failure(error: &io::Error) -> bool {
    error.raw_os_error().map(Errno::from_raw_os_error) == Some(Errno::IO)
}
