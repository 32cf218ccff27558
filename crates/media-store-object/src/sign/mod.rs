//! URLs under which anybody gets the bytes of one reference for a while.
//!
//! `object_store` signs as of now, so that no two of its URLs are equal. A provider that caches
//! prompts needs the same URL again, also from another node; so the signatures are made here, as of
//! the beginning of a window of time ([`window`]). What cannot be signed here, because the key is
//! the cloud's, is signed by the cloud and remembered ([`remote`]).
//!
//! Type and name belong to the reference, not to the bytes, which may be shared: each URL says what
//! the answer's `Content-Type` and `Content-Disposition` are.

#![cfg_attr(
    not(all(feature = "aws", feature = "azure", feature = "gcp")),
    allow(dead_code, reason = "each service uses a part of it")
)]

#[cfg(feature = "azure")]
pub(crate) mod azure;
#[cfg(feature = "azure")]
mod delegation;
#[cfg(feature = "gcp")]
pub(crate) mod gcs;
#[cfg(feature = "gcp")]
pub(crate) mod remote;
#[cfg(feature = "aws")]
pub(crate) mod s3;
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
pub(crate) mod target;
#[cfg(any(feature = "aws", feature = "gcp"))]
mod v4;
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
mod window;

use std::time::Duration;

use async_trait::async_trait;
use media_storage::{
    Operation, SignedUrl, SignedUrlOptions, StorageError, StorageErrorKind, UrlSigner,
};
use media_types::StorageReference;
use object_store::path::Path;

use crate::bucket::Bucket;
use crate::connection::SigningRequest;
use crate::find::{Found, absent, by_record, find_admitted};
use crate::headers::content_disposition;
use crate::shared::Shared;
use crate::sidecar::Place;
use crate::store::ObjectMediaStore;

/// The longest validity that all three clouds take.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

#[async_trait]
impl UrlSigner for ObjectMediaStore {
    async fn signed_url(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError> {
        let shared = self.shared();
        let bucket = shared.bucket(Operation::Sign);
        let validity = options.validity();
        if validity < Duration::from_secs(1) || validity > LONGEST {
            return Err(bucket
                .fail(StorageErrorKind::InvalidInput)
                .with_reason("a URL can be valid for one second to seven days"));
        }
        let Some(signer) = &shared.signer else {
            return Err(bucket.fail(StorageErrorKind::Unsupported));
        };
        let scope = options.expected_scope();
        let found = find_admitted(shared, reference, scope, Operation::Sign).await?;
        let object = object_of(shared, &bucket, reference, &found).await?;
        let sidecar = &found.described.sidecar;
        let request = SigningRequest {
            now: chrono::Utc::now(),
            validity,
            not_after: sidecar.expires_at,
            content_type: sidecar.mime_type.to_string(),
            content_disposition: content_disposition(
                &sidecar.mime_type,
                sidecar.filename.as_deref(),
            ),
        };
        let signed = signer.sign(&object, &request).await;
        signed.map_err(|error| bucket.adopt(error).with_key(reference.id()))
    }
}

/// Where the bytes are. Those that are shared may have moved on since the sidecar was written, and a
/// URL cannot follow them: that they are there is looked up.
async fn object_of(
    shared: &Shared,
    bucket: &Bucket,
    reference: &StorageReference,
    found: &Found,
) -> Result<Path, StorageError> {
    let Found { key, described } = found;
    let object = described.bytes(&shared.keys, key)?;
    if described.place == Place::Own || bucket.head(&object).await?.is_some() {
        return Ok(object);
    }
    let marked = by_record(bucket, &shared.keys, key, described.sidecar.sha256).await?;
    let marked = marked.ok_or_else(|| absent(bucket, reference))?;
    marked.bytes(&shared.keys, key)
}

/// A failure to sign; the caller names the media.
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
fn failed(kind: StorageErrorKind, reason: &'static str) -> StorageError {
    StorageError::new(kind, Operation::Sign).with_reason(reason)
}
