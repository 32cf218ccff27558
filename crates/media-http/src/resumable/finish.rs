//! What becomes of a complete upload.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use media_storage::StorageErrorKind;
use media_types::readable::causes;

use super::answer::Failure;
use super::headers::declared;
use super::held::HeldUpload;
use super::record::StoredItem;
use crate::link::LinkSigner;
use crate::service::Incoming;
use crate::upload::{Intake, UploadFailure, UploadGrant, UploadTarget, UploadedMedia, sign_links};

/// Stores a complete upload, unless that was done. One that can never be stored is removed; one that could
/// not be stored now stays complete, and the next request tries again.
///
/// Storing goes on if this future is dropped: the client that goes away asks again, and finds the result. An
/// upload that is to be removed is not stored; who removes it waits for its turn.
pub(super) async fn finish(
    upload: HeldUpload,
    target: &Arc<dyn UploadTarget>,
    grant: UploadGrant,
) -> Result<HeldUpload, Failure> {
    if upload.is_doomed() {
        return Err(Failure::NotFound);
    }
    if upload.left() > 0 || upload.record().stored.is_some() {
        return Ok(upload);
    }
    let storing = tokio::spawn(store(upload, Arc::clone(target), grant));
    storing
        .await
        .unwrap_or_else(|error| Err(Failure::Io(io::Error::other(error))))
}

async fn store(
    upload: HeldUpload,
    target: Arc<dyn UploadTarget>,
    grant: UploadGrant,
) -> Result<HeldUpload, Failure> {
    let mut declared = declared(&upload.record().metadata)?;
    declared.size = Some(upload.record().length);
    let (upload, bytes) = upload.read().await?;
    let (bytes, is_unreadable) = watched(bytes);
    let grant = match upload.record().granted.clone() {
        Some(metadata) => grant.with_metadata(metadata),
        None => grant,
    };
    let mut intake = Intake::new(&target, None, grant);
    if let Err(failure) = intake.take(declared, bytes).await {
        // A store may call the failure of its source what it likes.
        if is_final(&failure) && !is_unreadable.load(Ordering::Acquire) {
            upload.remove().await?;
        }
        return Err(failure.into());
    }
    let Some(item) = intake.finish().await?.pop() else {
        return Ok(upload);
    };
    let reference = item.reference.clone();
    let stored = StoredItem {
        reference: item.reference,
        mime_type: item.mime_type,
        size: item.size,
        filename: item.filename,
    };
    let (upload, unwritten) = upload.set_stored(stored).await?;
    let Some(error) = unwritten else {
        return Ok(upload);
    };
    let taken_back = target.take_back(std::slice::from_ref(&reference)).await;
    if let Some(kept) = taken_back.into_iter().find_map(Result::err) {
        // It is known in memory, so that no request of this process stores it again.
        tracing::warn!(error = %causes(&error), %kept, "what an upload became could not be noted on the disk");
        return Ok(upload);
    }
    drop(upload.clear_stored().await?);
    Err(error.into())
}

/// Returns bytes of the spool, and whether reading them has failed.
fn watched(bytes: Incoming) -> (Incoming, Arc<AtomicBool>) {
    let has_failed = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&has_failed);
    let bytes = bytes.inspect(move |piece| {
        if piece.is_err() {
            flag.store(true, Ordering::Release);
        }
    });
    (bytes.boxed(), has_failed)
}

/// Whether trying again cannot help: the bytes are not wanted, or the user is gone.
fn is_final(failure: &UploadFailure) -> bool {
    match failure {
        UploadFailure::Type => true,
        UploadFailure::Storage(error) => matches!(
            error.kind(),
            StorageErrorKind::TooLarge
                | StorageErrorKind::InvalidInput
                | StorageErrorKind::NotFound
        ),
        _ => false,
    }
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
    if let Some(signer) = signer {
        sign_links(&mut items, signer, &grant.scope()).await;
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use bytes::Bytes;
    use futures_util::FutureExt as _;
    use media_storage::{InMemoryStorage, MediaMetadata, MediaStorage as _, Scope};
    use media_types::UserId;

    use super::*;
    use crate::resumable::options::SpoolOptions;
    use crate::resumable::spool::UploadSpool;

    #[tokio::test]
    async fn an_upload_whose_user_goes_is_not_stored_when_its_last_byte_has_come() {
        let directory = tempfile::tempdir().unwrap();
        let spool = UploadSpool::open(directory.path(), SpoolOptions::new());
        let spool = spool.await.unwrap();
        let user: UserId = "user-1".parse().unwrap();
        let metadata = MediaMetadata::new().with_user(user.clone());
        let bytes = Bytes::from_static(b"\x89PNG\r\n\x1a\n");
        let created = spool.create(metadata.clone(), bytes.len() as u64, String::new());
        let id = created.await.unwrap();
        let upload = HeldUpload::take(&spool, &id, Some(&user)).await.unwrap();
        let upload = upload.write(bytes).await.unwrap();
        assert_eq!(upload.left(), 0);

        let mut removing = pin!(spool.remove_user(&user));
        assert!(removing.as_mut().now_or_never().is_none());
        let store = InMemoryStorage::new();
        let target: Arc<dyn UploadTarget> = Arc::new(store.clone());
        let finished = finish(upload, &target, UploadGrant::new(metadata)).await;
        assert!(matches!(finished, Err(Failure::NotFound)));
        assert_eq!(removing.await.unwrap(), 1);
        let inventory = store.inventory().unwrap();
        assert_eq!(inventory.usage(Scope::All).await.unwrap().references, 0);
        let files = std::fs::read_dir(directory.path()).unwrap();
        let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        assert_eq!(names, ["lock"]);
    }
}
