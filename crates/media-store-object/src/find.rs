//! Finding what a reference stands for.

use futures_util::stream::TryStreamExt as _;
use media_storage::{MAX_SIDECAR_LEN, Operation, Scope, StorageError, StorageErrorKind};
use media_types::{Sha256, StorageReference};

use crate::bucket::Bucket;
use crate::dedup::Hash;
use crate::keys::{Keys, MarkerName, MediaKey};
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
        Ok(Some(described)) if described.stands(bucket, &shared.keys, &key).await? => {
            return Ok(Some(Found { key, described }));
        }
        Ok(_) => None,
        Err(error) if error.kind() == StorageErrorKind::Corrupted => Some(error),
        Err(error) => return Err(error),
    };
    let by_record = match reference.sha256() {
        Some(sha256) => by_record(bucket, &shared.keys, &key, sha256).await?,
        None => by_name(bucket, &shared.keys, &key).await?,
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
    let Some((json, _)) = bucket.get(&marker, MAX_SIDECAR_LEN).await? else {
        return Ok(None);
    };
    let name = MarkerName {
        sha256,
        generation: record.generation,
        unique: key.unique().to_owned(),
    };
    let read = Described::of_marker(&json, &name).ok();
    // A marker of another id is that of a reference that was guessed.
    Ok(read.filter(|(named, _)| named == key).map(|read| read.1))
}

/// The same where the reference does not tell its hash.
async fn by_name(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
) -> Result<Option<Described>, StorageError> {
    for marker in markers_of(bucket, keys, key).await? {
        if let Some(described) = by_record(bucket, keys, key, marker.sha256).await? {
            return Ok(Some(described));
        }
    }
    Ok(None)
}

/// The markers of a reference, under whatever hash, found by the digits of it in the file's name.
/// Costs a listing, which ends with those digits; of services that list in no order it sees less.
pub(crate) async fn markers_of(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
) -> Result<Vec<MarkerName>, StorageError> {
    let before = keys.before_markers(key)?;
    let mut listed = bucket.list(&keys.all_markers()?, Some(&before));
    let mut found = Vec::new();
    while let Some(meta) = listed.try_next().await? {
        let Some(name) = keys.parse_marker(&meta.location) else {
            continue;
        };
        if !name.sha256.to_hex().starts_with(key.digits()) {
            break;
        }
        if name.unique == key.unique() {
            found.push(name);
        }
    }
    Ok(found)
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
