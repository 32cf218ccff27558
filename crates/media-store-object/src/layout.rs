//! In which organisations media was stored, so that a walk of a scope looks wherever it may be.
//!
//! `.store/v1/layout/<organisation>` is written when a store is opened that uses it.

use chrono::{DateTime, Utc};
use futures_util::stream::TryStreamExt as _;
use media_storage::layout::{CaseRule, encode_segment};
use media_storage::{Organization, Scope, StorageError, StorageErrorKind};
use object_store::Attributes;
use object_store::path::Path;

use crate::bucket::Bucket;
use crate::keys::Keys;

/// Notes that media will be stored in an organisation.
pub(crate) async fn note(
    bucket: &Bucket,
    keys: &Keys,
    organization: Organization,
) -> Result<(), StorageError> {
    let key = keys.layout(organization)?;
    match bucket.head(&key).await {
        Ok(Some(_)) => return Ok(()),
        // Without the right to list, S3 forbids looking for what is not there.
        Err(error) if error.kind() != StorageErrorKind::Permission => return Err(error),
        _ => {}
    }
    match write(bucket, &key, organization).await {
        // Who may not write stores nothing in it either.
        Err(error) if error.kind() == StorageErrorKind::Permission => Ok(()),
        other => other,
    }
}

async fn write(
    bucket: &Bucket,
    key: &Path,
    organization: Organization,
) -> Result<(), StorageError> {
    let body = bytes::Bytes::from(organization.as_str());
    bucket.put(key, body.into(), Attributes::new()).await
}

/// What time it is where objects get theirs: that of the note, written again. `None` where it
/// cannot be told. Costs a request and a listing.
pub(crate) async fn time(
    bucket: &Bucket,
    keys: &Keys,
    organization: Organization,
) -> Result<Option<DateTime<Utc>>, StorageError> {
    let key = keys.layout(organization)?;
    match write(bucket, &key, organization).await {
        Err(error) if error.kind() == StorageErrorKind::Permission => return Ok(None),
        other => other?,
    }
    let notes: Vec<_> = bucket.list(&keys.layouts()?, None).try_collect().await?;
    let note = notes.into_iter().find(|note| note.location == key);
    Ok(note.map(|note| note.last_modified))
}

/// The one organisation that begins its keys with what a scope is made of, and that beginning.
fn prefix(scope: &Scope) -> Option<(Organization, String)> {
    let segment = |id: &str| encode_segment(id, CaseRule::Sensitive);
    match scope {
        Scope::Run(id) => Some((Organization::ByRun, segment(id.as_ref()))),
        Scope::Session(id) => Some((Organization::BySession, segment(id.as_ref()))),
        Scope::Conversation(id) => Some((Organization::ByConversation, segment(id.as_ref()))),
        _ => None,
    }
}

/// Where the media of a scope can be.
pub(crate) async fn root_of(
    bucket: &Bucket,
    keys: &Keys,
    scope: &Scope,
) -> Result<Path, StorageError> {
    let Some((organization, directory)) = prefix(scope) else {
        return Ok(keys.prefix().clone());
    };
    let used = bucket.names(&keys.layouts()?).await?;
    if used.iter().all(|name| name == organization.as_str()) && !used.is_empty() {
        keys.directory(&directory)
    } else {
        Ok(keys.prefix().clone())
    }
}
