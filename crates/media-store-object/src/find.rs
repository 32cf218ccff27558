//! Finding what a reference stands for.

use media_storage::{Operation, Scope, StorageError, StorageErrorKind};
use media_types::{Sha256, StorageReference};

use crate::bucket::Bucket;
use crate::dedup::Hash;
use crate::keys::{Keys, MediaKey};
use crate::protocol::RecordState;
use crate::shared::Shared;
use crate::sidecar::{self, Described};

/// What a reference stands for.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) key: MediaKey,
    pub(crate) described: Described,
}

/// The answer to a reference that stands for nothing.
pub(crate) fn absent(bucket: &Bucket, reference: &StorageReference) -> StorageError {
    bucket
        .fail(StorageErrorKind::NotFound)
        .with_key(reference.id())
}

/// Finds the record of a reference: its sidecar, or without one its marker.
pub(crate) async fn find(
    shared: &Shared,
    bucket: &Bucket,
    reference: &StorageReference,
) -> Result<Option<Found>, StorageError> {
    let key = shared.key(bucket, reference)?;
    let read = sidecar::read(bucket, &shared.keys, &key).await;
    let damage = match read {
        Ok(Some(described)) => return Ok(Some(Found { key, described })),
        Ok(None) => None,
        Err(error) if error.kind() == StorageErrorKind::Corrupted => Some(error),
        Err(error) => return Err(error),
    };
    let by_record = match reference.sha256() {
        Some(sha256) => by_record(bucket, &shared.keys, &key, sha256).await?,
        None => None,
    };
    match (by_record, damage) {
        (Some(described), _) => Ok(Some(Found { key, described })),
        (None, Some(damage)) => Err(damage),
        (None, None) => Ok(None),
    }
}

/// Finds the marker of a reference by the record of its hash.
pub(crate) async fn by_record(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    sha256: Sha256,
) -> Result<Option<Described>, StorageError> {
    let read = Hash::new(bucket, keys, sha256).record().await?;
    let Some(record) = read.map(|read| read.record) else {
        return Ok(None);
    };
    if record.state == RecordState::Dead {
        return Ok(None);
    }
    let marker = keys.marker(sha256, record.generation, key.unique())?;
    let limit = media_storage::MAX_SIDECAR_LEN;
    let Some((json, _)) = bucket.get(&marker, limit).await? else {
        return Ok(None);
    };
    // A marker of another id is that of a reference that was guessed.
    Ok(Described::from_json(&json, key).ok())
}

/// Finds what a reference stands for, and whether it may be reached: the rules of reading.
pub(crate) async fn find_admitted(
    shared: &Shared,
    reference: &StorageReference,
    expected_scope: Option<&Scope>,
    operation: Operation,
) -> Result<Found, StorageError> {
    let bucket = shared.bucket(operation);
    let Some(found) = find(shared, &bucket, reference).await? else {
        return Err(absent(&bucket, reference));
    };
    let now = chrono::Utc::now();
    let sidecar = &found.described.sidecar;
    match sidecar.admit(reference, expected_scope, now, operation) {
        Ok(()) => Ok(found),
        Err(error) => Err(bucket.adopt(error)),
    }
}
