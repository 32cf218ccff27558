//! Publishing staged media: bytes, then sidecar, then the name of the media, then the directory.

use std::io;

use cap_std::fs::Dir;
use chrono::{SubsecRound as _, Utc};
use media_storage::backend::{CancelFlag, Digest};
use media_storage::layout::{FileName, media_key};
use media_storage::{MediaMetadata, Operation, Sidecar, StorageError};
use media_types::readable::causes;
use media_types::{Mime, StorageReference};

use crate::blobs::{self, Acquired};
use crate::directories::MediaDir;
use crate::error::{BACKEND, io_error};
use crate::intake::{Relief as _, write_all};
use crate::relief::BlobRelief;
use crate::shared::Shared;
use crate::staging::Entry;
use crate::sys;

pub(crate) const ATTEMPTS: u32 = 64;

/// What is published with the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) mime: Mime,
    pub(crate) metadata: MediaMetadata,
    pub(crate) directories: Vec<String>,
}

/// Publishes the bytes that are staged under the token of the entry.
pub(crate) fn publish(
    shared: &Shared,
    mut entry: Entry,
    digest: Digest,
    description: &Description,
    cancelled: &CancelFlag,
) -> Result<StorageReference, StorageError> {
    let io = |error| io_error(Operation::Store, error);
    let path = description.directories.join("/");
    let mut relief = BlobRelief::new(&shared.blobs, &shared.relief);
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            let _ = entry.dir().remove_file(entry.sidecar());
        }
        let name = FileName::new(digest.sha256, entry.id(), &description.mime);
        let key = media_key(&description.directories, &name)?;
        let sidecar = Sidecar::new(
            key.as_str(),
            description.mime.clone(),
            digest.len,
            digest.sha256,
            description.metadata.clone(),
            shared.config.default_retention,
            Utc::now().trunc_subsecs(3),
        );
        stage_sidecar(shared, &entry, &sidecar, &mut relief)?;
        let directory = match shared.directories.create(&path) {
            Err(error) if sys::is_full(&error) && relief.relieve() => continue,
            other => other.map_err(io)?,
        };
        cancelled.check()?;
        match publish_into(shared, &entry, &directory, &name, &sidecar) {
            Ok(()) => return sidecar.reference(BACKEND, shared.config.name.as_deref()),
            // Another process removed the directory while it was empty, or moved it.
            Err(error) if sys::is_stale(&error) => {
                shared.directories.forget(&directory);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let _ = entry.dir().remove_file(entry.sidecar());
                entry.rename().map_err(io)?;
            }
            Err(error) if sys::is_too_many_links(&error) => unshare(shared, &entry, digest)?,
            Err(error) if sys::is_full(&error) && relief.relieve() => {}
            Err(error) => return Err(io(error)),
        }
    }
    Err(io(io::ErrorKind::ResourceBusy.into()))
}

pub(crate) fn stage_sidecar(
    shared: &Shared,
    entry: &Entry,
    sidecar: &Sidecar,
    relief: &mut BlobRelief<'_>,
) -> Result<(), StorageError> {
    let json = sidecar.to_json()?;
    let name = entry.sidecar();
    let file = blobs::create(
        entry,
        &name,
        shared.config.permissions.sidecar_mode(),
        relief,
    )?;
    write_all(&file, &json, relief)?;
    if shared.is_synced() {
        file.sync_all()
            .map_err(|error| io_error(Operation::Store, error))?;
    }
    Ok(())
}

/// Publishes in one attempt. Leaves nothing in the directory if it fails.
fn publish_into(
    shared: &Shared,
    entry: &Entry,
    directory: &MediaDir,
    name: &FileName,
    sidecar: &Sidecar,
) -> io::Result<()> {
    let dir = directory.dir();
    let meta = name.sidecar();
    place(entry.dir(), &entry.sidecar(), dir, &meta)?;
    let published = (|| {
        if let Some(at) = sidecar.expires_at
            && let Err(error) = shared.expiry.add(dir, &meta, name.id(), at, sidecar)
        {
            // A full sweep creates missing hints.
            tracing::warn!(error = %causes(&error), "failed to create an expiry hint");
        }
        if let Placed::Renamed = place(entry.dir(), entry.bytes(), dir, name.as_str())? {
            shared.warn_copying();
        }
        settle(shared, directory, name.as_str(), Operation::Store)
    })();
    if published.is_err() {
        let _ = dir.remove_file(&meta);
        if let Some(at) = sidecar.expires_at {
            shared.expiry.remove(name.id(), at);
        }
    }
    published
}

/// Makes the names of media that was published at this moment durable, where that is promised, and checks that
/// they lie in the store. Takes the name of the media away if it fails.
pub(crate) fn settle(
    shared: &Shared,
    directory: &MediaDir,
    name: &str,
    operation: Operation,
) -> io::Result<()> {
    let dir = directory.dir();
    if shared.is_synced()
        && let Err(error) = directory.sync()
    {
        let _ = dir.remove_file(name);
        shared.directories.forget(directory);
        // Wrapped, so that it is not taken for an error after which to try again.
        return Err(io::Error::other(io_error(operation, error)));
    }
    // Somebody may have moved the directory away while its handle was open. What lies outside of the
    // store must not be acknowledged.
    if !matches!(shared.directories.is_current(directory), Ok(true)) {
        let _ = dir.remove_file(name);
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(())
}

/// How a file received its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    Linked,
    Renamed,
}

/// Gives a staged file its name. Fails if the name exists, unless it is a name of the same file: file
/// servers may repeat an operation that has succeeded.
pub(crate) fn place(from: &Dir, staged: &str, to: &Dir, name: &str) -> io::Result<Placed> {
    let file = sys::stat(from, staged)?.identity;
    let is_ours = || sys::stat(to, name).is_ok_and(|stat| stat.identity == file);
    match from.hard_link(staged, to, name) {
        Ok(()) => Ok(Placed::Linked),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_ours() => {
            Ok(Placed::Linked)
        }
        Err(error) if sys::links_unavailable(&error) => {
            match sys::rename_new(from, staged, to, name) {
                Err(error) if sys::is_not_found(&error) && is_ours() => Ok(Placed::Renamed),
                other => other.map(|()| Placed::Renamed),
            }
        }
        Err(error) => Err(error),
    }
}

/// Replaces the bytes of an entry by a copy, because the inode that it shares cannot take another link,
/// and makes the copy the blob.
pub(crate) fn unshare(shared: &Shared, entry: &Entry, digest: Digest) -> Result<(), StorageError> {
    let io = |error| io_error(Operation::Store, error);
    let pinned = sys::open_file(entry.dir(), entry.bytes()).map_err(io)?;
    let helper = entry.helper();
    let mut relief = BlobRelief::new(&shared.blobs, &shared.relief);
    let copy = loop {
        let copy = blobs::create(
            entry,
            &helper,
            shared.config.permissions.media_mode(),
            &mut relief,
        )?;
        match blobs::copy_bytes(&pinned, &copy) {
            Ok(()) => break copy,
            Err(error) if sys::is_full(&error) && relief.relieve() => {
                entry.dir().remove_file(&helper).map_err(io)?;
            }
            Err(error) => return Err(io(error)),
        }
    };
    if shared.is_synced() {
        copy.sync_all().map_err(io)?;
    }
    entry
        .dir()
        .rename(&helper, entry.dir(), entry.bytes())
        .map_err(io)?;
    shared.blobs.renew(entry, digest).map_err(io)
}

/// Logs once if the bytes could not be shared.
pub(crate) fn warn_if_copied(shared: &Shared, acquired: Acquired) {
    if acquired == Acquired::Copied {
        shared.warn_copying();
    }
}
