//! What becomes of media that is not in a store.

use std::collections::HashMap;

use bytes::Bytes;
use conversation_types::{Message, OmissionReason, OmittedMedia};
use media_loader::{LoadErrorKind, LoadOptions, MediaLoader};
use media_storage::StorageErrorKind;
use media_types::{MediaContent, MediaSource};

use super::apply::Replacement;
use super::candidate::{Candidate, Payload};
use super::context::Batch;
use super::draft::Draft;
use super::report::{ExternalizeReport, InlineFallback, OmittedItem};
use super::store::{file_name, open_file};

/// Why a candidate is not in a store.
#[derive(Clone, Debug)]
pub(super) struct Cause {
    /// What the store answered; `None` without a store, and where the media could not be read.
    pub(super) storage_error: Option<StorageErrorKind>,
    /// The cause in words.
    pub(super) reason: String,
}

/// Keeps media inline as far as there is room, and omits the rest.
pub(super) struct Fallback<'a> {
    batch: &'a Batch<'a>,
    loader: &'a MediaLoader,
    /// How many bytes a message may hold.
    limit: u64,
    /// How many bytes each message holds.
    held: HashMap<usize, u64>,
}

impl<'a> Fallback<'a> {
    /// Creates a fallback for messages whose media that is not to be stored stays.
    pub(super) fn new(
        batch: &'a Batch<'a>,
        loader: &'a MediaLoader,
        limit: u64,
        messages: &[Message],
        drafts: &[Draft],
        candidates: &[Candidate],
    ) -> Self {
        let mut held: HashMap<usize, u64> = HashMap::new();
        for (index, (message, draft)) in messages.iter().zip(drafts).enumerate() {
            let all = draft
                .parts(message)
                .filter_map(|part| part.as_media()?.inline())
                .map(|bytes| bytes.len() as u64);
            held.insert(index, all.sum());
        }
        for candidate in candidates {
            if let (Payload::Inline(bytes), false) =
                (&candidate.payload, candidate.site.is_opaque())
                && let Some(held) = held.get_mut(&candidate.message)
            {
                *held = held.saturating_sub(bytes.len() as u64);
            }
        }
        Self {
            batch,
            loader,
            limit,
            held,
        }
    }

    /// Decides about one candidate: what takes its place, `None` where it stays as it is.
    pub(super) async fn keep_inline(
        &mut self,
        candidate: &Candidate,
        cause: &Cause,
        report: &mut ExternalizeReport,
    ) -> Option<Replacement> {
        let held = self.held.entry(candidate.message).or_default();
        let room = self.limit.saturating_sub(*held);
        let fits = candidate.size().is_none_or(|size| size <= room);
        let kept = match &candidate.payload {
            _ if !fits => Err(OmissionReason::StorageFailed),
            Payload::Inline(bytes) => Ok(Some((None, bytes.len() as u64))),
            Payload::Received(reference, info) => {
                let read = match self.batch.received.open(reference) {
                    Some(body) => body.bytes(info.size).await.ok(),
                    None => None,
                };
                read.map(|bytes| Some(inline(&candidate.content, None, bytes)))
                    .ok_or(OmissionReason::ReadFailed)
            }
            Payload::File => read_file(self.loader, &candidate.content, room).await,
        };
        match kept {
            Ok(kept) => {
                let (replacement, size) = kept.unzip();
                *held += size.unwrap_or(0);
                report.inline_fallbacks.push(InlineFallback {
                    message_index: self.batch.base_position + candidate.message as u64,
                    content_index: candidate.part as u64,
                    mime: candidate.content.mime().clone(),
                    size,
                    storage_error: cause.storage_error,
                    reason: cause.reason.clone(),
                });
                replacement.flatten()
            }
            Err(reason) => Some(omit(self.batch, candidate, reason, cause, report)),
        }
    }
}

type Kept = (Option<Replacement>, u64);

fn inline(content: &MediaContent, mime: Option<media_types::Mime>, bytes: Bytes) -> Kept {
    let size = bytes.len() as u64;
    let name = file_name(content).map(str::to_owned);
    let source = MediaSource::Inline(bytes);
    (Some(Replacement::Source(source, mime, name)), size)
}

/// Reads a file, which may be gone when the store is back. One that cannot be read stays a file.
async fn read_file(
    loader: &MediaLoader,
    content: &MediaContent,
    room: u64,
) -> Result<Option<Kept>, OmissionReason> {
    let is_utf8 = matches!(content.source(), MediaSource::File(path) if path.to_str().is_some());
    let unread = || {
        if is_utf8 {
            Ok(None)
        } else {
            Err(OmissionReason::Unavailable)
        }
    };
    let limit = room.min(loader.max_bytes());
    let limited = loader.with_options(LoadOptions::new().with_max_bytes(limit));
    match open_file(&limited, content).await {
        Ok(loaded) => match loaded.body.bytes(limit).await {
            Ok(bytes) => {
                let found = Some(loaded.mime).filter(|mime| mime != content.mime());
                Ok(Some(inline(content, found, bytes)))
            }
            Err(_) => unread(),
        },
        Err(error) if matches!(error.kind(), LoadErrorKind::TooLarge { .. }) => {
            Err(OmissionReason::StorageFailed)
        }
        Err(_) => unread(),
    }
}

/// Puts a note in the place of a candidate.
pub(super) fn omit(
    batch: &Batch<'_>,
    candidate: &Candidate,
    reason: OmissionReason,
    cause: &Cause,
    report: &mut ExternalizeReport,
) -> Replacement {
    // The note names neither the spool nor the path.
    let shown = candidate.content.clone();
    let shown = match (file_name(&shown).map(str::to_owned), shown.filename()) {
        (Some(name), None) => shown.with_filename(name),
        _ => shown,
    };
    let shown = shown.with_source(MediaSource::Inline(Bytes::new()));
    let detail = match cause.storage_error {
        Some(kind) => format!("not stored: {kind}"),
        None => String::new(),
    };
    let mut omitted = OmittedMedia::new(&shown, reason, detail);
    omitted.size = candidate.size();
    report.omitted.push(OmittedItem {
        message_index: batch.base_position + candidate.message as u64,
        content_index: candidate.part as u64,
        omitted: omitted.clone(),
    });
    Replacement::Omitted(omitted)
}
