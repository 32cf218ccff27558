//! Reading stored media.

use std::io::{Seek as _, SeekFrom};

use bytes::Bytes;
use chrono::Utc;
use media_storage::{
    MediaBody, Operation, RetrieveOptions, Sidecar, StorageError, StorageErrorKind, StoredMedia,
    Verification,
};
use media_types::{Mime, Sha256, StorageReference};

use crate::error::{BACKEND, fail};
use crate::key::Key;
use crate::reading::body_of;
use crate::shared::Shared;
use crate::sidecar_file::{SidecarState, read_sidecar};
use crate::sys;

/// What is known about media before its bytes are read.
struct Known {
    mime: Mime,
    size: u64,
    sha256: Sha256,
    sidecar: Option<Box<Sidecar>>,
}

pub(crate) fn retrieve(
    shared: &Shared,
    reference: &StorageReference,
    options: &RetrieveOptions,
) -> Result<StoredMedia, StorageError> {
    let operation = Operation::Retrieve;
    shared.check_reference(reference, operation)?;
    let key = Key::parse(reference.id(), operation)?;
    let io = |error| shared.io(operation, reference.id(), error);
    let known = look_up(shared, &key, reference, options)?;
    let corrupted = |reason: &'static str| {
        fail(StorageErrorKind::Corrupted, operation)
            .with_key(reference.id())
            .with_reason(reason)
    };
    let mut file = sys::open_file(shared.base(), &key.path()).map_err(io)?;
    let stat = sys::stat_file(&file).map_err(io)?;
    if !stat.is_file {
        return Err(corrupted("the media is not a regular file"));
    }
    if stat.len != known.size {
        return Err(corrupted("the size of the media differs from its sidecar"));
    }
    let verification = options.verification().unwrap_or(shared.config.verification);
    let sha256 = match verification {
        Verification::SizeOnly => None,
        _ => Some(known.sha256),
    };
    let body = match options.range() {
        _ if options.head() => MediaBody::from_bytes(Bytes::new()),
        Some(range) => {
            let start = range.start.min(known.size);
            let len = range.end.min(known.size).saturating_sub(start);
            file.seek(SeekFrom::Start(start)).map_err(io)?;
            body_of(file, len, None, reference.id(), &shared.pieces)?
        }
        None => body_of(file, known.size, sha256, reference.id(), &shared.pieces)?,
    };
    let mut media = StoredMedia::new(known.mime, known.size, body).with_sha256(known.sha256);
    if let Some(sidecar) = known.sidecar {
        media = media
            .with_metadata(sidecar.metadata())
            .with_stored_at(sidecar.stored_at)
            .with_expires_at(sidecar.expires_at)
            .with_hold(sidecar.hold);
    }
    Ok(media)
}

/// Returns type, size and hash: from the sidecar, or from the reference where there is none.
fn look_up(
    shared: &Shared,
    key: &Key,
    reference: &StorageReference,
    options: &RetrieveOptions,
) -> Result<Known, StorageError> {
    let operation = Operation::Retrieve;
    let state = read_sidecar(shared.base(), &key.sidecar_path(), &key.file)
        .map_err(|error| shared.io(operation, reference.id(), error))?;
    match state {
        SidecarState::Valid(sidecar) => {
            sidecar
                .admit(reference, options.expected_scope(), Utc::now(), operation)
                .map_err(|error| error.with_backend(BACKEND))?;
            return Ok(Known {
                mime: sidecar.mime_type.clone(),
                size: sidecar.size_bytes,
                sha256: sidecar.sha256,
                sidecar: Some(sidecar),
            });
        }
        // Scope and expiry may stand in it, and nobody can read them.
        SidecarState::Damaged(error) | SidecarState::Later(error) => {
            return Err(error.with_backend(BACKEND).with_key(reference.id()));
        }
        SidecarState::Absent => {}
    }
    match (reference.size(), reference.sha256()) {
        // Without a sidecar it is unknown whether the media belongs to a scope.
        (Some(size), Some(sha256)) if options.expected_scope().is_none() => Ok(Known {
            mime: Mime::from_extension(key.file.extension()).unwrap_or(Mime::OCTET_STREAM),
            size,
            sha256,
            sidecar: None,
        }),
        _ => Err(shared.absent(operation, reference.id())),
    }
}
