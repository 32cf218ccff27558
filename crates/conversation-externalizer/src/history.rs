//! Storing what older messages hold inline.

use conversation_types::Message;

use super::apply::{self, Replacement};
use super::candidate::Payload;
use super::context::{Batch, BatchKind, MediaOwner};
use super::error::{ExternalizeErrorKind, is_permanent};
use super::externalizer::{Externalizer, Plan, Stored};
use super::fallback::omit_remote;
use super::pending::PendingReferences;
use super::remote::{RemoteAction, RemoteMedia};
use super::report::ExternalizeReport;
use super::store::{Outcome, file_name};

/// How far older messages were externalized.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryProgress {
    /// How many messages, from the first, are done: they hold nothing that the store takes.
    pub done: usize,
    /// The indices of messages that changed and have to be written.
    pub changed: Vec<usize>,
}

impl Externalizer {
    /// Moves media that older messages hold into the store, message by message, as far as the store
    /// takes it. Media that stays is not reported. Nothing is fetched: URLs stay, and media at those that
    /// hold secrets is omitted. `base_position` is the position of the first
    /// message in its conversation.
    ///
    /// Each message changes as a whole in one moment; the future may be dropped at any point.
    /// References are added to `pending` as by [`externalize`](Self::externalize).
    pub async fn externalize_history(
        &self,
        owner: &MediaOwner,
        base_position: u64,
        messages: &mut [Message],
        pending: &mut PendingReferences,
    ) -> HistoryProgress {
        let mut progress = HistoryProgress::default();
        for index in 0..messages.len() {
            let Some(message) = messages.get_mut(index..=index) else {
                break;
            };
            match self
                .externalize_one(owner, base_position + index as u64, message, pending)
                .await
            {
                OneMessage::Changed => progress.changed.push(index),
                OneMessage::Unchanged => {}
                OneMessage::Outage => return progress,
            }
            progress.done = index + 1;
        }
        progress
    }

    async fn externalize_one(
        &self,
        owner: &MediaOwner,
        position: u64,
        message: &mut [Message],
        pending: &mut PendingReferences,
    ) -> OneMessage {
        let batch = Batch::new(owner, position, BatchKind::User);
        let Plan {
            drafts, candidates, ..
        } = self
            .plan(&batch, message, RemoteMedia::PassThrough, false)
            .await;
        let stored = match self.store(&batch, message, &candidates, pending).await {
            Ok(stored) => stored,
            Err(error) => {
                return self
                    .not_stored(owner, position, message, error.kind())
                    .await;
            }
        };
        let Stored {
            outcomes,
            mut ours,
            failure,
            ..
        } = stored;
        if let Some(error) = failure {
            return self
                .not_stored(owner, position, message, error.kind())
                .await;
        }
        let mut report = ExternalizeReport::default();
        let replacements: Vec<_> = candidates
            .iter()
            .zip(outcomes)
            .filter_map(|(candidate, outcome)| match outcome {
                Outcome::Stored(reference, mime) => {
                    let name = file_name(&candidate.content).map(str::to_owned);
                    Some((candidate, Replacement::stored(reference, mime, name)))
                }
                Outcome::Omitted(reason) => {
                    let omitted = omit_remote(&batch, candidate, reason, &mut report);
                    Some((candidate, omitted))
                }
                _ => None,
            })
            .collect();
        let is_changed = !replacements.is_empty() || drafts.iter().any(|draft| draft.is_changed());
        for (draft, message) in drafts.into_iter().zip(message.iter_mut()) {
            draft.apply(message);
        }
        ours.abandon(&apply::apply(message, replacements));
        pending.absorb(ours);
        if is_changed {
            OneMessage::Changed
        } else {
            OneMessage::Unchanged
        }
    }

    /// Omits media at URLs that hold secrets, without fetching and storing anything. Returns whether
    /// messages changed. `base_position` is the position of the first one in its conversation.
    pub async fn omit_secret_urls(
        &self,
        owner: &MediaOwner,
        base_position: u64,
        messages: &mut [Message],
    ) -> bool {
        let batch = Batch::new(owner, base_position, BatchKind::User);
        let Plan {
            drafts, candidates, ..
        } = self
            .plan(&batch, messages, RemoteMedia::PassThrough, false)
            .await;
        let mut report = ExternalizeReport::default();
        let omitted: Vec<_> = candidates
            .iter()
            .filter_map(|candidate| match candidate.payload {
                Payload::Remote(RemoteAction::Omit(reason)) => {
                    let omitted = omit_remote(&batch, candidate, reason, &mut report);
                    Some((candidate, omitted))
                }
                _ => None,
            })
            .collect();
        if omitted.is_empty() {
            return false;
        }
        for (draft, message) in drafts.into_iter().zip(messages.iter_mut()) {
            draft.apply(message);
        }
        apply::apply(messages, omitted);
        true
    }

    async fn not_stored(
        &self,
        owner: &MediaOwner,
        position: u64,
        message: &mut [Message],
        kind: ExternalizeErrorKind,
    ) -> OneMessage {
        match kind {
            ExternalizeErrorKind::Storage(kind) if !is_permanent(kind) => OneMessage::Outage,
            _ if self.omit_secret_urls(owner, position, message).await => OneMessage::Changed,
            _ => OneMessage::Unchanged,
        }
    }
}

enum OneMessage {
    Changed,
    Unchanged,
    /// The store fails, and later may not.
    Outage,
}
