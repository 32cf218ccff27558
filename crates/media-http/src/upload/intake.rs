//! Storing the items of one request: all of them, or none.

use media_storage::{MediaBody, MediaUpload};
use media_types::{StorageReference, sniff_declared};

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

/// The items of one request, while they are stored.
pub(crate) struct Intake<'a> {
    target: &'a dyn UploadTarget,
    signer: Option<&'a LinkSigner>,
    grant: UploadGrant,
    left: u64,
    items: Vec<UploadedMedia>,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(
        target: &'a dyn UploadTarget,
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

    /// Signs links to what was stored, where links are signed.
    pub(crate) async fn finish(mut self) -> Result<Vec<UploadedMedia>, UploadFailure> {
        if self.items.is_empty() {
            return Err(UploadFailure::Malformed("the upload has no items"));
        }
        if let Some(signer) = self.signer {
            sign_links(&mut self.items, signer, &self.grant.scope()).await;
        }
        Ok(self.items)
    }

    /// Deletes what was stored before an item failed.
    pub(super) async fn roll_back(self) {
        let references: Vec<StorageReference> =
            self.items.into_iter().map(|item| item.reference).collect();
        let results = self.target.take_back(&references).await;
        for error in results.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "an item of a failed upload stays until it expires");
        }
    }
}
