//! Deleting one reference.

use std::io;

use media_storage::{DeleteOptions, Operation, Sidecar, StorageError, StorageErrorKind};
use media_types::{Sha256, StorageReference};

use crate::directories::MediaDir;
use crate::retrieve::{Key, SidecarState, read_sidecar};
use crate::shared::Shared;
use crate::sys;

pub(crate) fn delete(
    shared: &Shared,
    reference: &StorageReference,
    options: &DeleteOptions,
) -> Result<(), StorageError> {
    let operation = Operation::Delete;
    shared.check_reference(reference, operation)?;
    let key = Key::parse(reference.id(), operation)?;
    let io = |error| shared.io(operation, reference.id(), error);
    let state = read_sidecar(shared.base(), &key.sidecar_path(), &key.file).map_err(io)?;
    let sidecar = match state {
        SidecarState::Good(sidecar) => {
            sidecar
                .admit_deletion(reference, options.expected_scope())
                .map_err(|error| error.with_backend(crate::error::BACKEND))?;
            Some(sidecar)
        }
        // Whose media this is cannot be told any more.
        _ if options.expected_scope().is_some() => {
            return Err(shared.absent(operation, reference.id()));
        }
        _ => None,
    };
    let hash = sidecar
        .as_ref()
        .map(|sidecar| sidecar.sha256)
        .or(reference.sha256());
    let mut removed = match remove(shared, &key, sidecar.as_deref(), hash, After::Sync) {
        Err(error) if sys::is_absence(&error) => Removed::default(),
        other => other.map_err(io)?,
    };
    if !removed.media && sys::is_removed(shared.base()) {
        return Err(shared.absent(operation, reference.id()));
    }
    removed.media |= removed.sidecar;
    if removed.media {
        shared.directories.remove_empty(&key.directory);
    }
    Ok(())
}

/// Whether the directory is made durable right away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Sync,
    /// The caller does it, once for many.
    Later,
}

/// What was there to be removed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Removed {
    pub(crate) media: bool,
    pub(crate) sidecar: bool,
    /// Bytes that nothing holds any more.
    pub(crate) freed: u64,
}

/// Removes media and sidecar, then what only they held. `NotFound` when the directory is gone.
pub(crate) fn remove(
    shared: &Shared,
    key: &Key,
    sidecar: Option<&Sidecar>,
    hash: Option<Sha256>,
    after: After,
) -> io::Result<Removed> {
    let directory = shared.directories.existing(&key.directory)?;
    match remove_in(shared, &directory, key, sidecar, hash, after) {
        // The handle may be of a directory that was removed and made again.
        Ok(removed)
            if !removed.media && !key.directory.is_empty() && sys::is_removed(directory.dir()) =>
        {
            shared.directories.forget(&directory);
            let directory = shared.directories.existing(&key.directory)?;
            remove_in(shared, &directory, key, sidecar, hash, after)
        }
        other => other,
    }
}

fn remove_in(
    shared: &Shared,
    directory: &MediaDir,
    key: &Key,
    sidecar: Option<&Sidecar>,
    hash: Option<Sha256>,
    after: After,
) -> io::Result<Removed> {
    let dir = directory.dir();
    let stat = match sys::stat(dir, key.file.as_str()) {
        Ok(stat) if !stat.is_file => {
            return Err(io::Error::other(
                crate::error::fail(StorageErrorKind::Corrupted, Operation::Delete)
                    .with_reason("it is no file"),
            ));
        }
        Ok(stat) => Some(stat),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut removed = Removed {
        media: remove_file(dir, key.file.as_str())?,
        sidecar: remove_file(dir, &key.file.sidecar())?,
        freed: 0,
    };
    // Also when nothing was left to remove: whoever removed it may have died before its fsync.
    if after == After::Sync && shared.is_synced() {
        directory.sync()?;
    }
    if let Some(at) = sidecar.and_then(|sidecar| sidecar.expires_at) {
        shared.expiry.forget(key.file.id(), at);
    }
    if let Some(stat) = stat.filter(|_| removed.media) {
        let released = match hash {
            // A name that stays holds bytes until a full sweep, no more.
            Some(hash) => shared
                .blobs
                .release(hash, stat.identity)
                .unwrap_or_default(),
            None => false,
        };
        if released || stat.identity.links == 1 {
            removed.freed = stat.len;
        }
    }
    Ok(removed)
}

/// Removes a file; whether it was there.
fn remove_file(dir: &cap_std::fs::Dir, name: &str) -> io::Result<bool> {
    match dir.remove_file(name) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
