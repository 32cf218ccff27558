//! Deleting one reference.

use std::io;

use media_storage::layout::FileName;
use media_storage::{DeleteOptions, Operation, Sidecar, StorageError, StorageErrorKind};
use media_types::{Sha256, StorageReference};

use crate::delete_file::remove_file;
use crate::directories::MediaDir;
use crate::error::{BACKEND, wrapped};
use crate::key::Key;
use crate::lock;
use crate::quarantine::{Item, Said};
use crate::shared::Shared;
use crate::sidecar_file::{SidecarState, missing_sidecar, read_sidecar};
use crate::sys;

pub(crate) fn delete(
    shared: &Shared,
    reference: &StorageReference,
    options: &DeleteOptions,
) -> Result<(), StorageError> {
    shared.check_writable(Operation::Delete)?;
    let lock = lock::share(shared.own(), shared.config.permissions);
    let _lock = lock.map_err(|error| shared.io(Operation::Delete, reference.id(), error))?;
    delete_locked(shared, reference, options, |file| {
        shared.quarantine.find(file)
    })
}

/// Deletes a reference. The caller shares the lock of metadata, and says how media is found in quarantine.
pub(crate) fn delete_locked(
    shared: &Shared,
    reference: &StorageReference,
    options: &DeleteOptions,
    find: impl FnOnce(&FileName) -> io::Result<Item>,
) -> Result<(), StorageError> {
    let operation = Operation::Delete;
    shared.check_reference(reference, operation)?;
    let key = Key::parse(reference.id(), operation)?;
    let io = |error| shared.io(operation, reference.id(), error);
    if delete_quarantined(shared, &key, reference, options, find)? {
        return Ok(());
    }
    let sidecar = admit(shared, &key, reference, options)?;
    let hash = sidecar
        .as_ref()
        .map(|sidecar| sidecar.sha256)
        .or(reference.sha256());
    let removed = match remove(shared, &key, sidecar.as_deref(), hash, After::Sync) {
        Err(error) if sys::is_absence(&error) => Removed::default(),
        other => other.map_err(io)?,
    };
    if !removed.media && sys::is_removed(shared.base()) {
        return Err(shared.absent(operation, reference.id()));
    }
    if removed.media || removed.sidecar {
        shared.directories.remove_empty(&key.directory);
    }
    Ok(())
}

/// Deletes media that a verification has moved to the quarantine, and what it left at its place, where no media
/// is. Returns whether there was some.
fn delete_quarantined(
    shared: &Shared,
    key: &Key,
    reference: &StorageReference,
    options: &DeleteOptions,
    find: impl FnOnce(&FileName) -> io::Result<Item>,
) -> Result<bool, StorageError> {
    let operation = Operation::Delete;
    let io = |error| shared.io(operation, reference.id(), error);
    if !matches!(sys::stat(shared.base(), &key.path()), Err(error) if sys::is_absence(&error)) {
        return Ok(false);
    }
    let scope = options.expected_scope();
    let Item { said, files } = find(&key.file).map_err(io)?;
    if !files.has_media() {
        // A sidecar without media holds nothing.
        shared.quarantine.remove_files(&files).map_err(io)?;
        return Ok(false);
    }
    let (mut hours, mut beside) = (Vec::new(), None);
    match said {
        Said::Valid(sidecars) => {
            for (_, sidecar) in sidecars {
                sidecar
                    .admit_deletion(reference, scope)
                    .map_err(|error| error.with_backend(BACKEND))?;
                hours.extend(sidecar.expires_at);
            }
        }
        Said::Later(error) => return Err(about(error, reference)),
        Said::Damaged(error) if scope.is_some() => return Err(about(error, reference)),
        Said::Damaged(_) => {}
        // A move that was cut has left it at its place, and with it what it holds.
        Said::Nothing => {
            match read_sidecar(shared.base(), &key.sidecar_path(), &key.file).map_err(io)? {
                SidecarState::Absent if scope.is_some() => {
                    return Err(missing_sidecar(operation, reference.id()));
                }
                SidecarState::Absent => {}
                _ => beside = admit(shared, key, reference, options)?,
            }
        }
    }
    shared.quarantine.remove_files(&files).map_err(io)?;
    for at in hours {
        shared.expiry.remove(key.file.id(), at);
    }
    match remove(shared, key, beside.as_deref(), None, After::Sync) {
        Err(error) if sys::is_absence(&error) => {}
        Err(error) => return Err(io(error)),
        Ok(_) => shared.directories.remove_empty(&key.directory),
    }
    Ok(true)
}

/// Decides whether a reference may delete its media. Returns the sidecar if there is a valid one.
fn admit(
    shared: &Shared,
    key: &Key,
    reference: &StorageReference,
    options: &DeleteOptions,
) -> Result<Option<Box<Sidecar>>, StorageError> {
    let operation = Operation::Delete;
    let io = |error| shared.io(operation, reference.id(), error);
    let damage = match read_sidecar(shared.base(), &key.sidecar_path(), &key.file).map_err(io)? {
        SidecarState::Valid(sidecar) => {
            sidecar
                .admit_deletion(reference, options.expected_scope())
                .map_err(|error| error.with_backend(BACKEND))?;
            return Ok(Some(sidecar));
        }
        // What a later version wrote may be on hold.
        SidecarState::Later(error) => return Err(about(error, reference)),
        SidecarState::Damaged(error) => Some(error),
        SidecarState::Absent => None,
    };
    if options.expected_scope().is_none() {
        return Ok(None);
    }
    // Whether the media belongs to the scope is unknown. `NotFound` would count as deleted.
    match (damage, sys::stat(shared.base(), &key.path())) {
        (_, Err(error)) if sys::is_absence(&error) => Err(shared.absent(operation, reference.id())),
        (_, Err(error)) => Err(io(error)),
        (Some(error), Ok(_)) => Err(about(error, reference)),
        (None, Ok(_)) => Err(missing_sidecar(operation, reference.id())),
    }
}

fn about(error: StorageError, reference: &StorageReference) -> StorageError {
    error
        .with_operation(Operation::Delete)
        .with_backend(BACKEND)
        .with_key(reference.id())
}

/// Whether the directory is made durable right away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Sync,
    /// The caller syncs it, once for many deletions.
    Later,
}

/// What a deletion removed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Removed {
    pub(crate) media: bool,
    pub(crate) sidecar: bool,
    /// Number of bytes that became free.
    pub(crate) freed: u64,
}

/// What became of media that a walk chose.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Removed(Removed),
    /// It is on hold.
    Held,
    /// Its sidecar was changed since the walk read it, and does not choose it any more.
    Spared,
}

/// What a walk does with media whose sidecar is damaged or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Removed,
    Fails,
}

/// Removes media that a walk found, if the sidecar as it is now chooses it and has no hold. What a walk read was
/// read without the lock, and a change may have been acknowledged since.
///
/// Fails for media whose sidecar is of a later version or cannot be read at this moment: it may be on hold.
pub(crate) fn remove_chosen(
    shared: &Shared,
    key: &Key,
    unreadable: Unreadable,
    chooses: impl FnOnce(&Sidecar) -> bool,
) -> io::Result<Fate> {
    let _lock = lock::share(shared.own(), shared.config.permissions)?;
    let sidecar = match read_sidecar(shared.base(), &key.sidecar_path(), &key.file)? {
        SidecarState::Valid(sidecar) if !chooses(&sidecar) => return Ok(Fate::Spared),
        SidecarState::Valid(sidecar) if sidecar.hold => return Ok(Fate::Held),
        SidecarState::Valid(sidecar) => Some(sidecar),
        SidecarState::Later(error) => return Err(io::Error::other(error)),
        // Somebody else has deleted it.
        SidecarState::Absent if sys::is_absent(&sys::stat(shared.base(), &key.path())) => {
            return Ok(Fate::Removed(Removed::default()));
        }
        SidecarState::Damaged(_) | SidecarState::Absent if unreadable == Unreadable::Removed => {
            None
        }
        SidecarState::Damaged(error) => return Err(io::Error::other(error)),
        SidecarState::Absent => {
            let error = missing_sidecar(Operation::Delete, &key.path());
            return Err(io::Error::other(error));
        }
    };
    let hash = sidecar.as_ref().map(|sidecar| sidecar.sha256);
    remove(shared, key, sidecar.as_deref(), hash, After::Later).map(Fate::Removed)
}

/// Removes media and sidecar, then what only they held. Fails with `NotFound` if the directory does
/// not exist.
fn remove(
    shared: &Shared,
    key: &Key,
    sidecar: Option<&Sidecar>,
    hash: Option<Sha256>,
    after: After,
) -> io::Result<Removed> {
    let mut directory = shared.directories.existing(&key.directory)?;
    // The handle may lead to a directory that was removed and created again, or moved away.
    if !shared.directories.is_current(&directory)? {
        shared.directories.forget(&directory);
        directory = shared.directories.existing(&key.directory)?;
    }
    remove_in(shared, &directory, key, sidecar, hash, after)
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
            return Err(wrapped(
                StorageErrorKind::Corrupted,
                Operation::Delete,
                "the media is not a regular file",
            ));
        }
        Ok(stat) => Some(stat),
        Err(error) if sys::is_not_found(&error) => None,
        Err(error) => return Err(error),
    };
    let mut removed = Removed {
        media: remove_file(dir, key.file.as_str())?,
        sidecar: remove_file(dir, &key.file.sidecar())?,
        freed: 0,
    };
    // Also if nothing was left to remove: whoever removed it may have died before its fsync.
    if after == After::Sync && shared.is_synced() {
        directory.sync()?;
    }
    if let Some(at) = sidecar.and_then(|sidecar| sidecar.expires_at) {
        shared.expiry.remove(key.file.id(), at);
    }
    if let Some(stat) = stat.filter(|_| removed.media) {
        let released = match hash {
            // A blob name that stays keeps the bytes until a full sweep, no longer.
            Some(hash) => shared
                .blobs
                .release(hash, stat.identity)
                .unwrap_or_default(),
            None => false,
        };
        if released || stat.links == 1 {
            removed.freed = stat.len;
        }
    }
    Ok(removed)
}
