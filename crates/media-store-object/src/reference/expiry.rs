//! Expiry hints: which references may expire in which hour.
//!
//! `.store/v1/expiry/<hour>/<token>` holds the id of a reference. It only says where to look; the
//! sidecar decides.

use chrono::{DateTime, Datelike as _, Utc};
use media_storage::StorageError;
use object_store::Attributes;
use object_store::path::Path;

use crate::bucket::{Bucket, Keys, MediaKey};

/// Maximum length of the id of a reference, in bytes.
const MAX_ID: u64 = 1024;

/// Returns the hour of a time as text that sorts by time; `None` after the year 9999.
pub(crate) fn hour(at: DateTime<Utc>) -> Option<String> {
    (at.year() <= 9999).then(|| at.format("%Y-%m-%dT%H").to_string())
}

/// Returns the name of the hint of a reference; `None` if it does not expire.
pub(crate) fn hint(
    keys: &Keys,
    key: &MediaKey,
    expires_at: Option<DateTime<Utc>>,
) -> Result<Option<Path>, StorageError> {
    expires_at
        .and_then(hour)
        .map(|hour| keys.expiry_hint(&hour, key.token()))
        .transpose()
}

/// Writes the hint of a reference, if it expires.
pub(crate) async fn write_hint(
    bucket: &Bucket,
    keys: &Keys,
    key: &MediaKey,
    expires_at: Option<DateTime<Utc>>,
) -> Result<(), StorageError> {
    match hint(keys, key, expires_at)? {
        Some(path) => {
            let id = bytes::Bytes::copy_from_slice(key.id().as_bytes());
            let put = bucket.put(&path, id.into(), Attributes::new());
            put.await.map(drop)
        }
        None => Ok(()),
    }
}

/// Removes the hint of a reference, if it expires.
pub(crate) async fn delete_hint(
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

/// Returns the prefixes of the hours up to `now` that have hints, the earliest first, of both
/// protocols.
pub(crate) async fn due_hours(
    bucket: &Bucket,
    keys: &Keys,
    now: DateTime<Utc>,
) -> Result<Vec<Path>, StorageError> {
    let last = hour(now);
    let is_due = |hour: &String| last.as_ref().is_none_or(|last| hour <= last);
    let mut all = Vec::new();
    for hour in bucket.names(&keys.expiry()?).await? {
        if is_due(&hour) {
            all.push((keys.expiry_hour(&hour)?, hour));
        }
    }
    if let Some(second) = keys.second() {
        for hour in bucket.names(&second.all("expiry")?).await? {
            if is_due(&hour) {
                all.push((second.expiry_hour(&hour)?, hour));
            }
        }
    }
    all.sort_by(|one, other| one.1.cmp(&other.1));
    Ok(all.into_iter().map(|(prefix, _)| prefix).collect())
}

/// Returns the key that a hint names; `None` if the hint is gone or not valid.
pub(crate) async fn read_hint(
    bucket: &Bucket,
    hint: &Path,
) -> Result<Option<MediaKey>, StorageError> {
    let Some((id, _)) = bucket.get(hint, MAX_ID).await? else {
        return Ok(None);
    };
    Ok(std::str::from_utf8(&id).ok().and_then(MediaKey::parse))
}
