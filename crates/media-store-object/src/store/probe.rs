//! Probing the abilities of a service when a store is opened.
//!
//! With deduplication, a probe makes six requests for an object with a random name: it creates the
//! object, which must not succeed twice; replaces it, which must not succeed with a stale version;
//! lists it; and deletes it. With tombstones, two more requests empty the object, and check that it
//! still cannot be created; without deduplication, the object is then not listed. With neither, a probe
//! makes one listing, which shows that the bucket exists and that the credential is valid.
//!
//! One more request deletes a blob that does not exist. A deletion that is refused after its first write would
//! leave media that is neither readable nor deleted, so that a store whose credential may not delete begins none.

use std::fmt::Write as _;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use media_storage::{StorageError, StorageErrorKind};
use object_store::path::Path;

use crate::bucket::Keys;
use crate::bucket::{Bucket, Swap, Version};
use crate::error::{ServiceFailure, is_refused};

/// Whether a service supports deduplication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conditional {
    /// Conditional writes are supported.
    Supported,
    /// Conditional writes are not supported, for this reason.
    Unsupported(&'static str),
}

/// Result of a probe.
pub(super) struct Probe {
    pub(super) conditional: Conditional,
    /// The version id of an object that was written, if the service reports one.
    pub(super) version_id: Option<String>,
    /// Whether the credential may delete blobs.
    pub(super) may_delete: bool,
}

/// Outcome of a conditional write that must be refused.
enum Refusal {
    Refused,
    /// The condition was ignored.
    Ignored,
    /// The service does not support such writes.
    Unsupported,
}

/// Number of attempts to replace an object. A service may refuse a write that arrives while another
/// one, such as a copy of itself, is in progress, as if the version were stale.
const REPLACE_ATTEMPTS: u32 = 3;

const CREATED_TWICE: &str = "the service created an object that exists";
const STALE_REPLACED: &str = "the service replaced an object that has another version";
const NO_CREATE: &str = "the service does not support creating an object only if there is none";
const NO_REPLACE: &str = "the service does not support replacing an object of a given version";
const NOT_LISTED: &str = "the service does not list an object that was written";

/// What a store needs of a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    /// Equal bytes are to be shared. Nothing can be shared without the rights to list and to delete.
    pub(super) sharing: bool,
    /// Deleted names are to stay taken.
    pub(super) tombstones: bool,
}

/// Probes conditional writes, listing and deletion with an object of its own.
///
/// # Errors
/// - `Permission` if the credential may not write, read, list or delete
/// - `Config` if a setting is wrong
/// - `Unavailable` if the service cannot be reached
pub(super) async fn probe(
    bucket: &Bucket,
    keys: &Keys,
    needs: Needs,
) -> Result<Probe, StorageError> {
    let name = random_name(bucket)?;
    let object = keys.probe(&format!("{name}/object"))?;
    let absent = keys.deletion_probe(&name)?;
    let tried = conditions(bucket, &object, needs.tombstones).await;
    let listed = match &tried {
        Ok(_) if needs.sharing => is_listed(bucket, &object).await,
        Ok(_) | Err(_) => Ok(true),
    };
    // The object may exist even if a request failed.
    let (deleted, may_delete) = tokio::join!(bucket.delete(&object), may_delete(bucket, &absent));
    let deleted = match deleted {
        Err(error) if !needs.sharing && is_plain_refusal(&error) => Ok(()),
        other => other,
    };
    let (conditional, version_id) = tried?;
    let conditional = match conditional {
        Conditional::Supported if !listed? => Conditional::Unsupported(NOT_LISTED),
        conditional => conditional,
    };
    deleted?;
    let may_delete = may_delete?;
    tracing::debug!(
        backend = bucket.backend(),
        supported = conditional == Conditional::Supported,
        "probed the service for conditional writes"
    );
    Ok(Probe {
        conditional,
        version_id,
        may_delete,
    })
}

/// Whether the credential may delete an object, which does not exist.
async fn may_delete(bucket: &Bucket, absent: &Path) -> Result<bool, StorageError> {
    match bucket.delete(absent).await {
        Err(error) if is_plain_refusal(&error) => {
            tracing::warn!(
                backend = bucket.backend(),
                "the credential may not delete: deletions, scope deletions and sweeps will fail"
            );
            Ok(false)
        }
        other => other.map(|()| true),
    }
}

/// Checks that the bucket exists and that the credential is valid.
///
/// A credential that may not list is sufficient for storing, reading and deleting.
///
/// # Errors
/// The same as [`probe`].
pub(super) async fn reach(bucket: &Bucket, keys: &Keys) -> Result<(), StorageError> {
    let nothing = keys.probes()?;
    match bucket.list(&nothing, None).try_next().await {
        Ok(_) => Ok(()),
        Err(error) if is_plain_refusal(&error) => {
            tracing::warn!(
                backend = bucket.backend(),
                "the credential may not list: list, usage and sweep will fail"
            );
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Whether the service accepted the credential and denied this request.
pub(super) fn is_plain_refusal(error: &StorageError) -> bool {
    let source = std::error::Error::source(error);
    let failure = source.and_then(|source| source.downcast_ref::<ServiceFailure>());
    let known = failure.is_some_and(|failure| {
        failure.status() == Some(403) && failure.code() != Some("AuthorizationFailure")
    });
    known && error.kind() == StorageErrorKind::Permission
}

async fn conditions(
    bucket: &Bucket,
    object: &Path,
    tombstones: bool,
) -> Result<(Conditional, Option<String>), StorageError> {
    let unsupported = |reason, version_id| Ok((Conditional::Unsupported(reason), version_id));
    let first = match bucket.swap(object, None, Bytes::from_static(b"1")).await {
        Swap::Done(version) => version,
        Swap::Unclear(error) if is_unsupported(&error) => {
            return unsupported(NO_CREATE, None);
        }
        // The name is new: a response was lost, the request was repeated, and the object is ours.
        Swap::Unclear(error) if is_refused(&error) => match bucket.get(object, 16).await? {
            Some((_, version)) => version,
            None => return Err(error),
        },
        Swap::Unclear(error) => return Err(error),
    };
    let version_id = first.id().map(str::to_owned);
    match refusal(bucket, object, None).await? {
        Refusal::Refused => {}
        Refusal::Ignored => return unsupported(CREATED_TWICE, version_id),
        Refusal::Unsupported => return unsupported(NO_CREATE, version_id),
    }
    if !is_replaced(bucket, object, &first).await? {
        return unsupported(NO_REPLACE, version_id);
    }
    match refusal(bucket, object, Some(&first)).await? {
        Refusal::Refused if tombstones && !refuses_over_tombstone(bucket, object).await? => {
            unsupported(CREATED_TWICE, version_id)
        }
        Refusal::Refused => Ok((Conditional::Supported, version_id)),
        Refusal::Ignored => unsupported(STALE_REPLACED, version_id),
        Refusal::Unsupported => unsupported(NO_REPLACE, version_id),
    }
}

/// Whether an object is not created over an empty one.
async fn refuses_over_tombstone(bucket: &Bucket, object: &Path) -> Result<bool, StorageError> {
    bucket.bury(object).await?;
    let refusal = refusal(bucket, object, None).await?;
    Ok(matches!(refusal, Refusal::Refused))
}

/// Whether an object can be replaced on condition of its version.
async fn is_replaced(
    bucket: &Bucket,
    object: &Path,
    first: &Version,
) -> Result<bool, StorageError> {
    for _ in 0..REPLACE_ATTEMPTS {
        match bucket
            .swap(object, Some(first), Bytes::from_static(b"2"))
            .await
        {
            Swap::Done(_) => return Ok(true),
            Swap::Unclear(error) if is_unsupported(&error) => return Ok(false),
            // A response may have been lost here too.
            Swap::Unclear(error) if is_refused(&error) => match bucket.get(object, 16).await? {
                Some((body, _)) if body == "2" => return Ok(true),
                _ => {}
            },
            Swap::Unclear(error) => return Err(error),
        }
    }
    Ok(false)
}

async fn refusal(
    bucket: &Bucket,
    object: &Path,
    expected: Option<&Version>,
) -> Result<Refusal, StorageError> {
    match bucket
        .swap(object, expected, Bytes::from_static(b"3"))
        .await
    {
        Swap::Done(_) => Ok(Refusal::Ignored),
        Swap::Unclear(error) if is_refused(&error) => Ok(Refusal::Refused),
        Swap::Unclear(error) if is_unsupported(&error) => Ok(Refusal::Unsupported),
        Swap::Unclear(error) => Err(error),
    }
}

fn is_unsupported(error: &StorageError) -> bool {
    error.kind() == StorageErrorKind::Unsupported
}

async fn is_listed(bucket: &Bucket, object: &Path) -> Result<bool, StorageError> {
    // A listing shows the objects below a prefix. The directory contains no other object.
    let directory = object.parent().unwrap_or_default();
    let mut listed = bucket.list(&directory, None);
    while let Some(meta) = listed.try_next().await? {
        if meta.location == *object {
            return Ok(true);
        }
    }
    Ok(false)
}

fn random_name(bucket: &Bucket) -> Result<String, StorageError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        bucket
            .fail(StorageErrorKind::Unavailable)
            .with_reason("the operating system provides no random bytes")
            .with_source(error)
    })?;
    let mut name = String::new();
    for byte in random {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    Ok(name)
}
