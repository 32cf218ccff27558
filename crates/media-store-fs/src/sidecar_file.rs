//! Reading sidecars.

use std::io::{self, Read as _};

use cap_std::fs::Dir;
use media_storage::layout::FileName;
use media_storage::{
    MAX_SIDECAR_LEN, MAX_SIDECAR_VERSION, Operation, ParsedSidecar, Sidecar, StorageError,
    StorageErrorKind,
};

use crate::error::{BACKEND, fail, io_error};
use crate::key::Key;
use crate::sys;

/// What stands where a sidecar belongs.
#[derive(Debug)]
pub(crate) enum SidecarState {
    Valid(Box<Sidecar>),
    Absent,
    /// A sidecar that a later version of this program wrote.
    Later(StorageError),
    /// Something that is not the sidecar of this media.
    Damaged(StorageError),
}

/// Reads the sidecar of a media file by the path of the sidecar.
pub(crate) fn read_sidecar(base: &Dir, path: &str, file: &FileName) -> io::Result<SidecarState> {
    let damaged = |reason: &'static str| {
        let error = fail(StorageErrorKind::Corrupted, Operation::Retrieve).with_reason(reason);
        Ok(SidecarState::Damaged(error))
    };
    let json = match read_raw(base, path) {
        Ok(Some(json)) => json,
        Ok(None) => return damaged("the sidecar is not a regular file"),
        Err(error) if sys::is_absence(&error) => return Ok(SidecarState::Absent),
        Err(error) => match io_error(Operation::Retrieve, error) {
            error if error.kind() == StorageErrorKind::Corrupted => {
                return Ok(SidecarState::Damaged(error));
            }
            error => return Err(io::Error::other(error)),
        },
    };
    match Sidecar::parse(&json, MAX_SIDECAR_VERSION) {
        // The directory of a session may have been moved, so only the name must be the same.
        ParsedSidecar::Valid(sidecar) if sidecar.id.rsplit('/').next() == Some(file.as_str()) => {
            Ok(SidecarState::Valid(sidecar))
        }
        ParsedSidecar::Valid(_) => damaged("the sidecar belongs to other media"),
        ParsedSidecar::Later(error) => Ok(SidecarState::Later(error.with_backend(BACKEND))),
        ParsedSidecar::Damaged(error) => Ok(SidecarState::Damaged(error.with_backend(BACKEND))),
        _ => damaged("the sidecar is not valid"),
    }
}

/// Reads the bytes of a sidecar, a little more than allowed at most. Returns `None` if it is not a
/// regular file.
pub(crate) fn read_raw(base: &Dir, path: &str) -> io::Result<Option<Vec<u8>>> {
    let opened = sys::open_file(base, path)?;
    if !sys::stat_file(&opened)?.is_file {
        return Ok(None);
    }
    let mut json = Vec::with_capacity(1024);
    match opened.take(MAX_SIDECAR_LEN + 1).read_to_end(&mut json) {
        Ok(_) => Ok(Some(json)),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the sidecar of media that a walk found, with the key under which the media lies now.
/// Returns `None` if the media was deleted since.
///
/// # Errors
/// `Corrupted` if the sidecar of existing media is missing or damaged, or of a later version.
pub(crate) fn sidecar_of(directory: &Dir, key: &Key) -> Result<Option<Box<Sidecar>>, StorageError> {
    let gone = || sys::is_absent(&sys::stat(directory, key.file.as_str()));
    match read_sidecar(directory, &key.file.sidecar(), &key.file) {
        Ok(SidecarState::Valid(mut sidecar)) => {
            sidecar.id = key.path();
            Ok(Some(sidecar))
        }
        Ok(SidecarState::Absent) if gone() => Ok(None),
        Ok(SidecarState::Absent) => Err(missing_sidecar(Operation::List, &key.path())),
        Ok(SidecarState::Damaged(error) | SidecarState::Later(error)) => {
            Err(error.with_backend(BACKEND).with_key(key.path()))
        }
        Err(error) => Err(io_error(Operation::List, error).with_key(key.path())),
    }
}

/// Returns the error for media whose sidecar does not exist.
pub(crate) fn missing_sidecar(operation: Operation, key: &str) -> StorageError {
    fail(StorageErrorKind::Corrupted, operation)
        .with_key(key)
        .with_reason("the sidecar is missing; `FileStore::verify` can rebuild it")
}
