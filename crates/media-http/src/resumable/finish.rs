//! What becomes of a complete upload.

use super::answer::Failure;
use super::headers::declared;
use super::held::HeldUpload;
use super::record::StoredItem;
use crate::link::LinkSigner;
use crate::upload::{Intake, UploadFailure, UploadGrant, UploadTarget, UploadedMedia, sign_links};

/// Stores a complete upload, unless that was done. One of a type that may not be uploaded is removed; one
/// that could not be stored stays complete, and the next request tries again.
pub(super) async fn finish(
    upload: HeldUpload,
    target: &dyn UploadTarget,
    grant: UploadGrant,
) -> Result<HeldUpload, Failure> {
    if upload.left() > 0 || upload.record().stored.is_some() {
        return Ok(upload);
    }
    let declared = declared(&upload.record().metadata)?;
    let (upload, bytes) = upload.read().await?;
    let mut intake = Intake::new(target, None, grant);
    if let Err(failure) = intake.take(declared, bytes).await {
        if matches!(failure, UploadFailure::Type) {
            upload.remove().await?;
        }
        return Err(failure.into());
    }
    let Some(item) = intake.finish().await?.pop() else {
        return Ok(upload);
    };
    let stored = StoredItem {
        reference: item.reference,
        mime_type: item.mime_type,
        size: item.size,
        filename: item.filename,
    };
    Ok(upload.set_stored(stored).await?)
}

/// Returns the media that an upload became, with a link where links are signed.
pub(super) async fn result(
    upload: &HeldUpload,
    signer: Option<&LinkSigner>,
    grant: &UploadGrant,
) -> Result<Vec<UploadedMedia>, Failure> {
    let stored = upload.record().stored.clone();
    let stored = stored.ok_or(Failure::Incomplete)?;
    let mut items = vec![UploadedMedia {
        reference: stored.reference,
        mime_type: stored.mime_type,
        size: stored.size,
        filename: stored.filename,
        url: None,
        url_expires_at: None,
    }];
    sign_links(&mut items, signer, grant).await;
    Ok(items)
}
