//! Changing the metadata of stored media.

use std::io::{self, Write as _};

use cap_std::fs::Dir;
use media_storage::backend::CancelFlag;
use media_storage::{MetadataPatch, Operation, StorageError, StorageErrorKind};
use media_types::StorageReference;

use crate::error::{BACKEND, fail};
use crate::key::Key;
use crate::lock;
use crate::shared::Shared;
use crate::sidecar_file::{SidecarState, missing_sidecar, read_sidecar};
use crate::staging::SweepMode;
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
    replace(shared, &key, &json).map_err(io)?;
    // The old hint is a name of the old sidecar, with the ids that the media had.
    if let Some(at) = old_expiry {
        shared.expiry.remove(key.file.id(), at);
    }
    if let Some(at) = patched.expires_at {
        let meta = key.file.sidecar();
        let added = shared.directories.existing(&key.directory);
        let added = added.and_then(|directory| {
            let (dir, id) = (directory.dir(), key.file.id());
            shared.expiry.add(dir, &meta, id, at, &patched)
        });
        // The sidecar has changed, so an error would deny what happened.
        if let Err(error) = added {
            // A full sweep creates missing hints.
            tracing::debug!(%error, "failed to create an expiry hint");
        }
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
    let sidecar = match shared.quarantine.find(&key.file).map_err(io)? {
        None | Some(SidecarState::Absent) => return Err(shared.absent(operation, id)),
        Some(SidecarState::Valid(sidecar)) => sidecar,
        Some(SidecarState::Damaged(error) | SidecarState::Later(error)) => {
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
    let json = sidecar.patched(patch).to_json()?;
    let quarantine = &shared.quarantine;
    let failed = quarantine.each(&CancelFlag::new(), SweepMode::DryRun, |dir, entry| {
        match entry.is_of(&key.file) && !entry.is_media() {
            true => {
                replace_in(shared, dir, entry.name(), &json)?;
                match shared.is_synced() {
                    true => sys::sync_dir(dir),
                    false => Ok(()),
                }
            }
            false => Ok(()),
        }
    });
    if failed.map_err(io)? > 0 {
        return Err(fail(StorageErrorKind::Unavailable, operation)
            .with_key(id)
            .with_reason("the sidecar is in quarantine and could not be replaced"));
    }
    // It names the ids that the media had. A full sweep finds what is due here by the sidecars.
    if let Some(at) = old_expiry {
        shared.expiry.remove(key.file.id(), at);
    }
    Ok(())
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
