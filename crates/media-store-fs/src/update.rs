//! Changing the metadata of stored media.

use std::io::{self, Write as _};

use cap_std::fs::Dir;
use chrono::Utc;
use media_storage::{MetadataPatch, Operation, StorageError};
use media_types::StorageReference;

use crate::error::BACKEND;
use crate::key::Key;
use crate::lock;
use crate::quarantine::Said;
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
    let meta = key.file.sidecar();
    let hinted = shared.directories.existing(&key.directory);
    let hinted = hinted.and_then(|directory| {
        let (dir, id) = (directory.dir(), key.file.id());
        shared.expiry.replace(dir, &meta, id, old_expiry, &patched)
    });
    // The sidecar has changed, so an error would deny what happened. The old hint leads to the media as well, and a
    // full sweep renews it.
    if let Err(error) = hinted {
        tracing::warn!(%error, "failed to renew an expiry hint");
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
    let mut item = shared.quarantine.find(&key.file).map_err(io)?;
    if item.files.misses_sidecar() && adopt(shared, key).map_err(io)? {
        item = shared.quarantine.find(&key.file).map_err(io)?;
    }
    let sidecars = match item.said {
        Said::Valid(sidecars) if item.files.has_media() => sidecars,
        Said::Valid(_) | Said::Nothing => return Err(shared.absent(operation, id)),
        Said::Damaged(error) | Said::Later(error) => {
            return Err(error
                .with_operation(operation)
                .with_backend(BACKEND)
                .with_key(id));
        }
    };
    for (_, sidecar) in &sidecars {
        sidecar
            .admit_update(reference, patch.expected_scope())
            .map_err(|error| error.with_backend(BACKEND))?;
    }
    for (place, sidecar) in sidecars {
        let old_expiry = sidecar.expires_at;
        // Each keeps what the patch does not change: it may be the one that holds the media.
        let json = sidecar.patched(patch).to_json()?;
        let replaced = replace_in(shared, &place.dir, &place.name, &json);
        let settled = replaced.and_then(|()| shared.quarantine.settle(&place.dir));
        settled.map_err(io)?;
        // It names the ids that the media had. A full sweep finds what is due here by the sidecars.
        if let Some(at) = old_expiry {
            shared.expiry.remove(key.file.id(), at);
        }
    }
    Ok(())
}

/// Brings a sidecar that lies at its place to the quarantine, where its media is. Returns whether there was one.
fn adopt(shared: &Shared, key: &Key) -> io::Result<bool> {
    match shared.directories.existing(&key.directory) {
        Err(error) if sys::is_absence(&error) => Ok(false),
        Err(error) => Err(error),
        Ok(directory) => {
            let quarantine = &shared.quarantine;
            quarantine.adopt(directory.dir(), &key.file, Utc::now())
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
