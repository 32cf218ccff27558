//! Rebuilding sidecars.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};

use cap_std::fs::Dir;
use chrono::{DateTime, SubsecRound as _, Utc};
use media_storage::backend::Digest;
use media_storage::layout::decode_segment;
use media_storage::{MediaMetadata, RetentionPolicy, SalvagedSidecar, Sidecar};
use media_types::{Mime, SNIFF_LEN, sniff};

use crate::key::Key;
use crate::shared::Shared;
use crate::sidecar_file::read_raw;
use crate::sys;
use crate::walk::Located;

/// Returns what a damaged sidecar still says.
pub(super) fn salvage(dir: &Dir, key: &Key) -> io::Result<Option<SalvagedSidecar>> {
    match read_raw(dir, &key.file.sidecar()) {
        Ok(json) => Ok(json.and_then(|json| Sidecar::salvage(&json, key.file.as_str()))),
        Err(error) if sys::is_absence(&error) => Ok(None),
        Err(error) if sys::kind_of(&error) == media_storage::StorageErrorKind::Corrupted => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Writes a new sidecar. Returns whether it did: not if the media was deleted in the meantime.
pub(super) fn rebuild(
    shared: &Shared,
    media: &Located,
    digest: Digest,
    file: &File,
    salvaged: Option<SalvagedSidecar>,
) -> io::Result<bool> {
    let (dir, key) = (media.directory.dir(), &media.key);
    let sidecar = new_sidecar(key, digest, file, salvaged)?;
    let json = sidecar.to_json().map_err(io::Error::other)?;
    let entry = shared.stagings.entry().map_err(io::Error::other)?;
    let mode = shared.config.permissions.sidecar_mode();
    let mut staged = sys::create_new(entry.dir(), &entry.sidecar(), mode)?;
    staged.write_all(&json)?;
    if shared.is_synced() {
        staged.sync_all()?;
    }
    let meta = key.file.sidecar();
    let replace = || entry.dir().rename(entry.sidecar(), dir, &meta);
    match replace() {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            dir.remove_dir(&meta)?;
            replace()?;
        }
        other => other?,
    }
    // If the media was deleted in the meantime, its sidecar must not stay.
    if sys::is_absent(&sys::stat(dir, key.file.as_str())) {
        let _ = dir.remove_file(&meta);
        return Ok(false);
    }
    if shared.is_synced() {
        media.directory.sync()?;
    }
    Ok(true)
}

fn new_sidecar(
    key: &Key,
    digest: Digest,
    file: &File,
    salvaged: Option<SalvagedSidecar>,
) -> io::Result<Sidecar> {
    let salvaged = salvaged.unwrap_or_default();
    let mime = match salvaged.mime {
        Some(mime) => mime,
        None => mime_of(key, file),
    };
    let stored_at = match salvaged.stored_at {
        Some(at) => at,
        None => DateTime::<Utc>::from(file.metadata()?.modified()?).trunc_subsecs(3),
    };
    let mut sidecar = Sidecar::new(
        key.path(),
        mime,
        digest.len,
        digest.sha256,
        with_ids_of(&key.directory, salvaged.metadata),
        // A lost retention is not guessed, so that nothing is deleted by mistake.
        RetentionPolicy::Retain,
        stored_at,
    );
    if salvaged.expires_at.is_some() {
        sidecar.expires_at = salvaged.expires_at;
    }
    sidecar.unknown = salvaged.unknown;
    Ok(sidecar.into_rebuilt(salvaged.hold))
}

fn mime_of(key: &Key, file: &File) -> Mime {
    let by_name = Mime::from_extension(key.file.extension());
    match by_name {
        Some(mime) if mime != Mime::OCTET_STREAM => mime,
        _ => sniffed(file).unwrap_or(Mime::OCTET_STREAM),
    }
}

fn sniffed(mut file: &File) -> Option<Mime> {
    let mut head = Vec::new();
    file.rewind().ok()?;
    file.take(SNIFF_LEN as u64).read_to_end(&mut head).ok()?;
    sniff(&head)
}

/// Adds the ids that the directories of media are named after, where the sidecar does not say them.
fn with_ids_of(directory: &str, mut metadata: MediaMetadata) -> MediaMetadata {
    let mut names: Vec<&str> = directory
        .split('/')
        .filter(|name| !name.is_empty())
        .collect();
    let mut id = || names.pop().and_then(decode_segment);
    if let Some(conversation) = id().and_then(|id| id.parse().ok())
        && metadata.conversation().is_none()
    {
        metadata = metadata.with_conversation(conversation);
    }
    if let Some(session) = id().and_then(|id| id.parse().ok())
        && metadata.session().is_none()
    {
        metadata = metadata.with_session(session);
    }
    if let Some(run) = id().and_then(|id| id.parse().ok())
        && metadata.run().is_none()
    {
        metadata = metadata.with_run(run);
    }
    metadata
}
