//! Deleting one reference.

use std::io;

use media_storage::layout::FileName;
use media_storage::{DeleteOptions, Operation, Scope, Sidecar, StorageError, StorageErrorKind};
use media_types::{Sha256, StorageReference};

use crate::delete_file::remove_file;
use crate::directories::MediaDir;
use crate::error::{BACKEND, fail, wrapped};
use crate::key::Key;
use crate::lock;
use crate::quarantine::{Item, Place, Said};
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
    find: impl FnOnce(&FileName) -> io::Result<Option<Item>>,
) -> Result<(), StorageError> {
    let operation = Operation::Delete;
    shared.check_reference(reference, operation)?;
    let key = Key::parse(reference.id(), operation)?;
    let found = find(&key.file).map_err(|error| shared.io(operation, reference.id(), error))?;
    if let Some(item) = found {
        return delete_quarantined(shared, &key, reference, options, item);
    }
    let sidecar = admit(shared, &key, reference, options, Elsewhere::Nothing)?;
    remove_at_place(shared, &key, reference, sidecar.as_deref())
}

/// Deletes media that a verification has moved to the quarantine, and what is at its place: nothing, what a move that
/// was cut has left, or media that was put back.
///
/// What either holds is held. In a scope, each of the two goes if it belongs to the scope.
fn delete_quarantined(
    shared: &Shared,
    key: &Key,
    reference: &StorageReference,
    options: &DeleteOptions,
    item: Item,
) -> Result<(), StorageError> {
    let operation = Operation::Delete;
    let io = |error| shared.io(operation, reference.id(), error);
    let scope = options.expected_scope();
    let at_place = |elsewhere| of_scope(admit(shared, key, reference, options, elsewhere));
    let beside = |goes: bool| match sys::stat(shared.base(), &key.path()) {
        Ok(_) => at_place(Elsewhere::Nothing),
        // The media has its sidecar in quarantine, and one without media holds nothing.
        Err(error) if sys::is_absence(&error) => Ok(goes.then_some(None)),
        Err(error) => Err(io(error)),
    };
    let Item { said, files } = item;
    let mut hours = Vec::new();
    let (goes, place) = match said {
        Said::Later(error) => return Err(about(error, reference)),
        Said::Damaged(error) if scope.is_some() => return Err(about(error, reference)),
        Said::Damaged(_) => (true, beside(true)?),
        Said::Valid(sidecars) => {
            let goes = admit_all(&sidecars, reference, scope)?;
            hours.extend(sidecars.iter().filter_map(|(_, one)| one.expires_at));
            (goes, beside(goes)?)
        }
        // A move that was cut has left the sidecar at the place, and with it what it holds.
        Said::Nothing => {
            let place = at_place(Elsewhere::Media)?;
            (place.is_some(), place)
        }
    };
    if !goes && place.is_none() {
        return Err(shared.absent(operation, reference.id()));
    }
    if goes {
        shared.quarantine.remove_files(&files).map_err(io)?;
    }
    let Some(sidecar) = place else {
        return Ok(());
    };
    for at in hours {
        shared.expiry.remove(key.file.id(), at);
    }
    remove_at_place(shared, key, reference, sidecar.as_deref())
}

/// Decides about quarantined media by all of its sidecars: each may be the one of the bytes, so they must agree. Returns
/// whether the media goes: not if all of them are of another scope.
fn admit_all(
    sidecars: &[(Place, Box<Sidecar>)],
    reference: &StorageReference,
    scope: Option<&Scope>,
) -> Result<bool, StorageError> {
    let mut admitted = 0;
    for (_, sidecar) in sidecars {
        let one = sidecar.admit_deletion(reference, scope);
        let one = of_scope(one.map_err(|error| error.with_backend(BACKEND)))?;
        admitted += usize::from(one.is_some());
    }
    if admitted > 0 && admitted < sidecars.len() {
        return Err(fail(StorageErrorKind::Corrupted, Operation::Delete)
            .with_key(reference.id())
            .with_reason("the media is in quarantine, and its sidecars name different scopes"));
    }
    Ok(admitted > 0)
}

/// Returns `None` for what is of another scope, or does not exist, and an error for what is refused.
fn of_scope<T>(admitted: Result<T, StorageError>) -> Result<Option<T>, StorageError> {
    match admitted {
        Ok(admitted) => Ok(Some(admitted)),
        Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove_at_place(
    shared: &Shared,
    key: &Key,
    reference: &StorageReference,
    sidecar: Option<&Sidecar>,
) -> Result<(), StorageError> {
    let operation = Operation::Delete;
    let hash = sidecar.map(|sidecar| sidecar.sha256).or(reference.sha256());
    let removed = match remove(shared, key, sidecar, hash, After::Sync) {
        Err(error) if sys::is_absence(&error) => Removed::default(),
        other => other.map_err(|error| shared.io(operation, reference.id(), error))?,
    };
    if !removed.media && sys::is_removed(shared.base()) {
        return Err(shared.absent(operation, reference.id()));
    }
    if removed.media || removed.sidecar {
        shared.directories.remove_empty(&key.directory);
    }
    Ok(())
}

/// What is in quarantine and has no other sidecar than the one at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Elsewhere {
    Nothing,
    Media,
}

/// Decides whether a reference may delete its media. Returns the sidecar if there is a valid one.
fn admit(
    shared: &Shared,
    key: &Key,
    reference: &StorageReference,
    options: &DeleteOptions,
    elsewhere: Elsewhere,
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
        (_, Err(error)) if !sys::is_absence(&error) => Err(io(error)),
        (_, Err(_)) if elsewhere == Elsewhere::Nothing => {
            Err(shared.absent(operation, reference.id()))
        }
        (Some(error), _) => Err(about(error, reference)),
        (None, _) => Err(missing_sidecar(operation, reference.id())),
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

/// Removes media that a walk found, if the sidecar as it is now chooses it and neither it nor a copy in quarantine has a
/// hold. What a walk read was read without the lock, and a change may have been acknowledged since.
///
/// Fails for media whose sidecar is of a later version or cannot be read at this moment: it may be on hold.
pub(crate) fn remove_chosen(
    shared: &Shared,
    key: &Key,
    unreadable: Unreadable,
    chooses: impl FnOnce(&Sidecar) -> bool,
    is_copy_held: impl FnOnce() -> io::Result<bool>,
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
    if is_copy_held()? {
        return Ok(Fate::Held);
    }
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
