//! Hints of what expires: which references may be due in which hour.
//!
//! `.store/v1/expiry/<hour>/<26>` holds the id of a reference. It only says where to look; the
//! sidecar decides.

use chrono::{DateTime, Datelike as _, Utc};
use media_storage::StorageError;
use object_store::Attributes;
use object_store::path::Path;

use crate::bucket::Bucket;
use crate::keys::{Keys, MediaKey};

/// Longest id of a reference, in bytes.
const MAX_ID: u64 = 1024;

/// The hour of a time, sortable as text; none for times that no clock will show.
pub(crate) fn hour(at: DateTime<Utc>) -> Option<String> {
    (at.year() <= 9999).then(|| at.format("%Y-%m-%dT%H").to_string())
}

/// The hint of a reference that expires.
pub(crate) fn hint(
    keys: &Keys,
    key: &MediaKey,
    expires_at: Option<DateTime<Utc>>,
) -> Result<Option<Path>, StorageError> {
    expires_at
        .and_then(hour)
        .map(|hour| keys.expiry_hint(&hour, key.unique()))
        .transpose()
}

/// Notes that a reference expires, where it does.
pub(crate) async fn note(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    expires_at: Option<DateTime<Utc>>,
) -> Result<(), StorageError> {
    match hint(keys, key, expires_at)? {
        Some(path) => {
            let id = bytes::Bytes::copy_from_slice(key.id().as_bytes());
            bucket.put(&path, id.into(), Attributes::new()).await
        }
        None => Ok(()),
    }
}

/// Drops the hint of a reference.
pub(crate) async fn forget(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    expires_at: Option<DateTime<Utc>>,
) -> Result<(), StorageError> {
    match hint(keys, key, expires_at)? {
        Some(path) => bucket.delete(&path).await,
        None => Ok(()),
    }
}

/// The hours up to now that have hints, the earliest first.
pub(crate) async fn due_hours(
    bucket: &Bucket,
    keys: &Keys,
    now: DateTime<Utc>,
) -> Result<Vec<String>, StorageError> {
    let last = hour(now);
    let mut hours = bucket.names(&keys.expiry()?).await?;
    hours.retain(|hour| last.as_ref().is_none_or(|last| hour <= last));
    hours.sort();
    Ok(hours)
}

/// What a hint points to; `None` where there is none any more, or none that reads.
pub(crate) async fn read(bucket: &Bucket, hint: &Path) -> Result<Option<MediaKey>, StorageError> {
    let Some((id, _)) = bucket.get(hint, MAX_ID).await? else {
        return Ok(None);
    };
    Ok(std::str::from_utf8(&id).ok().and_then(MediaKey::parse))
}
