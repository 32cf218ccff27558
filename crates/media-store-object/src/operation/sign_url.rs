//! ObjectSigner a URL of the bytes of a reference.

use std::time::Duration;

use media_storage::{Operation, SignedUrl, SignedUrlOptions, StorageError, StorageErrorKind};
use media_types::StorageReference;
use object_store::path::Path;

use super::resolve::{Resolved, by_any_record, find_admitted, not_found};
use crate::bucket::{Bucket, content_disposition};
use crate::reference::sidecar::ByteLocation;
use crate::shared::Shared;
use crate::sign::SigningRequest;

/// The longest validity that all three clouds accept.
const MAX_VALIDITY: Duration = Duration::from_secs(7 * 24 * 3600);

/// Signs a URL of the bytes of a reference.
pub(crate) async fn sign_url(
    shared: &Shared,
    reference: &StorageReference,
    options: SignedUrlOptions,
) -> Result<SignedUrl, StorageError> {
    let bucket = shared.bucket(Operation::Sign);
    let validity = options.validity();
    if validity < Duration::from_secs(1) || validity > MAX_VALIDITY {
        return Err(bucket
            .fail(StorageErrorKind::InvalidInput)
            .with_reason("the validity of a URL must be between one second and seven days"));
    }
    let Some(signer) = &shared.signer else {
        return Err(bucket.fail(StorageErrorKind::Unsupported));
    };
    let scope = options.expected_scope();
    let resolved = find_admitted(shared, reference, scope, Operation::Sign).await?;
    let object = object_of(shared, &bucket, reference, &resolved).await?;
    let sidecar = &resolved.descriptor.sidecar;
    let request = SigningRequest {
        now: chrono::Utc::now(),
        validity,
        not_after: sidecar.expires_at,
        content_type: sidecar.mime_type.to_string(),
        content_disposition: content_disposition(&sidecar.mime_type, sidecar.filename.as_deref()),
    };
    let signed = signer.sign(&object, &request).await;
    signed.map_err(|error| bucket.adopt(error).with_key(reference.id()))
}

/// Returns the object that holds the bytes. A blob may have moved since the sidecar was
/// written, and a URL cannot follow them, so that their existence is checked.
async fn object_of(
    shared: &Shared,
    bucket: &Bucket,
    reference: &StorageReference,
    resolved: &Resolved,
) -> Result<Path, StorageError> {
    let Resolved { key, descriptor } = resolved;
    let object = descriptor.bytes(&shared.keys, key)?;
    if descriptor.location == ByteLocation::Own || bucket.head(&object).await?.is_some() {
        return Ok(object);
    }
    let marked = by_any_record(bucket, &shared.keys, key, descriptor.sidecar.sha256).await?;
    let marked = marked.ok_or_else(|| not_found(bucket, reference))?;
    marked.bytes(&shared.keys, key)
}
