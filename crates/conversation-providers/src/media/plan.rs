//! The forms of the media of one request.

use std::fmt;

use bytes::Bytes;
use conversation_types::{OmissionReason, OmittedMedia};
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt};
use media_types::MediaContent;

use super::context::MediaContext;
use super::encoded::{Planned, encoded};
use super::encoding::Encoding;
use super::form::MediaForm;
use super::send_error::{MediaSendError, MediaSendErrorKind};

/// A media item with its form.
#[derive(Clone, Debug)]
pub(super) struct PlannedItem {
    pub(super) content: MediaContent,
    pub(super) form: MediaForm,
    /// What a signed URL can be replaced by.
    pub(super) fallback: Option<MediaForm>,
}

impl PlannedItem {
    pub(super) fn new(content: MediaContent, form: MediaForm) -> Self {
        Self {
            content,
            form,
            fallback: None,
        }
    }

    pub(super) fn omitted(
        content: MediaContent,
        reason: OmissionReason,
        detail: impl Into<String>,
    ) -> Self {
        let form = MediaForm::omitted(&content, reason, detail);
        Self::new(content, form)
    }

    pub(super) fn with_fallback(mut self, bytes: Option<MediaForm>) -> Self {
        self.fallback = bytes;
        self
    }
}

/// The forms of the media of one request, by index, as they were given to
/// [`MediaContext::plan`].
#[derive(Clone, Default)]
pub struct MediaPlan {
    items: Vec<PlannedItem>,
}

impl MediaPlan {
    pub(super) fn new(items: Vec<PlannedItem>) -> Self {
        Self { items }
    }

    /// Returns the number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns an item and its form; media that had to be fetched is inline here.
    pub fn get(&self, index: usize) -> Option<(&MediaContent, &MediaForm)> {
        let item = self.items.get(index)?;
        Some((&item.content, &item.form))
    }

    /// Returns whether an item goes out in any form.
    pub fn is_sent(&self, index: usize) -> bool {
        let form = self.items.get(index).map(|item| &item.form);
        form.is_some_and(|form| !matches!(form, MediaForm::Omitted(_)))
    }

    /// Returns the number of bytes of an item that are sent with the request, before they are
    /// encoded; 0 where it goes by URL or id, or not at all.
    pub fn size(&self, index: usize) -> u64 {
        self.items.get(index).map_or(0, |item| item.form.size())
    }

    pub(super) fn len_in_body(&self, index: usize) -> u64 {
        self.items
            .get(index)
            .map_or(0, |item| item.form.len_in_body())
    }

    /// Returns the number of items that are sent.
    pub fn sent(&self) -> usize {
        (0..self.len()).filter(|index| self.is_sent(*index)).count()
    }

    /// Returns the items that are not sent, with the reasons.
    pub fn omitted_media(&self) -> Vec<OmittedMedia> {
        let omitted = self.items.iter().filter_map(|item| match &item.form {
            MediaForm::Omitted(omitted) => Some(omitted.as_ref().clone()),
            _ => None,
        });
        omitted.collect()
    }

    /// Leaves an item out of the request.
    pub fn omit(&mut self, index: usize, reason: OmissionReason, detail: impl Into<String>) {
        if let Some(item) = self.items.get_mut(index) {
            *item = PlannedItem::omitted(item.content.clone(), reason, detail);
        }
    }

    /// Leaves out the oldest items that are sent by their bytes, until the body is about this many
    /// bytes shorter, the texts in their place counted.
    pub(crate) fn omit_oldest(&mut self, bytes: u64, reason: OmissionReason) {
        let mut saved = 0_u64;
        for index in 0..self.len() {
            let len = self.len_in_body(index);
            if saved >= bytes {
                break;
            }
            if len > 0 {
                self.omit(index, reason.clone(), REQUEST_TOO_LARGE);
                let text = self.items.get(index).map(|item| item.form.text_len());
                saved = saved.saturating_add(len.saturating_sub(text.unwrap_or_default()));
            }
        }
    }

    /// Returns the number of bytes of all items in the body.
    pub(crate) fn sent_bytes(&self) -> u64 {
        (0..self.len()).map(|index| self.len_in_body(index)).sum()
    }

    /// Sends the bytes of an item in place of its signed URL; returns whether there was a signed
    /// URL to replace.
    pub fn replace_url_by_bytes(&mut self, index: usize) -> bool {
        let Some(item) = self.items.get_mut(index) else {
            return false;
        };
        let Some(bytes) = item.fallback.take() else {
            return false;
        };
        item.form = bytes;
        true
    }

    /// Returns the base64 of an item in chunks of at most 64 KiB, exactly as long as its size
    /// requires; the last item is an error if it differs from the plan or cannot be read. Empty for
    /// media that is not sent by its bytes. Each call reads again.
    pub fn base64(
        &self,
        index: usize,
        context: &MediaContext,
    ) -> BoxStream<'static, Result<Bytes, MediaSendError>> {
        self.encoded(index, Encoding::Base64, context)
    }

    pub(crate) fn encoded(
        &self,
        index: usize,
        encoding: Encoding,
        context: &MediaContext,
    ) -> BoxStream<'static, Result<Bytes, MediaSendError>> {
        let Some(item) = self.items.get(index) else {
            return stream::empty().boxed();
        };
        let (MediaForm::Base64 { mime, size } | MediaForm::Upload { mime, size }) = &item.form
        else {
            return stream::empty().boxed();
        };
        let planned = Planned {
            index,
            mime: mime.clone(),
            size: *size,
        };
        encoded(context.loader(), &item.content, planned, encoding)
    }

    /// Changes the plan so that an item that failed while it was sent does not fail again: its
    /// type is corrected where that was the failure, else it is omitted.
    pub fn amend(&mut self, failed: &MediaSendError) {
        let Some(item) = self.items.get_mut(failed.index()) else {
            return;
        };
        match (failed.kind(), &mut item.form) {
            // Another kind of media may not be accepted, or not in this form.
            (
                MediaSendErrorKind::Retyped { found },
                MediaForm::Base64 { mime, .. } | MediaForm::Upload { mime, .. },
            ) if found.media_type() == mime.media_type() => *mime = found.clone(),
            (kind, _) => {
                let detail = kind.omission_detail();
                self.omit(failed.index(), OmissionReason::ReadFailed, detail);
            }
        }
    }

    async fn read_failure(&self, index: usize, context: &MediaContext) -> Option<MediaSendError> {
        let mut chunks = self.encoded(index, Encoding::Plain, context);
        while let Some(chunk) = chunks.next().await {
            if let Err(failed) = chunk {
                return Some(failed);
            }
        }
        None
    }

    /// Reads all media that goes out by its bytes to its end and amends the plan for what fails:
    /// for a plan whose media failed while it was sent.
    pub async fn check(&mut self, context: &MediaContext) {
        for index in 0..self.len() {
            // An item whose type was corrected is read once more.
            while let Some(failed) = self.read_failure(index, context).await {
                self.amend(&failed);
            }
        }
    }
}

/// The reason for media that does not fit into the request.
pub(super) const REQUEST_TOO_LARGE: &str = "the media together is too large for this provider";

impl fmt::Debug for MediaPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.items.iter().map(|item| &item.form))
            .finish()
    }
}
