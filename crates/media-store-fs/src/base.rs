//! Opening the base directory.

use std::io;
use std::path::Path;

use cap_std::fs::Dir;
use media_storage::{Operation, StorageError, StorageErrorKind};

use crate::error::{fail, io_error};
use crate::options::Access;
use crate::sys;

/// Opens the base directory, and creates it if that is allowed and it does not exist.
pub(crate) fn open_base(path: &Path, access: Access, mode: u32) -> Result<Dir, StorageError> {
    let base = match sys::open_ambient_dir(path) {
        Ok(dir) => dir,
        Err(error) if sys::is_not_found(&error) => {
            missing(path, access, error)?;
            create(path, mode)?
        }
        Err(error) => return Err(open_error(path, error)),
    };
    let is_open_to_all = sys::is_world_writable(&base).map_err(|error| open_error(path, error))?;
    if is_open_to_all && access != Access::ReadOnly {
        return Err(config(
            path,
            "every user may write to this directory, so others could replace media; use a \
             subdirectory of it (for a volume mounted with mode 0777, such as a Kubernetes \
             `emptyDir`, too) or remove write permission for others",
        ));
    }
    Ok(base)
}

/// Explains why a path does not exist, unless it may be created.
fn missing(path: &Path, access: Access, error: io::Error) -> Result<(), StorageError> {
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(
            config(path, "the path is a link to something that does not exist").with_source(error),
        );
    }
    if access == Access::Create {
        return Ok(());
    }
    Err(config(
        path,
        "the directory does not exist, and the store was not allowed to create it",
    )
    .with_source(error))
}

fn create(path: &Path, mode: u32) -> Result<Dir, StorageError> {
    match sys::create_base(path, mode) {
        Err(error) if sys::is_not_found(&error) => {
            return Err(
                config(path, "the parent directory does not exist; create it first")
                    .with_source(error),
            );
        }
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(open_error(path, error));
        }
        _ => {}
    }
    sys::open_ambient_dir(path).map_err(|error| open_error(path, error))
}

fn config(path: &Path, reason: &'static str) -> StorageError {
    fail(StorageErrorKind::Config, Operation::Open)
        .with_key(path.to_string_lossy())
        .with_reason(reason)
}

/// Converts an error of opening the store. Nothing that is missing here is media.
pub(crate) fn open_error(path: &Path, error: io::Error) -> StorageError {
    if error.kind() == io::ErrorKind::NotADirectory {
        return config(path, "the path leads to a file, not to a directory").with_source(error);
    }
    let error = io_error(Operation::Open, error).with_key(path.to_string_lossy());
    if error.kind() != StorageErrorKind::NotFound {
        return error;
    }
    fail(StorageErrorKind::Unavailable, Operation::Open)
        .with_key(path.to_string_lossy())
        .with_reason("a directory of the store was removed while it was opened")
        .with_source(error)
}

/// Makes the entry of the base directory in its parent durable.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    match sys::open_ambient_dir(parent).and_then(|parent| sys::sync_dir(&parent)) {
        // A parent that this user may not even open was not written to by this user.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

/// Creates a directory if it does not exist.
pub(crate) fn ensure_dir(parent: &Dir, name: &str, mode: u32) -> io::Result<()> {
    match parent.symlink_metadata(name) {
        Ok(_) => Ok(()),
        Err(error) if sys::is_not_found(&error) => match sys::create_dir(parent, name, mode) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        },
        Err(error) => Err(error),
    }
}
