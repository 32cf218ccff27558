//! The forms of the media of one request.

use std::fmt;

use bytes::Bytes;
use conversation_types::{OmissionReason, OmittedMedia};
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt};
use media_types::MediaContent;
#[cfg(feature = "http-client")]
use media_types::ProviderFile;

use super::context::MediaContext;
use super::encoded::{Planned, encoded};
use super::encoding::Encoding;
use super::form::MediaForm;
use super::send_error::{MediaSendError, MediaSendErrorKind};
use crate::pcm::PcmFormat;

/// A media item with its form.
#[derive(Clone, Debug)]
pub(super) struct PlannedItem {
    pub(super) content: MediaContent,
    /// The item of the history that the content stands for, where it was fetched or made to fit.
    original: Option<Box<MediaContent>>,
    pub(super) form: MediaForm,
    /// What a signed URL can be replaced by.
    pub(super) fallback: Option<MediaForm>,
    /// Whether it is older media that was left out because there was too much.
    is_skipped: bool,
    /// Whether the API takes it by the id of a file.
    #[cfg_attr(
        not(feature = "http-client"),
        allow(dead_code, reason = "used by providers only")
    )]
    takes_file: bool,
    /// Whether the content is an image that was made to fit, in place of the one in the history.
    is_fitted: bool,
    /// The format of raw audio that goes out as a WAV file.
    wrapped: Option<PcmFormat>,
}

impl PlannedItem {
    pub(super) fn new(content: MediaContent, form: MediaForm) -> Self {
        Self {
            content,
            original: None,
            form,
            fallback: None,
            is_skipped: false,
            takes_file: false,
            is_fitted: false,
            wrapped: None,
        }
    }

    /// Keeps the item of the history, which is what a refusal is remembered by.
    pub(super) fn of(mut self, original: &MediaContent) -> Self {
        if self.content.source() != original.source() {
            self.original = Some(Box::new(original.clone()));
        }
        self
    }

    /// Leaves the item out.
    fn replace(&mut self, left_out: impl FnOnce(MediaContent) -> Self) {
        let original = self.original.take();
        *self = left_out(self.content.clone());
        self.original = original;
    }

    pub(super) fn with_file_taken(mut self, takes_file: bool) -> Self {
        self.takes_file = takes_file;
        self
    }

    pub(super) fn with_fitted(mut self, is_fitted: bool) -> Self {
        self.is_fitted = is_fitted;
        self
    }

    pub(super) fn with_wrapped(mut self, wrapped: Option<PcmFormat>) -> Self {
        self.wrapped = wrapped;
        self
    }

    /// An item that is left out because there is too much: of bytes, or of items.
    pub(super) fn skipped(content: MediaContent, by_bytes: bool) -> Self {
        let reason = match by_bytes {
            true => OmissionReason::TooLarge,
            false => OmissionReason::TooMany,
        };
        let mut item = Self::omitted(content, reason, skip_text());
        item.is_skipped = true;
        item
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

    /// Returns the item of the history that an item stands for.
    #[cfg(feature = "http-client")]
    pub(crate) fn original(&self, index: usize) -> Option<&MediaContent> {
        let item = self.items.get(index)?;
        Some(item.original.as_deref().unwrap_or(&item.content))
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
            item.replace(|content| PlannedItem::omitted(content, reason, detail));
        }
    }

    /// Returns whether an item could go by the id of a file.
    #[cfg(feature = "http-client")]
    pub(crate) fn takes_file(&self, index: usize) -> bool {
        self.items.get(index).is_some_and(|item| item.takes_file)
    }

    /// Returns whether the bytes of an item can be sent in place of what is sent now.
    #[cfg(feature = "http-client")]
    pub(crate) fn has_fallback(&self, index: usize) -> bool {
        self.items
            .get(index)
            .is_some_and(|item| item.fallback.is_some())
    }

    /// Sends the id of a file in place of an item's bytes.
    #[cfg(feature = "http-client")]
    pub(crate) fn use_file(&mut self, index: usize, file: ProviderFile) {
        if let Some(item) = self.items.get_mut(index) {
            let bytes = std::mem::replace(&mut item.form, MediaForm::ProviderFile(file));
            item.fallback = Some(bytes);
        }
    }

    /// Leaves out an item because there is too much: of bytes, or of items.
    pub(super) fn skip(&mut self, index: usize, by_bytes: bool) {
        if let Some(item) = self.items.get_mut(index) {
            item.replace(|content| PlannedItem::skipped(content, by_bytes));
        }
    }

    /// Returns whether an image goes out that was made to fit.
    pub(super) fn is_fitted(&self, index: usize) -> bool {
        self.items.get(index).is_some_and(|item| item.is_fitted)
    }

    /// Returns whether an item is left out because there is too much.
    pub(crate) fn is_skipped(&self, index: usize) -> bool {
        self.items.get(index).is_some_and(|item| item.is_skipped)
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
            wrapped: item.wrapped,
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
            ) if item.wrapped.is_none() && found.media_type() == mime.media_type() => {
                *mime = found.clone();
            }
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

/// The reason for older media that is left out because there is too much of it: the same for every
/// cap, so that the text in its place never changes.
pub(super) fn skip_text() -> &'static str {
    "it is older, and all media together is more than this provider accepts"
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
