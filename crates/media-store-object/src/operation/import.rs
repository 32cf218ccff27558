//! Taking media over from another store under the id that it has there.

use std::sync::Arc;

use media_storage::backend::{CancelFlag, check_expected_sha256};
use media_storage::layout::CaseRule;
use media_storage::{
    Entry, ImportKey, ImportOutcome, ImportUpload, Imported, Operation, Sidecar, StorageError,
    StorageErrorKind,
};
use media_types::{Sha256, StorageReference};

use super::commit::commit;
use crate::body::{Payload, Received, SpoolWriter, receive};
use crate::bucket::{Bucket, MediaKey};
use crate::reference::sidecar::{self, ByteLocation};
use crate::reference::{layout, own};
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
    if let Some(reference) = present(shared, &bucket, &key, &entry, sha256).await? {
        return Ok(Imported::new(reference, ImportOutcome::Present));
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
    let sidecar = sidecar_of(shared, &entry, sha256, digest.len);
    let reference = commit(shared, move |shared, cancelled| async move {
        let stored = match shared.options.sharing {
            Sharing::On => share(&shared, &key, &sidecar, &payload, &cancelled).await,
            Sharing::Off | Sharing::Unsupported => {
                let body = (&payload, shared.options.parts);
                own::store(&bucket, &shared.keys, &key, &sidecar, body, &cancelled).await
            }
        };
        stored.map_err(|error| bucket.adopt(error))?;
        sidecar.reference(bucket.backend(), shared.name.as_deref())
    });
    Ok(Imported::new(reference.await?, ImportOutcome::Stored))
}

fn sidecar_of(shared: &Shared, entry: &Entry, sha256: Sha256, size: u64) -> Sidecar {
    let mut sidecar = Sidecar::new(
        entry.reference.id(),
        entry.mime.clone(),
        size,
        sha256,
        entry.metadata.clone(),
        shared.options.default_retention,
        entry.stored_at,
    );
    sidecar.expires_at = entry.expires_at;
    sidecar
}

/// The reference to the media, where it is here already and whole.
///
/// What an interrupted import left is not whole: it is written again, in the same words.
async fn present(
    shared: &Shared,
    bucket: &Bucket,
    key: &MediaKey,
    entry: &Entry,
    sha256: Sha256,
) -> Result<Option<StorageReference>, StorageError> {
    let Some(described) = sidecar::read(bucket, &shared.keys, key).await? else {
        return Ok(None);
    };
    let sidecar = &described.sidecar;
    let size = entry.reference.size();
    if sidecar.sha256 != sha256 || size.is_some_and(|size| size != sidecar.size_bytes) {
        return Err(bucket
            .fail(StorageErrorKind::InvalidInput)
            .with_key(key.id())
            .with_reason("the id is in use for other media"));
    }
    let whole = match described.location {
        ByteLocation::Own => {
            let found = bucket.head(&shared.keys.media(key)?).await?;
            found.is_some_and(|meta| meta.size == sidecar.size_bytes)
        }
        ByteLocation::Shared(generation) => {
            let marker = shared.keys.marker(sha256, generation, key.token())?;
            let content = Content::new(bucket, &shared.keys, sha256);
            bucket.head(&marker).await?.is_some()
                && content.has_blob(generation, sidecar.size_bytes).await?
        }
    };
    if !whole {
        return Ok(None);
    }
    let reference = sidecar.reference(bucket.backend(), shared.name.as_deref())?;
    Ok(Some(reference))
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
                    .with_reason("the shared bytes are gone"));
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
