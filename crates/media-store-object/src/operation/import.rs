//! Taking media over from another store under the id that it has there.

use std::sync::Arc;

use media_storage::backend::{CancelFlag, check_expected_sha256};
use media_storage::layout::CaseRule;
use media_storage::{
    Entry, ImportKey, ImportOutcome, ImportUpload, Imported, Operation, Sidecar, StorageError,
    StorageErrorKind,
};
use media_types::{Sha256, StorageReference};

use super::commit::{Unclaimed, commit};
use super::resolve::by_any_record;
use super::second_import::SecondImport;
use crate::body::{Payload, Received, SpoolWriter, receive};
use crate::bucket::{Bucket, MediaKey};
use crate::protocol::v2::RetireOutcome;
use crate::reference::sidecar::{self, ByteLocation, Descriptor, Protocol, SidecarRead};
use crate::reference::value::{new_reference, reference_to};
use crate::reference::{layout, own};
use crate::second::{self, ReferenceObjects, SecondContent};
use crate::shared::{Shared, Sharing};
use crate::sharing::{self, Attempt, Content, StoreAttempt};

/// Takes media over. Bodies above the part size are spooled to a temporary file first: the bytes
/// are sent only when they are known to be right.
pub(crate) async fn import(
    shared: &Arc<Shared>,
    upload: ImportUpload,
) -> Result<Imported, StorageError> {
    let (entry, body) = upload.into_parts();
    let organization = ImportKey::check(&entry, CaseRule::Sensitive)?.organization;
    shared.check_writable(Operation::Import)?;
    let bucket = shared.bucket(Operation::Import);
    let refuse = |reason: &'static str| {
        bucket
            .fail(StorageErrorKind::InvalidInput)
            .with_key(entry.reference.id())
            .with_reason(reason)
    };
    let key = MediaKey::parse(entry.reference.id())
        .ok_or_else(|| refuse("the id is not one of media"))?;
    let sha256 = entry
        .reference
        .sha256()
        .ok_or_else(|| refuse("the hash is not known"))?;
    let protocol = match present(shared, &bucket, &key, &entry, sha256).await? {
        Presence::Complete(reference) => {
            return Ok(Imported::new(reference, ImportOutcome::Present));
        }
        Presence::Partial => Protocol::First,
        Presence::Absent if shared.keys.second().is_some() => Protocol::Second,
        Presence::Absent => Protocol::First,
    };
    let second = shared
        .keys
        .second()
        .filter(|_| protocol == Protocol::Second);
    if entry.hold && !second.is_some_and(|second| second.tombstones) {
        return Err(bucket
            .fail(StorageErrorKind::Unsupported)
            .with_key(entry.reference.id())
            .with_reason("the media is on hold, which this bucket cannot keep"));
    }
    layout::note(&bucket, &shared.keys, organization).await?;
    let options = &shared.options;
    let parts = options.parts.for_len(body.len().unwrap_or(0));
    let (payload, digest) = match receive(body, options.max_media_size, parts.part_size).await? {
        Received::Complete(payload, digest) => (payload, digest),
        Received::FirstPart(first, reader) => {
            let writer = SpoolWriter::create(options.spool_directory.as_deref()).await?;
            reader.spool(first, writer).await?
        }
    };
    check_expected_sha256(Some(sha256), digest)?;
    let mut sidecar = sidecar_of(shared, &entry, sha256, digest.len);
    let reference = commit(
        shared,
        Unclaimed::Kept,
        move |shared, cancelled| async move {
            let sharing = shared.options.sharing;
            if let (Protocol::Second, Some(second)) = (protocol, shared.keys.second()) {
                let mut import = SecondImport {
                    shared: &shared,
                    second,
                    key: &key,
                    sidecar: &mut sidecar,
                    payload: &payload,
                    cancelled: &cancelled,
                };
                let stored = match sharing {
                    Sharing::On => import.share().await.map(Some),
                    Sharing::Off | Sharing::Unsupported => import.own().await.map(|()| None),
                };
                let generation = stored.map_err(|error| bucket.adopt(error))?;
                let name = shared.name.as_deref();
                return new_reference(&sidecar, generation, bucket.backend(), name);
            }
            let stored = match sharing {
                Sharing::On => share(&shared, &key, &sidecar, &payload, &cancelled).await,
                Sharing::Off | Sharing::Unsupported => {
                    let body = (&payload, shared.options.parts);
                    own::store(&bucket, &shared.keys, &key, &sidecar, body, &cancelled).await
                }
            };
            stored.map_err(|error| bucket.adopt(error))?;
            sidecar.reference(bucket.backend(), shared.name.as_deref())
        },
    );
    Ok(Imported::new(reference.await?, ImportOutcome::Stored))
}

fn sidecar_of(shared: &Shared, entry: &Entry, sha256: Sha256, size: u64) -> Sidecar {
    Sidecar::imported(entry, size, sha256, shared.options.default_retention)
}

/// What is here of the media already.
enum Presence {
    Complete(StorageReference),
    /// What an interrupted import left by the first protocol: it is written again, in the same words.
    Partial,
    /// Nothing, or what an interrupted import left by the second protocol, which was retired.
    Absent,
}

/// Looks for the media. Retires what an interrupted import left, so that nothing of it can arrive any
/// more.
async fn present(
    shared: &Shared,
    bucket: &Bucket,
    key: &MediaKey,
    entry: &Entry,
    sha256: Sha256,
) -> Result<Presence, StorageError> {
    let described = match described(shared, bucket, key, sha256).await? {
        SidecarRead::Present(described) => described,
        SidecarRead::Missing | SidecarRead::Retired => return Ok(Presence::Absent),
        SidecarRead::Tombstone => return Err(deleted(bucket, key)),
        SidecarRead::Foreign => {
            return Err(bucket
                .fail(StorageErrorKind::InvalidInput)
                .with_key(key.id())
                .with_reason("the id belongs to a store with a longer prefix"));
        }
    };
    let sidecar = &described.sidecar;
    let size = entry.reference.size();
    if sidecar.sha256 != sha256 || size.is_some_and(|size| size != sidecar.size_bytes) {
        return Err(bucket
            .fail(StorageErrorKind::InvalidInput)
            .with_key(key.id())
            .with_reason("the id is in use for other media"));
    }
    if is_complete(shared, bucket, key, &described).await? {
        let name = shared.name.as_deref();
        return reference_to(&described, bucket.backend(), name).map(Presence::Complete);
    }
    let (Protocol::Second, Some(second)) = (described.protocol, shared.keys.second()) else {
        return Ok(Presence::Partial);
    };
    let objects = ReferenceObjects::new(bucket, &shared.keys, second, key, Some(sidecar));
    let ByteLocation::Shared(generation) = described.location else {
        // Without conditional writes, it would be removed, also if it was completed in the meantime.
        if second.tombstones {
            second::retire_own(&objects).await?;
        }
        return Ok(Presence::Absent);
    };
    let content = SecondContent::new(bucket, second, sha256);
    match second::retire(content, objects, generation).await? {
        RetireOutcome::Deleted => Err(deleted(bucket, key)),
        // Another import has completed it, unless its bytes are missing.
        RetireOutcome::Held if is_complete(shared, bucket, key, &described).await? => {
            let name = shared.name.as_deref();
            reference_to(&described, bucket.backend(), name).map(Presence::Complete)
        }
        RetireOutcome::Held => Err(incomplete(shared, bucket, key, &described).await?),
        // The sidecar of an import that was complete can have been lost before.
        _ => match self::described(shared, bucket, key, sha256).await? {
            SidecarRead::Present(found) if is_complete(shared, bucket, key, &found).await? => {
                let name = shared.name.as_deref();
                reference_to(&found, bucket.backend(), name).map(Presence::Complete)
            }
            _ => Ok(Presence::Absent),
        },
    }
}

/// Reads the sidecar. One that was lost, though its sealed marker shows that the media is complete, is
/// restored first.
async fn described(
    shared: &Shared,
    bucket: &Bucket,
    key: &MediaKey,
    sha256: Sha256,
) -> Result<SidecarRead, StorageError> {
    let keys = &shared.keys;
    let read = sidecar::read_any(bucket, keys, key).await?;
    if !matches!(read, SidecarRead::Missing | SidecarRead::Retired) {
        return Ok(read);
    }
    let Some(lost) = by_any_record(bucket, keys, key, sha256).await? else {
        return Ok(read);
    };
    let (ByteLocation::Shared(generation), Protocol::Second, Some(second)) =
        (lost.location, lost.protocol, keys.second())
    else {
        return Ok(SidecarRead::Present(Box::new(lost)));
    };
    let content = SecondContent::new(bucket, second, sha256);
    let objects = ReferenceObjects::new(bucket, keys, second, key, Some(&lost.sidecar));
    second::heal(content, objects, generation, &lost.sidecar).await?;
    sidecar::read_any(bucket, keys, key).await
}

/// Returns the error of media whose marker was sealed, but that is not complete: its bytes are missing,
/// unless it is being deleted at this moment.
async fn incomplete(
    shared: &Shared,
    bucket: &Bucket,
    key: &MediaKey,
    described: &Descriptor,
) -> Result<StorageError, StorageError> {
    let read = sidecar::read_any(bucket, &shared.keys, key).await?;
    if matches!(read, SidecarRead::Tombstone) {
        return Ok(deleted(bucket, key));
    }
    let (kind, reason) = match described.exists(bucket, &shared.keys, key).await? {
        true => (StorageErrorKind::Corrupted, "the blob is missing"),
        false => (
            StorageErrorKind::Unavailable,
            "the media is being deleted at this moment",
        ),
    };
    Ok(bucket.fail(kind).with_key(key.id()).with_reason(reason))
}

fn deleted(bucket: &Bucket, key: &MediaKey) -> StorageError {
    bucket
        .fail(StorageErrorKind::InvalidInput)
        .with_key(key.id())
        .with_reason("media with this id was deleted, and its tombstone is still kept")
}

/// Whether the media that a sidecar describes exists, with its bytes.
async fn is_complete(
    shared: &Shared,
    bucket: &Bucket,
    key: &MediaKey,
    described: &Descriptor,
) -> Result<bool, StorageError> {
    let (keys, size) = (&shared.keys, described.sidecar.size_bytes);
    if let (ByteLocation::Shared(generation), Protocol::First) =
        (described.location, described.protocol)
    {
        let sha256 = described.sidecar.sha256;
        let marker = keys.marker(sha256, generation, key.token())?;
        let content = Content::new(bucket, keys, sha256);
        return Ok(
            bucket.head(&marker).await?.is_some() && content.has_blob(generation, size).await?
        );
    }
    if described.incoming {
        return Ok(false);
    }
    let found = bucket.head(&described.bytes(keys, key)?).await?;
    Ok(described.exists(bucket, keys, key).await? && found.is_some_and(|meta| meta.size == size))
}

/// Makes one attempt only: a second one under the same reference could be hidden by a late copy of
/// the first one's sidecar. Whoever imports again later makes the next.
async fn share(
    shared: &Shared,
    key: &MediaKey,
    sidecar: &Sidecar,
    payload: &Payload,
    cancelled: &CancelFlag,
) -> Result<(), StorageError> {
    let bucket = shared.bucket(Operation::Import);
    let content = Content::new(&bucket, &shared.keys, sidecar.sha256);
    let attempt = StoreAttempt {
        content: content.clone(),
        key: key.clone(),
        sidecar,
        payload,
        parts: shared.options.parts,
        cancelled,
    };
    match sharing::store(attempt).await? {
        Attempt::Stored { generation, new } => {
            if !new && !content.has_blob(generation, sidecar.size_bytes).await? {
                return Err(bucket
                    .fail(StorageErrorKind::Corrupted)
                    .with_key(key.id())
                    .with_reason("the blob is gone"));
            }
            shared.confirmed.insert(sidecar.sha256, generation);
            Ok(())
        }
        Attempt::Busy => Err(bucket
            .fail(StorageErrorKind::Unavailable)
            .with_key(key.id())
            .with_reason("others stored or removed the same bytes at the same time")),
    }
}
