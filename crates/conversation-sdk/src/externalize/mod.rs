//! Moving the bytes of messages into the media store and keeping references.
//!
//! # Map
//! - `scan`: which media of messages, and putting references in its place · `nested`: media inside
//!   JSON that is not understood · `references`: which references messages hold
//! - `batch`: storing all of it or none · `minted`: references that no state holds yet
//! - `received`: media that came piece by piece, back in its place · `observed`: the store with its
//!   events

use std::sync::Arc;

use media_loader::MediaLoader;
use media_storage::{MediaStorage, StorageErrorKind};
use media_types::MediaSource;

mod batch;
mod minted;
mod nested;
mod observed;
mod received;
mod references;
mod scan;

pub(crate) use minted::{Minted, held_by};
pub(crate) use observed::Observed;
pub(crate) use received::take_in_all;
pub(crate) use references::of_message as references_of;

use crate::config::{ManagerConfig, OnStorageError};
use crate::error::{ConversationError, ConversationErrorKind};
use crate::listener::{Event, KeptInline, Listeners};
use crate::message::{Message, Part};
use crate::receive::ReceivedMedia;
use crate::state::ConversationRecord;
use batch::{Batch, Failure, Unreadable, file_name};
use scan::{Candidate, Wanted};

/// Whether the store would refuse the same media again, so that trying again is of no use.
pub(crate) fn is_for_good(kind: StorageErrorKind) -> bool {
    matches!(
        kind,
        StorageErrorKind::TooLarge | StorageErrorKind::InvalidInput | StorageErrorKind::Unsupported
    )
}

/// Externalizes messages of a conversation.
#[derive(Debug)]
pub(crate) struct Externalizer {
    pub(crate) storage: Arc<dyn MediaStorage>,
    pub(crate) loader: MediaLoader,
    pub(crate) listeners: Listeners,
    pub(crate) config: ManagerConfig,
    /// The model provider's word, kept with media that it made.
    pub(crate) provider: String,
}

impl Externalizer {
    /// Externalizes the chosen messages as one batch. `base` is the position of the first message
    /// in the conversation.
    ///
    /// # Errors
    /// Under [`OnStorageError::FailTurn`]: what the store or the loader says. The messages are as
    /// they were then, and the batch has left nothing in the store. Under any choice: `Media` where
    /// the store has failed and received media cannot be read back.
    pub(crate) async fn externalize(
        &self,
        record: &ConversationRecord,
        base: u64,
        messages: &mut [Message],
        choose: impl Fn(&Message) -> bool,
        of_turn: &ReceivedMedia,
        minted: &mut Minted,
    ) -> Result<Vec<KeptInline>, ConversationError> {
        let wanted = Wanted {
            threshold: self.config.threshold_bytes(),
            received: Some(of_turn),
        };
        let candidates = scan::scan(messages, wanted, choose);
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let kept = |candidate: &Candidate| KeptInline {
            conversation: record.id.clone(),
            message_index: base + candidate.place.message as u64,
            content_index: candidate.place.part as u64,
            mime: candidate.content.mime().clone(),
            size: candidate.content.size(),
            storage_error: None,
            reason: String::new(),
        };
        let fails = self.config.on_storage_error() == OnStorageError::FailTurn;
        let batch = self.batch(record, base);
        let mut report = Vec::new();
        match batch.store(messages, &candidates, minted).await {
            Ok((stored, unreadable)) => {
                let mut unreadable = unreadable.into_iter();
                if fails && let Some(Unreadable { error, .. }) = unreadable.next() {
                    return Err(
                        ConversationError::new(ConversationErrorKind::Media).with_source(error)
                    );
                }
                scan::apply(messages, &stored);
                report.extend(unreadable.map(|Unreadable { index, error }| KeptInline {
                    reason: error.to_string(),
                    ..kept(&candidates[index])
                }));
            }
            Err(Failure { index, error }) => {
                if fails {
                    let place = kept(&candidates[index]);
                    return Err(ConversationError::from(error).with_detail(format!(
                        "part {} of message {}",
                        place.content_index, place.message_index
                    )));
                }
                let taken_in = received::take_in(messages, &candidates).await;
                taken_in.map_err(|error| {
                    ConversationError::new(ConversationErrorKind::Media).with_source(error)
                })?;
                for candidate in &candidates {
                    let mut kept = kept(candidate);
                    kept.storage_error = Some(error.kind());
                    kept.reason = error.to_string();
                    if let Some(size) = self.take_in_file(messages, candidate).await {
                        kept.size = Some(size);
                    }
                    report.push(kept);
                }
            }
        }
        for kept in &report {
            self.listeners.tell(&Event::MediaKeptInline(kept.clone()));
        }
        Ok(report)
    }

    /// Puts the bytes of a file in its place, since the file may be gone when the store is back;
    /// returns how many. A file that cannot be read stays as it is.
    async fn take_in_file(&self, messages: &mut [Message], candidate: &Candidate) -> Option<u64> {
        let MediaSource::File(path) = candidate.content.source() else {
            return None;
        };
        let part = messages
            .get_mut(candidate.place.message)
            .and_then(|message| message.content.get_mut(candidate.place.part));
        let Some(Part::Media(content)) = part else {
            return None;
        };
        let bytes = self.loader.bytes(&candidate.content).await.ok()?;
        let size = bytes.len() as u64;
        let mut inline = content.clone().with_source(MediaSource::Inline(bytes));
        if let (None, Some(name)) = (inline.filename(), file_name(path)) {
            inline = inline.with_filename(name);
        }
        *content = inline;
        Some(size)
    }

    /// Externalizes messages of an older history: as far as the store takes them, without a word
    /// about those that stay. Returns how many messages, from the first, are done, and whether any
    /// changed.
    pub(crate) async fn externalize_history(
        &self,
        record: &ConversationRecord,
        base: u64,
        messages: &mut [Message],
        minted: &mut Minted,
    ) -> (usize, bool) {
        let mut changed = false;
        for index in 0..messages.len() {
            let Some(message) = messages.get_mut(index..=index) else {
                break;
            };
            let wanted = Wanted {
                threshold: self.config.threshold_bytes(),
                received: None,
            };
            let candidates = scan::scan(message, wanted, |_| true);
            if candidates.is_empty() {
                continue;
            }
            let batch = self.batch(record, base + index as u64);
            match batch.store(message, &candidates, minted).await {
                Ok((stored, _)) => {
                    changed |= !stored.is_empty();
                    scan::apply(message, &stored);
                }
                Err(Failure { error, .. }) if is_for_good(error.kind()) => {}
                Err(_) => return (index, changed),
            }
        }
        (messages.len(), changed)
    }

    fn batch<'a>(&'a self, record: &'a ConversationRecord, base: u64) -> Batch<'a> {
        Batch {
            storage: &self.storage,
            loader: &self.loader,
            record,
            provider: &self.provider,
            retention: self.config.media_default_policy(),
            base,
            concurrency: self.config.concurrent_stores(),
        }
    }
}
