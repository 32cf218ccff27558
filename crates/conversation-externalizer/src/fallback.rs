//! What becomes of media that is not in a store.

use std::collections::HashMap;
use std::io;

use bytes::Bytes;
use conversation_types::{Message, OmissionReason, OmittedMedia};
use media_loader::{LoadErrorKind, LoadOptions, MediaLoader};
use media_storage::StorageErrorKind;
use media_types::readable::causes;
use media_types::{MediaContent, MediaSource, MediaUrl, Mime};

use super::apply::Replacement;
use super::candidate::{Candidate, Payload};
use super::context::{Batch, BatchKind};
use super::draft::Draft;
use super::error::ExternalizeError;
use super::fetches::FetchBudget;
use super::options::ExternalizeOptions;
use super::remote::RemoteAction;
use super::report::{ExternalizeReport, InlineFallback, OmittedItem};
use super::store::{Outcome, file_name, open_file};

/// How much of a part's JSON is neither text nor base64, generously.
const PART_HEAD: u64 = 512;

/// Why a candidate is not in a store.
#[derive(Clone, Debug)]
pub(super) struct Cause {
    /// What the store answered; `None` without a store, and where the media could not be read.
    pub(super) storage_error: Option<StorageErrorKind>,
    /// The cause in words.
    pub(super) reason: String,
}

impl Cause {
    /// Creates the cause of an outcome. `failure` is the first one of the batch.
    pub(super) fn new(outcome: &Outcome, failure: Option<&ExternalizeError>) -> Self {
        let (storage_error, reason) = match (outcome, failure) {
            (Outcome::Failed(error), _) => (Some(error.kind()), causes(error).to_string()),
            (Outcome::Unreadable(error), _) => (None, causes(error).to_string()),
            (_, Some(failure)) => match failure.storage_error() {
                Some(error) => (Some(error.kind()), causes(error).to_string()),
                None => (None, causes(failure).to_string()),
            },
            (_, None) => (None, "there is no media storage".to_owned()),
        };
        Self {
            storage_error,
            reason,
        }
    }
}

/// Keeps media inline as far as there is room, and omits the rest.
pub(super) struct Fallback<'a> {
    batch: &'a Batch<'a>,
    loader: &'a MediaLoader,
    fetcher: &'a MediaLoader,
    budget: &'a FetchBudget,
    /// What was fetched, `None` in vain.
    fetched: HashMap<MediaUrl, Option<(Mime, Bytes)>>,
    /// Whether media is omitted rather than kept inline.
    omits: bool,
    /// How many more bytes each message may hold.
    room: Vec<u64>,
}

impl<'a> Fallback<'a> {
    /// Creates a fallback for messages of which everything but the candidates stays.
    pub(super) fn new(
        batch: &'a Batch<'a>,
        (loader, fetcher, budget): (&'a MediaLoader, &'a MediaLoader, &'a FetchBudget),
        options: &ExternalizeOptions,
        messages: &[Message],
        drafts: &[Draft],
        candidates: &[Candidate],
    ) -> Self {
        let mut room = Vec::with_capacity(messages.len());
        for (index, (message, draft)) in messages.iter().zip(drafts).enumerate() {
            let moving: Vec<&Candidate> =
                candidates.iter().filter(|c| c.message == index).collect();
            let inline = draft
                .parts(message)
                .filter_map(|part| part.as_media()?.inline())
                .map(|bytes| bytes.len() as u64);
            let staying = inline
                .sum::<u64>()
                .saturating_sub(moving.iter().map(|c| c.inline_media()).sum());
            // Media in text takes as much room there as in its own part, and each part has a head.
            let text = json_len(message)
                .saturating_sub(moving.iter().map(|c| c.inline_json()).sum())
                .saturating_add(draft.slots.len() as u64 * PART_HEAD);
            let by_media = options
                .max_inline_bytes_per_message()
                .saturating_sub(staying);
            let by_json = options.max_message_bytes().saturating_sub(text) / 4 * 3;
            room.push(by_media.min(by_json));
        }
        Self {
            batch,
            loader,
            fetcher,
            budget,
            fetched: HashMap::new(),
            omits: false,
            room,
        }
    }

    /// Sets whether media is omitted rather than kept inline. Defaults to `false`.
    pub(super) fn omitting(mut self, omits: bool) -> Self {
        self.omits = omits;
        self
    }

    /// Decides about one candidate: what takes its place, `None` where it stays as it is.
    ///
    /// # Errors
    /// A file in a user's message that cannot be read, and whose path cannot be kept either.
    pub(super) async fn replace(
        &mut self,
        candidate: &Candidate,
        cause: &Cause,
        report: &mut ExternalizeReport,
    ) -> Result<Option<Replacement>, ExternalizeError> {
        let stays_at_url = Payload::Remote(RemoteAction::Fetch { is_secret: false });
        if self.omits && candidate.payload == stays_at_url {
            return Ok(None);
        }
        if self.omits {
            let reason = match cause.storage_error {
                Some(_) => OmissionReason::StorageFailed,
                None => OmissionReason::Unavailable,
            };
            return Ok(Some(omit(self.batch, candidate, reason, cause, report)));
        }
        let new = self.keep_inline(candidate, cause, report).await;
        let is_lost = matches!(&new, Some(Replacement::Omitted(omitted)) if omitted.reason == OmissionReason::Unavailable);
        if is_lost && self.batch.kind == BatchKind::User {
            let position = self.batch.base_position + candidate.message as u64;
            return Err(ExternalizeError::path_not_utf8().at(position, candidate.part));
        }
        Ok(new)
    }

    async fn keep_inline(
        &mut self,
        candidate: &Candidate,
        cause: &Cause,
        report: &mut ExternalizeReport,
    ) -> Option<Replacement> {
        let room = self.room.get(candidate.message).copied().unwrap_or(0);
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
            Payload::Remote(action) => {
                let read = self.fetch(candidate, room).await;
                match (read, action) {
                    (None, RemoteAction::Fetch { is_secret: false }) => return None,
                    (read, _) => read.map(Some).ok_or(OmissionReason::ReadFailed),
                }
            }
        };
        match kept {
            Ok(kept) => {
                let (replacement, size) = kept.unzip();
                if let Some(room) = self.room.get_mut(candidate.message) {
                    *room = room.saturating_sub(size.unwrap_or(0));
                }
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

    /// Fetches what is at a URL, which may be gone when the store is back; a URL once.
    async fn fetch(&mut self, candidate: &Candidate, room: u64) -> Option<Kept> {
        let (url, _) = candidate.to_fetch()?;
        let content = &candidate.content;
        let read = match self.fetched.get(url) {
            Some(read) => read.clone(),
            None => {
                let limit = room.min(self.fetcher.max_bytes()).min(self.budget.left());
                let read = read_remote(self.fetcher, content, limit).await;
                let arrived = read.as_ref().map_or(0, |(_, bytes)| bytes.len());
                let read = read.filter(|_| self.budget.take(arrived));
                self.fetched.insert(url.clone(), read.clone());
                read
            }
        };
        let (mime, bytes) = read.filter(|(_, bytes)| bytes.len() as u64 <= room)?;
        let found = Some(mime).filter(|mime| mime != content.mime());
        Some(inline(content, found, bytes))
    }
}

/// The length of a message's JSON.
fn json_len(message: &Message) -> u64 {
    struct Counter(u64);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // A path that is not UTF-8 ends this early; such a message is refused or changed anyway.
    let _ = serde_json::to_writer(&mut counter, message);
    counter.0
}

type Kept = (Option<Replacement>, u64);

fn inline(content: &MediaContent, mime: Option<Mime>, bytes: Bytes) -> Kept {
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

/// Reads at most a number of bytes from a URL.
async fn read_remote(
    fetcher: &MediaLoader,
    content: &MediaContent,
    limit: u64,
) -> Option<(Mime, Bytes)> {
    if limit == 0 {
        return None;
    }
    let limited = fetcher.with_options(LoadOptions::new().with_max_bytes(limit));
    let loaded = limited.open(content).await.ok()?;
    let bytes = loaded.body.bytes(limit).await.ok()?;
    Some((loaded.mime, bytes))
}

/// Puts a note in the place of media at a URL, which it names without its query.
pub(super) fn omit_remote(
    batch: &Batch<'_>,
    candidate: &Candidate,
    reason: &str,
    report: &mut ExternalizeReport,
) -> Replacement {
    let omitted = OmittedMedia::new(&candidate.content, OmissionReason::Unavailable, reason);
    report.omitted.push(OmittedItem {
        message_index: batch.base_position + candidate.message as u64,
        content_index: candidate.part as u64,
        omitted: omitted.clone(),
    });
    Replacement::Omitted(Box::new(omitted))
}

/// Puts a note in the place of a candidate.
fn omit(
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
    Replacement::Omitted(Box::new(omitted))
}
