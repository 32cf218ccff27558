//! Resolving a reference to its sidecar.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use media_storage::{MAX_SIDECAR_LEN, Operation, Scope, StorageError, StorageErrorKind};
use media_types::{Sha256, StorageReference};

use crate::bucket::{Bucket, Keys, MarkerName, MarkerState, MediaKey, SecondKeys};
use crate::protocol::RecordState;
use crate::reference::sidecar::{self, Descriptor, SidecarRead};
use crate::second::SecondContent;
use crate::shared::Shared;
use crate::sharing::Content;

/// A reference to existing media.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) key: MediaKey,
    pub(super) descriptor: Descriptor,
}

/// Creates the error of a reference to media that does not exist.
pub(super) fn not_found(bucket: &Bucket, reference: &StorageReference) -> StorageError {
    bucket
        .fail(StorageErrorKind::NotFound)
        .with_key(reference.id())
}

/// Resolves an existing reference by its sidecar, or by its marker if there is no valid sidecar.
pub(super) async fn find(
    shared: &Shared,
    bucket: &Bucket,
    reference: &StorageReference,
) -> Result<Option<Resolved>, StorageError> {
    match find_described(shared, bucket, reference).await? {
        Some(found)
            if found
                .descriptor
                .exists(bucket, &shared.keys, &found.key)
                .await? =>
        {
            Ok(Some(found))
        }
        Some(found) => by_marker(shared, bucket, reference, found.key, None).await,
        None => Ok(None),
    }
}

/// Resolves a reference by its sidecar, or by its marker if there is no valid sidecar. The sidecar of
/// a reference that does not exist is a leftover, which deleting removes.
pub(super) async fn find_described(
    shared: &Shared,
    bucket: &Bucket,
    reference: &StorageReference,
) -> Result<Option<Resolved>, StorageError> {
    let key = shared.key(bucket, reference)?;
    let read = sidecar::read_any(bucket, &shared.keys, &key).await;
    let damage = match read {
        Ok(SidecarRead::Present(found)) => {
            let descriptor = *found;
            return Ok(Some(Resolved { key, descriptor }));
        }
        Ok(SidecarRead::Tombstone) => return Ok(None),
        Ok(SidecarRead::Missing | SidecarRead::Retired | SidecarRead::Foreign) => None,
        Err(error) if error.kind() == StorageErrorKind::Corrupted => Some(error),
        Err(error) => return Err(error),
    };
    by_marker(shared, bucket, reference, key, damage).await
}

/// Resolves a reference by its marker. Fails with the damage of its sidecar if there is none.
async fn by_marker(
    shared: &Shared,
    bucket: &Bucket,
    reference: &StorageReference,
    key: MediaKey,
    damage: Option<StorageError>,
) -> Result<Option<Resolved>, StorageError> {
    let found = match reference.sha256() {
        Some(sha256) => by_any_record(bucket, &shared.keys, &key, sha256).await?,
        None => by_name(bucket, &shared.keys, &key).await?,
    };
    match (found, damage) {
        (Some(descriptor), _) => Ok(Some(Resolved { key, descriptor })),
        (None, Some(damage)) => Err(damage),
        (None, None) => Ok(None),
    }
}

/// Resolves a reference by its marker, by either protocol.
pub(super) async fn by_any_record(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    sha256: Sha256,
) -> Result<Option<Descriptor>, StorageError> {
    if let Some(second) = keys.second()
        && let Some(found) = by_second_record(bucket, second, key, sha256).await?
    {
        return Ok(Some(found));
    }
    by_record(bucket, keys, key, sha256).await
}

async fn by_second_record(
    bucket: &Bucket,
    second: &SecondKeys,
    key: &MediaKey,
    sha256: Sha256,
) -> Result<Option<Descriptor>, StorageError> {
    let content = SecondContent::new(bucket, second, sha256);
    let read = content.record().await?;
    let Some(record) = read.map(|read| read.record) else {
        return Ok(None);
    };
    if record.state == RecordState::Dead {
        return Ok(None);
    }
    let plain = second.marker(content.name, record.generation, key.token(), None)?;
    // Media that was imported has a marker whose name follows. Not every service lists in order.
    let under = second.markers(content.name, record.generation)?;
    let listed = bucket.list(&under, Some(&plain)).try_filter_map(|meta| {
        let sealed = MarkerState::of_size(meta.size) == MarkerState::Sealed;
        std::future::ready(Ok(sealed.then_some(meta.location)))
    });
    let mut paths = stream::iter([Ok(plain)]).chain(listed);
    while let Some(path) = paths.try_next().await? {
        let name = second.parse_marker(&path);
        let Some(name) = name.filter(|name| name.token == key.token()) else {
            continue;
        };
        if let Some((json, _)) = bucket.get(&path, MAX_SIDECAR_LEN + 512).await? {
            let read = Descriptor::of_second_marker(&json, second, &name).ok();
            // A marker with another id belongs to another reference; a tombstone is not valid.
            if let Some((_, descriptor)) = read.filter(|(named, _)| named == key) {
                return Ok(Some(descriptor));
            }
        }
    }
    Ok(None)
}

/// Resolves a reference by its marker, which the record of its hash leads to.
pub(super) async fn by_record(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    sha256: Sha256,
) -> Result<Option<Descriptor>, StorageError> {
    let read = Content::new(bucket, keys, sha256).record().await?;
    let Some(record) = read.map(|read| read.record) else {
        return Ok(None);
    };
    if record.state == RecordState::Dead {
        return Ok(None);
    }
    let marker = keys.marker(sha256, record.generation, key.token())?;
    let Some((json, _)) = bucket.get(&marker, MAX_SIDECAR_LEN).await? else {
        return Ok(None);
    };
    let name = MarkerName {
        sha256,
        generation: record.generation,
        token: key.token().to_owned(),
    };
    let read = Descriptor::of_marker(&json, &name).ok();
    // A marker with another id belongs to another reference; this one was guessed.
    Ok(read.filter(|(named, _)| named == key).map(|read| read.1))
}

/// Resolves a reference without a hash by its marker.
async fn by_name(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
) -> Result<Option<Descriptor>, StorageError> {
    for marker in markers_of(bucket, keys, key).await? {
        if let Some(descriptor) = by_record(bucket, keys, key, marker.sha256).await? {
            return Ok(Some(descriptor));
        }
    }
    Ok(None)
}

/// Returns the markers of a reference under all hashes that begin with the digits in its id. Costs a
/// listing of those hashes. On a service that does not list in order, markers can be missing.
pub(super) async fn markers_of(
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
        if name.token == key.token() {
            found.push(name);
        }
    }
    Ok(found)
}

/// Resolves a reference that may be read: not expired, in the expected scope, and consistent with the
/// sidecar.
pub(super) async fn find_admitted(
    shared: &Shared,
    reference: &StorageReference,
    expected_scope: Option<&Scope>,
    operation: Operation,
) -> Result<Resolved, StorageError> {
    let bucket = shared.bucket(operation);
    let Some(found) = find(shared, &bucket, reference).await? else {
        return Err(not_found(&bucket, reference));
    };
    let now = chrono::Utc::now();
    let sidecar = &found.descriptor.sidecar;
    match sidecar.admit(reference, expected_scope, now, operation) {
        Ok(()) => Ok(found),
        Err(error) => Err(bucket.adopt(error)),
    }
}
