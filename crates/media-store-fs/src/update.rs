//! Changing the metadata of stored media.

use std::io::{self, Write as _};

use cap_std::fs::Dir;
use chrono::Utc;
use media_storage::{MetadataPatch, Operation, Sidecar, StorageError};
use media_types::StorageReference;
use media_types::readable::causes;

use crate::error::BACKEND;
use crate::key::Key;
use crate::lock;
use crate::orphan::reunite;
use crate::quarantine::{Place, Said};
use crate::shared::Shared;
use crate::sidecar_file::{SidecarState, missing_sidecar, read_sidecar};
use crate::sys;

pub(crate) fn update(
    shared: &Shared,
    reference: &StorageReference,
    patch: &MetadataPatch,
) -> Result<(), StorageError> {
    let operation = Operation::Update;
    shared.check_writable(operation)?;
    shared.check_reference(reference, operation)?;
    let key = Key::parse(reference.id(), operation)?;
    let id = reference.id();
    let io = |error| shared.io(operation, id, error);
    // Changes in several processes follow one another, and none is lost.
    let _lock = lock::take(shared.own(), shared.config.permissions).map_err(io)?;
    let exists = |shared: &Shared| match sys::stat(shared.base(), &key.path()) {
        Ok(_) => Ok(true),
        Err(error) if sys::is_absence(&error) => Ok(false),
        Err(error) => Err(io(error)),
    };
    if !exists(shared)? {
        return update_quarantined(shared, &key, reference, patch);
    }
    let quarantined = shared.quarantine.find(&key.file).map_err(io)?;
    let sidecar = match read_sidecar(shared.base(), &key.sidecar_path(), &key.file).map_err(io)? {
        SidecarState::Valid(sidecar) => sidecar,
        SidecarState::Absent => return Err(missing_sidecar(operation, id)),
        SidecarState::Damaged(error) | SidecarState::Later(error) => {
            return Err(error
                .with_operation(operation)
                .with_backend(BACKEND)
                .with_key(id));
        }
    };
    sidecar
        .admit_update(reference, patch.expected_scope())
        .map_err(|error| error.with_backend(BACKEND))?;
    let old_expiry = sidecar.expires_at;
    let patched = sidecar.patched(patch);
    let json = patched.to_json()?;
    // The media was put back. What its copy holds is held as well, and names the ids that the media had.
    if let Some(Said::Valid(copies)) = quarantined.map(|item| item.said) {
        let copies = admitted(copies, reference, patch).unwrap_or_default();
        change_quarantined(shared, copies, reference, patch)?;
    }
    replace(shared, &key, &json).map_err(io)?;
    // The old hint is a name of the old sidecar, with the ids that the media had.
    let meta = key.file.sidecar();
    let hinted = shared.directories.existing(&key.directory);
    let hinted = hinted.and_then(|directory| {
        let (dir, id) = (directory.dir(), key.file.id());
        shared.expiry.replace(dir, &meta, id, old_expiry, &patched)
    });
    // The sidecar has changed, so an error would deny what happened. The old hint leads to the media as well, and a
    // full sweep renews it.
    if let Err(error) = hinted {
        tracing::warn!(error = %causes(&error), "failed to renew an expiry hint");
    }
    Ok(())
}

/// Changes the sidecar of media that a verification has moved to the quarantine: a hold can be released there.
fn update_quarantined(
    shared: &Shared,
    key: &Key,
    reference: &StorageReference,
    patch: &MetadataPatch,
) -> Result<(), StorageError> {
    let operation = Operation::Update;
    let id = reference.id();
    let io = |error| shared.io(operation, id, error);
    reunite_moved(shared, key).map_err(io)?;
    let said = match shared.quarantine.find(&key.file).map_err(io)? {
        Some(item) => item.said,
        None => Said::Nothing,
    };
    let sidecars = match said {
        Said::Valid(sidecars) => sidecars,
        Said::Nothing => return Err(shared.absent(operation, id)),
        Said::Damaged(error) | Said::Later(error) => {
            return Err(error
                .with_operation(operation)
                .with_backend(BACKEND)
                .with_key(id));
        }
    };
    let sidecars = admitted(sidecars, reference, patch)?;
    let hours = sidecars.iter().filter_map(|(_, old)| old.expires_at);
    let hours: Vec<_> = hours.collect();
    change_quarantined(shared, sidecars, reference, patch)?;
    // They name the ids that the media had. A full sweep finds what is due here by the sidecars.
    for at in hours {
        shared.expiry.remove(key.file.id(), at);
    }
    Ok(())
}

/// Returns the sidecars that a patch may change. Fails if it may change none.
fn admitted(
    mut sidecars: Vec<(Place, Box<Sidecar>)>,
    reference: &StorageReference,
    patch: &MetadataPatch,
) -> Result<Vec<(Place, Box<Sidecar>)>, StorageError> {
    let mut refused = None;
    sidecars.retain(|(_, sidecar)| {
        let admitted = sidecar.admit_update(reference, patch.expected_scope());
        admitted.map_err(|error| refused = Some(error)).is_ok()
    });
    match refused {
        Some(error) if sidecars.is_empty() => Err(error.with_backend(BACKEND)),
        _ => Ok(sidecars),
    }
}

fn change_quarantined(
    shared: &Shared,
    sidecars: Vec<(Place, Box<Sidecar>)>,
    reference: &StorageReference,
    patch: &MetadataPatch,
) -> Result<(), StorageError> {
    for (place, sidecar) in sidecars {
        // Each keeps what the patch does not change: it may be the one that holds the media.
        let json = sidecar.patched(patch).to_json()?;
        replace_in(shared, &place.dir, &place.name, &json)
            .and_then(|()| shared.quarantine.settle(&place.dir))
            .map_err(|error| shared.io(Operation::Update, reference.id(), error))?;
    }
    Ok(())
}

/// Brings a sidecar that lies at its place to the quarantine, where its media is.
fn reunite_moved(shared: &Shared, key: &Key) -> io::Result<()> {
    match shared.directories.current(&key.directory) {
        Err(error) if sys::is_absence(&error) => Ok(()),
        Err(error) => Err(error),
        Ok(directory) => {
            if reunite(shared, directory.dir(), &key.file, Utc::now())? {
                shared.directories.remove_empty(&key.directory);
            }
            Ok(())
        }
    }
}

/// Replaces the sidecar of a media file in one step.
fn replace(shared: &Shared, key: &Key, json: &[u8]) -> io::Result<()> {
    let directory = shared.directories.current(&key.directory)?;
    replace_in(shared, directory.dir(), &key.file.sidecar(), json)?;
    if shared.is_synced() {
        directory.sync()?;
    }
    Ok(())
}

/// Replaces a sidecar of a directory in one step. The directory is not synced.
fn replace_in(shared: &Shared, dir: &Dir, name: &str, json: &[u8]) -> io::Result<()> {
    let entry = shared.stagings.entry().map_err(io::Error::other)?;
    let mode = shared.config.permissions.sidecar_mode();
    let mut staged = sys::create_new(entry.dir(), &entry.sidecar(), mode)?;
    staged.write_all(json)?;
    if shared.is_synced() {
        staged.sync_all()?;
    }
    entry.dir().rename(entry.sidecar(), dir, name)
}
