//! The forms of the media of one request.

use std::fmt;

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt};
use media_types::{MediaContent, MediaUrl, Mime, ProviderFile, base64};

use super::failure::{MediaSendError, MediaSendErrorKind};
use super::{MediaContext, source};
use crate::provider::note::{MediaNote, NoteCause};
use crate::provider::skeleton::Encoding;

/// How a medium goes to a provider.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MediaForm {
    /// Under the id that the provider gave.
    ProviderFile(ProviderFile),
    /// As an address that the provider fetches; it may carry its own permission, so it belongs
    /// into the request and nowhere else.
    Url(MediaUrl),
    /// As base64 of so many bytes of this type, read while it is sent.
    Base64 {
        /// The type.
        mime: Mime,
        /// Size of the media in bytes, before it is encoded.
        size: u64,
    },
    /// As it is, in a body of several parts, read while it is sent.
    Upload {
        /// The type.
        mime: Mime,
        /// Size of the media in bytes.
        size: u64,
    },
    /// Not at all.
    Note {
        /// What is told to the caller.
        note: MediaNote,
        /// What the model reads in its place.
        text: String,
    },
}

/// One medium with its form.
#[derive(Clone, Debug)]
pub(super) struct Item {
    content: MediaContent,
    form: MediaForm,
    /// What a signed URL can be replaced by.
    bytes: Option<MediaForm>,
}

impl Item {
    pub(super) fn new(content: MediaContent, form: MediaForm) -> Self {
        Self {
            content,
            form,
            bytes: None,
        }
    }

    pub(super) fn note(content: MediaContent, cause: NoteCause, reason: impl Into<String>) -> Self {
        let note = MediaNote::about(&content, cause, reason);
        let text = note.text(&content);
        Self::new(content, MediaForm::Note { note, text })
    }

    pub(super) fn or(mut self, bytes: Option<MediaForm>) -> Self {
        self.bytes = bytes;
        self
    }
}

/// The forms of the media of one request, by number, as they were given to
/// [`MediaContext::plan`].
#[derive(Clone, Default)]
pub struct MediaPlan {
    items: Vec<Item>,
}

impl MediaPlan {
    pub(super) fn new(items: Vec<Item>) -> Self {
        Self { items }
    }

    /// How many media there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no media.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The medium of a number and its form; remote media that had to be fetched is inline here.
    pub fn get(&self, index: usize) -> Option<(&MediaContent, &MediaForm)> {
        let item = self.items.get(index)?;
        Some((&item.content, &item.form))
    }

    /// Whether a medium goes out as anything but a note.
    pub fn is_sent(&self, index: usize) -> bool {
        let form = self.items.get(index).map(|item| &item.form);
        form.is_some_and(|form| !matches!(form, MediaForm::Note { .. }))
    }

    /// How many bytes of it are sent with the request, before they are encoded; 0 where it goes by
    /// an address, an id or a note.
    pub fn size(&self, index: usize) -> u64 {
        match self.items.get(index).map(|item| &item.form) {
            Some(MediaForm::Base64 { size, .. } | MediaForm::Upload { size, .. }) => *size,
            _ => 0,
        }
    }

    /// How long it is in the body of the request.
    pub(super) fn len_in_body(&self, index: usize) -> u64 {
        match self.items.get(index).map(|item| &item.form) {
            Some(MediaForm::Base64 { size, .. }) => base64::encoded_len(*size),
            Some(MediaForm::Upload { size, .. }) => *size,
            _ => 0,
        }
    }

    /// Media that is sent as a note, and why.
    pub fn notes(&self) -> Vec<MediaNote> {
        let notes = self.items.iter().filter_map(|item| match &item.form {
            MediaForm::Note { note, .. } => Some(note.clone()),
            _ => None,
        });
        notes.collect()
    }

    /// Sends a note in place of a medium.
    pub fn note(&mut self, index: usize, cause: NoteCause, reason: impl Into<String>) {
        if let Some(item) = self.items.get_mut(index) {
            *item = Item::note(item.content.clone(), cause, reason);
        }
    }

    /// Sends the bytes of a medium whose signed URL the provider did not take; tells whether there
    /// was a signed URL to replace.
    pub fn bytes_instead_of_url(&mut self, index: usize) -> bool {
        let Some(item) = self.items.get_mut(index) else {
            return false;
        };
        let Some(bytes) = item.bytes.take() else {
            return false;
        };
        item.form = bytes;
        true
    }

    /// The base64 of a medium in pieces of at most 64 KiB, exactly as long as its size says; the
    /// last item is an error if it is not what the plan said or cannot be read. Nothing for media
    /// that is not sent by its bytes. Each call reads anew.
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
        match self.items.get(index) {
            Some(Item {
                content,
                form: MediaForm::Base64 { mime, size } | MediaForm::Upload { mime, size },
                ..
            }) => {
                let planned = source::Planned {
                    index,
                    mime: mime.clone(),
                    size: *size,
                };
                source::encoded(&context.loader, content, planned, encoding)
            }
            _ => stream::empty().boxed(),
        }
    }

    /// Changes the plan so that a medium that failed while it was sent does not fail again: its
    /// type is put right where that was the failure, else it becomes a note.
    pub fn amend(&mut self, failed: &MediaSendError) {
        let Some(item) = self.items.get_mut(failed.index()) else {
            return;
        };
        match (failed.kind(), &mut item.form) {
            // Another kind of media may not be taken, or not in this form.
            (
                MediaSendErrorKind::Retyped { found },
                MediaForm::Base64 { mime, .. } | MediaForm::Upload { mime, .. },
            ) if found.media_type() == mime.media_type() => *mime = found.clone(),
            (kind, _) => {
                let reason = kind.reason();
                self.note(failed.index(), NoteCause::Failed, reason);
            }
        }
    }

    async fn failure_of(&self, index: usize, context: &MediaContext) -> Option<MediaSendError> {
        let mut pieces = self.encoded(index, Encoding::Plain, context);
        while let Some(piece) = pieces.next().await {
            if let Err(failed) = piece {
                return Some(failed);
            }
        }
        None
    }

    /// Reads all media that goes out by its bytes to its end and amends the plan for what fails:
    /// for a plan whose media failed while it was sent.
    pub async fn check(&mut self, context: &MediaContext) {
        for index in 0..self.len() {
            // A medium whose type was put right is read once more.
            while let Some(failed) = self.failure_of(index, context).await {
                self.amend(&failed);
            }
        }
    }
}

impl fmt::Debug for MediaPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.items.iter().map(|item| &item.form))
            .finish()
    }
}
