//! What a service can do is tried when a store is opened.
//!
//! With deduplication, six requests on an object of its own: it is created, and must not be created
//! twice; it is replaced, and must not be replaced again by who knows its first version only; it must
//! be listed at once; it is deleted. Without, one listing: the bucket is there, and the key is right.
//! Probes of several nodes at once each have a name of their own.

use std::fmt::Write as _;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use media_storage::{StorageError, StorageErrorKind};
use object_store::path::Path;

use crate::bucket::{Bucket, Swap, Version};
use crate::error::{ServiceFailure, refused};
use crate::keys::Keys;

/// Whether a service can carry deduplication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Conditional {
    /// Conditional writes work.
    Works,
    /// They do not; this is why.
    Missing(&'static str),
}

/// How a conditional write that must be refused ended.
enum Refusal {
    Refused,
    /// It was carried out as if there were no condition.
    Ignored,
    /// The service does not know such writes.
    Unknown,
}

/// A service may refuse a write that comes while another one is at the same key, such as a copy of
/// itself, and says so as if the version were another. One that never replaces does so each time.
const REPLACE_ATTEMPTS: u32 = 3;

const CREATED_TWICE: &str = "it creates an object that exists";
const STALE_REPLACED: &str = "it replaces an object whose version is another";
const NO_CREATE: &str = "it does not know writes on condition that there is no object";
const NO_REPLACE: &str = "it does not know writes on condition of a version";
const NOT_LISTED: &str = "it does not list what was written";

/// Tries conditional writes, listing and deletion on an object of its own.
///
/// # Errors
/// `Permission` and `Config` naming what the credential may not do, or what of the settings is wrong;
/// `Unavailable`.
pub(crate) async fn probe(bucket: &Bucket, keys: &Keys) -> Result<Conditional, StorageError> {
    let object = keys.probe(&format!("{}/object", random_name(bucket)?))?;
    let tried = conditions(bucket, &object).await;
    let listed = match &tried {
        Ok(_) => is_listed(bucket, &object).await,
        Err(_) => Ok(true),
    };
    // Also where something failed: the object may be there.
    let deleted = bucket.delete(&object).await;
    let conditional = match tried? {
        Conditional::Works if !listed? => Conditional::Missing(NOT_LISTED),
        conditional => conditional,
    };
    deleted?;
    tracing::debug!(
        backend = bucket.backend(),
        works = conditional == Conditional::Works,
        "the service was tried for conditional writes"
    );
    Ok(conditional)
}

/// Tries whether the bucket is there and lets us in.
///
/// A credential that may not list is good enough for storing, reading and deleting; what is wrong
/// with it otherwise is an error.
///
/// # Errors
/// As [`probe`].
pub(crate) async fn reach(bucket: &Bucket, keys: &Keys) -> Result<(), StorageError> {
    let nothing = keys.probes()?;
    match bucket.list(&nothing, None).try_next().await {
        Ok(_) => Ok(()),
        Err(error) if is_plain_refusal(&error) => {
            tracing::warn!(
                backend = bucket.backend(),
                "the credential may not list: inventory and sweep will fail"
            );
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Whether the service knows the credential and says that it may not do this.
fn is_plain_refusal(error: &StorageError) -> bool {
    let source = std::error::Error::source(error);
    let failure = source.and_then(|source| source.downcast_ref::<ServiceFailure>());
    let known = failure.is_some_and(|failure| {
        failure.status() == Some(403) && failure.code() != Some("AuthorizationFailure")
    });
    known && error.kind() == StorageErrorKind::Permission
}

async fn conditions(bucket: &Bucket, object: &Path) -> Result<Conditional, StorageError> {
    let first = match bucket.swap(object, None, Bytes::from_static(b"1")).await {
        Swap::Done(version) => version,
        Swap::Unclear(error) if is_unknown(&error) => return Ok(Conditional::Missing(NO_CREATE)),
        // The name is new: an answer was lost, the request was sent again, and what is there is ours.
        Swap::Unclear(error) if refused(&error) => match bucket.get(object, 16).await? {
            Some((_, version)) => version,
            None => return Err(error),
        },
        Swap::Unclear(error) => return Err(error),
    };
    match refusal(bucket, object, None).await? {
        Refusal::Refused => {}
        Refusal::Ignored => return Ok(Conditional::Missing(CREATED_TWICE)),
        Refusal::Unknown => return Ok(Conditional::Missing(NO_CREATE)),
    }
    if !is_replaced(bucket, object, &first).await? {
        return Ok(Conditional::Missing(NO_REPLACE));
    }
    Ok(match refusal(bucket, object, Some(&first)).await? {
        Refusal::Refused => Conditional::Works,
        Refusal::Ignored => Conditional::Missing(STALE_REPLACED),
        Refusal::Unknown => Conditional::Missing(NO_REPLACE),
    })
}

/// Whether an object can be replaced by who knows its version.
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
            Swap::Unclear(error) if is_unknown(&error) => return Ok(false),
            // Here too an answer may have been lost.
            Swap::Unclear(error) if refused(&error) => match bucket.get(object, 16).await? {
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
        Swap::Unclear(error) if refused(&error) => Ok(Refusal::Refused),
        Swap::Unclear(error) if is_unknown(&error) => Ok(Refusal::Unknown),
        Swap::Unclear(error) => Err(error),
    }
}

fn is_unknown(error: &StorageError) -> bool {
    error.kind() == StorageErrorKind::Unsupported
}

async fn is_listed(bucket: &Bucket, object: &Path) -> Result<bool, StorageError> {
    // A listing is of what lies under a prefix, which the object itself is not. Nobody else's object
    // lies in the directory.
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
            .with_reason("the system gives no random bytes")
            .with_source(error)
    })?;
    let mut name = String::new();
    for byte in random {
        // Writing to a string does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    Ok(name)
}
