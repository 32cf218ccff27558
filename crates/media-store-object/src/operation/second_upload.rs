//! Storing media by the second protocol.

use media_storage::backend::{CancelFlag, Digest};
use media_storage::{Operation, Sidecar, StorageError, StorageErrorKind};
use media_types::StorageReference;
use media_types::readable::causes;

use super::description::Description;
use crate::body::Payload;
use crate::bucket::{MediaKey, SecondKeys};
use crate::protocol::Nonce;
use crate::reference::value::new_reference;
use crate::second::{self, OwnStore, ReferenceObjects, SecondAttempt, SecondContent, SecondStore};
use crate::shared::Shared;

/// Number of attempts, each under another reference, after concurrent changes.
const ATTEMPTS: u32 = 32;

/// Number of attempts after requests that failed, or whose outcome is unknown.
const FAILED_ATTEMPTS: u32 = 3;

/// Stores a body whose bytes may be shared.
pub(super) async fn store_shared(
    shared: &Shared,
    keys: &SecondKeys,
    description: &Description,
    (payload, digest): (&Payload, Digest),
    cancelled: &CancelFlag,
) -> Result<StorageReference, StorageError> {
    let bucket = shared.bucket(Operation::Store);
    let content = SecondContent::new(&bucket, keys, digest.sha256);
    let mut failures = 0;
    for _ in 0..ATTEMPTS {
        cancelled.check()?;
        let (key, sidecar) = description.new_reference(shared, digest)?;
        let objects = ReferenceObjects::new(&bucket, &shared.keys, keys, &key, Some(&sidecar));
        let attempt = SecondStore {
            content: content.clone(),
            objects,
            sidecar: &sidecar,
            payload,
            parts: shared.options.parts,
            cancelled,
            remembered: shared.generations.get(content.name),
        };
        match second::store(attempt).await? {
            SecondAttempt::Stored { generation, new } => {
                if !new {
                    confirm_blob(shared, &content, &key, &sidecar, generation).await?;
                }
                shared.confirmed.insert(digest.sha256, generation);
                shared.generations.insert(content.name, generation);
                tracing::debug!(bytes = digest.len, new, "media stored");
                let name = shared.name.as_deref();
                return new_reference(&sidecar, Some(generation), bucket.backend(), name);
            }
            SecondAttempt::Busy(failure) => {
                shared.generations.remove(content.name);
                let Some(error) = failure else {
                    continue;
                };
                failures += 1;
                if failures >= FAILED_ATTEMPTS || !error.is_retryable() {
                    return Err(error);
                }
            }
        }
    }
    Err(bucket
        .fail(StorageErrorKind::Unavailable)
        .with_reason("the same bytes were stored and removed concurrently in every attempt"))
}

/// Checks, once for each blob, that bytes which another store wrote exist. If they do not, deletes
/// the reference and returns an error.
pub(super) async fn confirm_blob(
    shared: &Shared,
    content: &SecondContent,
    key: &MediaKey,
    sidecar: &Sidecar,
    generation: Nonce,
) -> Result<(), StorageError> {
    if shared.confirmed.contains(sidecar.sha256, generation) {
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
    shared.generations.remove(content.name);
    let objects = ReferenceObjects::new(
        &content.bucket,
        &shared.keys,
        &content.keys,
        key,
        Some(sidecar),
    );
    if let Err(error) = second::bury(content.clone(), objects, generation).await {
        tracing::debug!(error = %causes(&error), "failed to delete a reference without bytes; a sweep removes it");
    }
    Err(failure)
}

/// Stores a body as an object of its own.
pub(super) async fn store_own(
    shared: &Shared,
    keys: &SecondKeys,
    description: &Description,
    (payload, digest): (&Payload, Digest),
    cancelled: &CancelFlag,
) -> Result<StorageReference, StorageError> {
    let bucket = shared.bucket(Operation::Store);
    let mut attempts = 0;
    loop {
        cancelled.check()?;
        let (key, sidecar) = description.new_reference(shared, digest)?;
        let store = OwnStore {
            objects: ReferenceObjects::new(&bucket, &shared.keys, keys, &key, Some(&sidecar)),
            sidecar: &sidecar,
            cancelled,
            repeatable: false,
        };
        match store.store(payload, shared.options.parts).await {
            Ok(()) => {
                tracing::debug!(bytes = digest.len, "media stored");
                let name = shared.name.as_deref();
                return new_reference(&sidecar, None, bucket.backend(), name);
            }
            Err(error) => {
                attempts += 1;
                if attempts >= FAILED_ATTEMPTS || !error.is_retryable() {
                    return Err(error);
                }
            }
        }
    }
}
