//! In which organisations media was stored, so that a walk of a scope looks wherever it may be.
//!
//! `.store/v1/layout/<organisation>` is written when a store is opened that uses it.

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
    let body = bytes::Bytes::from(organization.as_str());
    match bucket.put(&key, body.into(), Attributes::new()).await {
        // Who may not write stores nothing in it either.
        Err(error) if error.kind() == StorageErrorKind::Permission => Ok(()),
        other => other,
    }
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
