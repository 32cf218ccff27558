//! Notes of the organizations in which media was stored, so that a walk over a scope finds all of it.
//!
//! `.store/v1/layout/<organization>` is written when a store with this organization is opened.

use chrono::{DateTime, Utc};
use futures_util::stream::TryStreamExt as _;
use media_storage::layout::{CaseRule, encode_segment};
use media_storage::{Organization, Scope, StorageError, StorageErrorKind};
use object_store::Attributes;
use object_store::path::Path;

use crate::bucket::{Bucket, Keys, Version};

/// Notes that media will be stored in an organization. Returns the version id of the note, if the
/// service reports one.
pub(crate) async fn note(
    bucket: &Bucket,
    keys: &Keys,
    organization: Organization,
) -> Result<Option<String>, StorageError> {
    let key = keys.layout(organization)?;
    match bucket.head(&key).await {
        Ok(Some(note)) => return Ok(note.version),
        // Without the right to list, S3 answers 403 for an object that does not exist.
        Err(error) if error.kind() != StorageErrorKind::Permission => return Err(error),
        _ => {}
    }
    match write(bucket, &key, organization).await {
        // A credential that may not write stores no media either.
        Err(error) if error.kind() == StorageErrorKind::Permission => Ok(None),
        other => Ok(other?.id().map(str::to_owned)),
    }
}

async fn write(
    bucket: &Bucket,
    key: &Path,
    organization: Organization,
) -> Result<Version, StorageError> {
    let body = bytes::Bytes::from(organization.as_str());
    bucket.put(key, body.into(), Attributes::new()).await
}

/// Returns the current time by the clock of the service: the modification time of the note, which is
/// written again. `None` if the credential may not write. Costs a request and a listing.
pub(crate) async fn service_time(
    bucket: &Bucket,
    keys: &Keys,
    organization: Organization,
) -> Result<Option<DateTime<Utc>>, StorageError> {
    let key = keys.layout(organization)?;
    match write(bucket, &key, organization).await {
        Err(error) if error.kind() == StorageErrorKind::Permission => return Ok(None),
        other => drop(other?),
    }
    let directory = key.parent().unwrap_or_default();
    let notes: Vec<_> = bucket.list(&directory, None).try_collect().await?;
    let note = notes.into_iter().find(|note| note.location == key);
    Ok(note.map(|note| note.last_modified))
}

/// Returns the organization whose keys begin with the id of a scope, and that beginning.
fn prefix(scope: &Scope) -> Option<(Organization, String)> {
    let segment = |id: &str| encode_segment(id, CaseRule::Sensitive);
    match scope {
        Scope::Run(id) => Some((Organization::ByRun, segment(id.as_ref()))),
        Scope::Session(id) => Some((Organization::BySession, segment(id.as_ref()))),
        Scope::Conversation(id) => Some((Organization::ByConversation, segment(id.as_ref()))),
        _ => None,
    }
}

/// Returns the names of the organizations that media was stored in.
pub(crate) async fn organizations(
    bucket: &Bucket,
    keys: &Keys,
) -> Result<Vec<String>, StorageError> {
    let mut all = Vec::new();
    for notes in keys.layouts()? {
        all.extend(bucket.names(&notes).await?);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// Returns the path below which all media of a scope is.
pub(crate) async fn root_of(
    bucket: &Bucket,
    keys: &Keys,
    scope: &Scope,
) -> Result<Path, StorageError> {
    let prefixes: Vec<_> = scope.parts().into_iter().filter_map(prefix).collect();
    if prefixes.is_empty() {
        return Ok(keys.prefix().clone());
    }
    let used = organizations(bucket, keys).await?;
    let only = prefixes.into_iter().find(|(organization, _)| {
        used.iter().all(|name| name == organization.as_str()) && !used.is_empty()
    });
    match only {
        Some((_, directory)) => keys.directory(&directory),
        None => Ok(keys.prefix().clone()),
    }
}
