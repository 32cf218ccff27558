//! Storing media: from an upload to a reference.

use std::sync::Arc;

use media_storage::backend::{CancelFlag, Digest, check_expected_sha256};
use media_storage::layout::{FileName, MediaToken};
use media_storage::{
    MediaUpload, Operation, Sha256Hasher, Sidecar, StorageError, StorageErrorKind, UploadParts,
};
use media_types::readable::causes;
use media_types::{Sha256, StorageReference};

use super::commit::{Unclaimed, commit};
use super::description::Description;
use super::second_upload;
use crate::body::{BodyReader, Payload, Received, SpoolWriter, hashed, receive};
use crate::bucket::{MediaKey, Multipart, PartOptions, attributes};
use crate::protocol::Nonce;
use crate::reference::own;
use crate::second::{OwnStore, ReferenceObjects};
use crate::shared::{Shared, Sharing};
use crate::sharing::{self, Attempt, Content, StoreAttempt};

/// Number of attempts, each under another reference, after concurrent changes.
const ATTEMPTS: u32 = 32;

/// Stores media.
pub(crate) async fn store(
    shared: &Arc<Shared>,
    upload: MediaUpload,
) -> Result<StorageReference, StorageError> {
    let UploadParts {
        mime,
        body,
        metadata,
        expected_sha256: expected,
        ..
    } = upload.into_parts();
    let description = Description::new(shared, mime, metadata)?;
    let options = &shared.options;
    let parts = options.parts.for_len(body.len().unwrap_or(0));
    let part_size = parts.part_size;
    let (payload, digest) = match receive(body, options.max_media_size, part_size).await? {
        Received::Complete(payload, digest) => (payload, digest),
        Received::FirstPart(first, reader) if options.sharing == Sharing::On => {
            let writer = SpoolWriter::create(options.spool_directory.as_deref()).await?;
            reader.spool(first, writer).await?
        }
        Received::FirstPart(first, reader) => {
            let body = (first, reader, parts);
            return store_stream(shared, description, body, expected).await;
        }
    };
    check_expected_sha256(expected, digest)?;
    commit(
        shared,
        Unclaimed::Deleted,
        move |shared, cancelled| async move {
            let stored = match shared.options.sharing {
                Sharing::On => {
                    store_shared(&shared, &description, (&payload, digest), &cancelled).await
                }
                Sharing::Off | Sharing::Unsupported => {
                    store_own(&shared, &description, (&payload, digest), &cancelled).await
                }
            };
            let stored = match stored {
                // Damage to the blob must not keep new media from being stored.
                Err(error) if error.kind() == StorageErrorKind::Corrupted => {
                    tracing::warn!(error = %causes(&error), "the blob is damaged; media is stored on its own");
                    store_own(&shared, &description, (&payload, digest), &cancelled).await
                }
                stored => stored,
            };
            stored.map_err(|error| shared.bucket(Operation::Store).adopt(error))
        },
    )
    .await
}

/// Stores a body whose bytes may be shared.
async fn store_shared(
    shared: &Shared,
    description: &Description,
    (payload, digest): (&Payload, Digest),
    cancelled: &CancelFlag,
) -> Result<StorageReference, StorageError> {
    if let Some(second) = shared.keys.second() {
        return second_upload::store_shared(
            shared,
            second,
            description,
            (payload, digest),
            cancelled,
        )
        .await;
    }
    let bucket = shared.bucket(Operation::Store);
    for _ in 0..ATTEMPTS {
        let (key, sidecar) = description.new_reference(shared, digest)?;
        let content = Content::new(&bucket, &shared.keys, digest.sha256);
        let attempt = StoreAttempt {
            content: content.clone(),
            key: key.clone(),
            sidecar: &sidecar,
            payload,
            parts: shared.options.parts,
            cancelled,
        };
        if let Attempt::Stored { generation, new } = sharing::store(attempt).await? {
            if !new {
                confirm_blob(shared, content, &key, &sidecar, generation).await?;
            }
            shared.confirmed.insert(digest.sha256, generation);
            tracing::debug!(bytes = digest.len, new, "media stored");
            return sidecar.reference(bucket.backend(), shared.name.as_deref());
        }
    }
    Err(bucket
        .fail(StorageErrorKind::Unavailable)
        .with_reason("the same bytes were stored and removed concurrently in every attempt"))
}

/// Checks, once for each blob, that bytes which another store wrote exist. If they do not, deletes
/// the reference and returns an error.
async fn confirm_blob(
    shared: &Shared,
    content: Content,
    key: &MediaKey,
    sidecar: &Sidecar,
    generation: Nonce,
) -> Result<(), StorageError> {
    if shared.confirmed.contains(content.sha256, generation) {
        return Ok(());
    }
    let failure = match content.has_blob(generation, sidecar.size_bytes).await {
        Ok(true) => return Ok(()),
        Ok(false) => shared
            .bucket(Operation::Store)
            .fail(StorageErrorKind::Corrupted)
            .with_reason("the blob is missing"),
        Err(error) => error,
    };
    if let Err(error) = sharing::delete(content, key, generation, sidecar.expires_at).await {
        tracing::debug!(error = %causes(&error), "failed to delete a reference without bytes; a sweep removes it");
    }
    Err(failure)
}

/// Stores a body as an object of its own.
async fn store_own(
    shared: &Shared,
    description: &Description,
    (payload, digest): (&Payload, Digest),
    cancelled: &CancelFlag,
) -> Result<StorageReference, StorageError> {
    if let Some(second) = shared.keys.second() {
        return second_upload::store_own(shared, second, description, (payload, digest), cancelled)
            .await;
    }
    let bucket = shared.bucket(Operation::Store);
    let (key, sidecar) = description.new_reference(shared, digest)?;
    let body = (payload, shared.options.parts);
    own::store(&bucket, &shared.keys, &key, &sidecar, body, cancelled).await?;
    tracing::debug!(bytes = digest.len, "media stored");
    sidecar.reference(bucket.backend(), shared.name.as_deref())
}

/// Stores a stream of unknown hash while it is received, under a name that does not contain the
/// hash.
async fn store_stream(
    shared: &Arc<Shared>,
    description: Description,
    (first, mut reader, parts): (bytes::Bytes, BodyReader, PartOptions),
    expected: Option<Sha256>,
) -> Result<StorageReference, StorageError> {
    let bucket = shared.bucket(Operation::Store);
    let unknown = Sha256::from_bytes([0; 32]);
    let file = FileName::new(unknown, &MediaToken::mint()?, &description.mime);
    let key = description.key(&file)?;
    let undigested = Digest::new(unknown, 0);
    let expires_at = description.sidecar(shared, &key, undigested).expires_at;
    let filename = description.metadata.filename();
    let headers = attributes(&description.mime, filename, expires_at);
    let object = shared.keys.media(&key)?;
    let mut upload = Multipart::begin(&bucket, &object, headers, parts.in_flight).await?;
    let mut hasher = hashed(Sha256Hasher::new(), &first).await?;
    upload.put(first)?;
    while !reader.is_at_end() {
        upload.room().await?;
        let part = reader.part(parts.part_size).await?;
        hasher = hashed(hasher, &part).await?;
        upload.put(part)?;
    }
    let digest = Digest::of(hasher);
    check_expected_sha256(expected, digest)?;
    upload.finish_parts().await?;
    let sidecar = description.sidecar(shared, &key, digest);
    commit(
        shared,
        Unclaimed::Deleted,
        move |shared, cancelled| async move {
            let keys = &shared.keys;
            let completed = match keys.second() {
                Some(second) => {
                    let objects =
                        ReferenceObjects::new(&bucket, keys, second, &key, Some(&sidecar));
                    let store = OwnStore {
                        objects,
                        sidecar: &sidecar,
                        cancelled: &cancelled,
                        repeatable: false,
                    };
                    store.complete(upload).await
                }
                None => own::complete(&bucket, keys, &key, &sidecar, upload, &cancelled).await,
            };
            completed.map_err(|error| bucket.adopt(error))?;
            tracing::debug!(bytes = digest.len, "media stored");
            sidecar.reference(bucket.backend(), shared.name.as_deref())
        },
    )
    .await
}
