//! Duplicating media by another link to its bytes.

use std::io;
use std::sync::Arc;

use cap_std::fs::Dir;
use chrono::Utc;
use media_storage::backend::{CancelFlag, Digest, PendingReference};
use media_storage::{DuplicateOptions, Operation, Sidecar, StorageError, StorageErrorKind};
use media_types::StorageReference;

use crate::error::{BACKEND, wrapped};
use crate::key::Key;
use crate::pending::pending;
use crate::publish::{Description, publish};
use crate::shared::Shared;
use crate::sidecar_file::{SidecarState, read_sidecar};
use crate::staging::Entry;
use crate::sys::{self, Identity};
use crate::upload::staged_entry;

/// Duplicates media without reading its bytes. Returns `None` where that is not possible: the bytes
/// then have to be copied. The copy is not on hold yet; whether it is to be stands beside it.
pub(crate) fn duplicate(
    shared: &Arc<Shared>,
    reference: &StorageReference,
    options: &DuplicateOptions,
    cancelled: &CancelFlag,
) -> Result<Option<(PendingReference, bool)>, StorageError> {
    let operation = Operation::Duplicate;
    shared.check_writable(operation)?;
    shared.check_reference(reference, operation)?;
    let key = Key::parse(reference.id(), operation)?;
    let io = |error| shared.io(operation, reference.id(), error);
    let sidecar = match read_sidecar(shared.base(), &key.sidecar_path(), &key.file).map_err(io)? {
        SidecarState::Valid(sidecar) => sidecar,
        // A read decides whether the reference alone is enough.
        _ => return Ok(None),
    };
    sidecar
        .admit(reference, options.expected_scope(), Utc::now(), operation)
        .map_err(|error| error.with_backend(BACKEND))?;
    let description = describe(shared, &sidecar, options)?;
    let entry = staged_entry(shared)?;
    match pin(shared, &key, &entry, &sidecar) {
        Ok(()) => {}
        Err(error) if sys::links_unavailable(&error) || sys::is_too_many_links(&error) => {
            return Ok(None);
        }
        Err(error) => return Err(io(error)),
    }
    let digest = Digest::new(sidecar.sha256, sidecar.size_bytes);
    let copy = publish(shared, entry, digest, &description, cancelled)
        .map_err(|error| error.with_operation(operation))?;
    Ok(Some((pending(shared, copy), sidecar.hold)))
}

fn describe(
    shared: &Shared,
    source: &Sidecar,
    options: &DuplicateOptions,
) -> Result<Description, StorageError> {
    let metadata = options.metadata().clone();
    let metadata = metadata.for_copy_of(&source.metadata(), source.expires_at);
    let directories = shared
        .config
        .organization
        .directories(&metadata, shared.format.case)
        .map_err(|error| {
            error
                .with_operation(Operation::Duplicate)
                .with_backend(BACKEND)
        })?;
    Ok(Description {
        mime: source.mime_type.clone(),
        metadata,
        directories,
    })
}

/// Gives the bytes a staged name, so that a delete of the source cannot take them any more.
fn pin(shared: &Shared, key: &Key, entry: &Entry, sidecar: &Sidecar) -> io::Result<()> {
    let corrupted = |reason| wrapped(StorageErrorKind::Corrupted, Operation::Duplicate, reason);
    let source = shared.directories.current(&key.directory)?;
    let (dir, name) = (source.dir(), key.file.as_str());
    // The source may have been stored without waiting for the disk. Syncing it before the link costs
    // next to nothing if that is not so; the link itself would make the inode dirty.
    let synced = match shared.is_synced() {
        true => Some(sync(dir, name)?),
        false => None,
    };
    dir.hard_link(name, entry.dir(), entry.bytes())?;
    let stat = sys::stat(entry.dir(), entry.bytes())?;
    if !stat.is_file {
        return Err(corrupted("the media is not a regular file"));
    }
    if stat.len != sidecar.size_bytes {
        return Err(corrupted("the size of the media differs from its sidecar"));
    }
    if synced.is_some_and(|synced| synced != stat.identity) {
        // A repair has replaced the file by one with the same bytes.
        sync(entry.dir(), entry.bytes())?;
    }
    Ok(())
}

/// Makes a file durable. Returns which file that was.
fn sync(dir: &Dir, name: &str) -> io::Result<Identity> {
    let file = sys::open_file(dir, name)?;
    file.sync_all()?;
    Ok(sys::stat_file(&file)?.identity)
}
