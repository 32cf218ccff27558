//! Storing the items of one request: all of them, or none.

use std::sync::Arc;

use media_storage::{MediaBody, MediaUpload};
use media_types::readable::causes;
use media_types::{StorageReference, sniff_declared};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::answer::{UploadFailure, UploadedMedia};
use super::filename::safe_filename;
use super::links::sign_links;
use super::policy::UploadGrant;
use super::stream::{Bounded, look_at};
use super::target::UploadTarget;
use crate::link::LinkSigner;
use crate::service::Incoming;

/// What a client says of an item.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) mime: Option<String>,
    pub(crate) filename: Option<String>,
    /// Size in bytes, where it is announced, so that a store can refuse it before it takes it.
    pub(crate) size: Option<u64>,
}

/// The items of one request, while they are stored. They are deleted if it is dropped before it is finished: the
/// client has gone.
pub(crate) struct Intake<'a> {
    target: &'a Arc<dyn UploadTarget>,
    signer: Option<&'a LinkSigner>,
    grant: UploadGrant,
    left: u64,
    items: Vec<UploadedMedia>,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(
        target: &'a Arc<dyn UploadTarget>,
        signer: Option<&'a LinkSigner>,
        grant: UploadGrant,
    ) -> Self {
        Self {
            target,
            signer,
            left: grant.max_bytes,
            grant,
            items: Vec::new(),
        }
    }

    /// Stores the next item.
    pub(crate) async fn take(
        &mut self,
        declared: Declared,
        stream: Incoming,
    ) -> Result<(), UploadFailure> {
        if self.items.len() >= self.grant.max_items {
            return Err(UploadFailure::TooMany(self.grant.max_items));
        }
        let (prefix, stream) = look_at(stream).await?;
        if prefix.is_empty() {
            return Err(UploadFailure::Malformed("the upload has no bytes"));
        }
        let mime = sniff_declared(&prefix, declared.mime.as_deref())
            .filter(|mime| self.grant.permits(mime))
            .ok_or(UploadFailure::Type)?;
        let filename = declared.filename.as_deref().and_then(safe_filename);
        let mut metadata = self.grant.metadata.clone();
        if let Some(name) = &filename {
            metadata = metadata.with_filename(name.clone());
        }
        let left = self.left;
        if declared.size.is_some_and(|size| size > left) {
            return Err(UploadFailure::too_large());
        }
        let body = MediaBody::from_stream(declared.size, Bounded { stream, left });
        let upload = MediaUpload::new(mime.clone(), body, metadata);
        let reference = self.target.take(upload).await?;
        let size = reference.size().unwrap_or_default();
        self.left = self.left.saturating_sub(size);
        self.items.push(UploadedMedia {
            reference,
            mime_type: mime,
            size,
            filename,
            url: None,
            url_expires_at: None,
        });
        Ok(())
    }

    /// Signs links to what was stored, where links are signed. It stays from now on.
    pub(crate) async fn finish(mut self) -> Result<Vec<UploadedMedia>, UploadFailure> {
        if self.items.is_empty() {
            return Err(UploadFailure::Malformed("the upload has no items"));
        }
        if let Some(signer) = self.signer {
            sign_links(&mut self.items, signer, &self.grant.scope()).await;
        }
        // Only now: a client that goes while links are signed leaves nothing.
        Ok(std::mem::take(&mut self.items))
    }

    /// Deletes what was stored before an item failed.
    pub(super) async fn roll_back(mut self) {
        if let Some(deleting) = self.delete_items() {
            // It goes on if the client does not wait for the answer.
            let _ = deleting.await;
        }
    }

    fn delete_items(&mut self) -> Option<JoinHandle<()>> {
        let items = std::mem::take(&mut self.items);
        if items.is_empty() {
            return None;
        }
        let runtime = Handle::try_current().ok()?;
        let target = Arc::clone(self.target);
        Some(runtime.spawn(async move {
            let references: Vec<StorageReference> =
                items.into_iter().map(|item| item.reference).collect();
            let results = target.take_back(&references).await;
            for error in results.into_iter().filter_map(Result::err) {
                tracing::warn!(error = %causes(&error), "an item of a failed upload stays until it expires");
            }
        }))
    }
}

impl Drop for Intake<'_> {
    fn drop(&mut self) {
        self.delete_items();
    }
}
