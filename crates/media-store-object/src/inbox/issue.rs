//! Signing a URL for an upload.

use std::time::Duration;

use media_storage::{Operation, StorageError, StorageErrorKind};
use media_types::Mime;

use super::ticket::{SignedUpload, UploadTicket};
use crate::shared::Shared;
use crate::sign::PutRequest;

/// The longest validity. Whatever arrives later than a day after the last sweep is removed by the next.
const MAX_VALIDITY: Duration = Duration::from_secs(12 * 3600);

/// Signs a URL for an upload of a type and size.
pub(crate) async fn issue(
    shared: &Shared,
    mime_type: Mime,
    size: u64,
    validity: Duration,
) -> Result<SignedUpload, StorageError> {
    let bucket = shared.bucket(Operation::Sign);
    let refuse = |kind, reason: &'static str| bucket.fail(kind).with_reason(reason);
    if validity < Duration::from_secs(1) || validity > MAX_VALIDITY {
        return Err(refuse(
            StorageErrorKind::InvalidInput,
            "the validity of a URL for an upload must be between one second and 12 hours",
        ));
    }
    if size == 0 {
        return Err(refuse(
            StorageErrorKind::InvalidInput,
            "the upload has no bytes",
        ));
    }
    if size > shared.options.max_media_size {
        return Err(refuse(
            StorageErrorKind::TooLarge,
            "the upload is larger than the store permits",
        ));
    }
    let Some(signer) = &shared.signer else {
        return Err(bucket.fail(StorageErrorKind::Unsupported));
    };
    let ticket = UploadTicket::random(mime_type, size)?;
    let name = ticket.name().unwrap_or_default();
    let object = shared.keys.inbox_object(name)?;
    let request = PutRequest {
        now: chrono::Utc::now(),
        validity,
        content_type: ticket.mime_type().to_string(),
        size,
    };
    let signed = signer.sign_put(&object, &request).await;
    let signed = signed.map_err(|error| bucket.adopt(error))?;
    Ok(SignedUpload::new(ticket, signed.url, signed.headers))
}
