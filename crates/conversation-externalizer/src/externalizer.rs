//! The externalizer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use conversation_types::Message;
use futures_util::stream::{self, StreamExt};
use media_loader::MediaLoader;
use media_storage::{MediaStorage, MediaStorageExt};
use media_types::{MediaUrl, Mime, StorageReference};

use super::apply::{self, Replacement};
use super::candidate::{Candidate, Payload, Selection};
use super::context::{Batch, BatchKind};
use super::draft::Draft;
use super::error::ExternalizeError;
use super::extract::MediaExtractor;
use super::fallback::{Cause, Fallback, omit_remote};
use super::fetched::unnamed;
use super::fetches::FetchBudget;
use super::options::{ExternalizeOptions, OnStorageError};
use super::pending::{MediaKey, PendingReferences};
use super::remote::{self, RemoteAction, RemoteMedia};
use super::report::{ExternalizeReport, TypeCorrection};
use super::store::{Outcome, StopAt, Uploader, file_name, unfetched};

/// Moves the bytes of messages into a media store and keeps references. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Externalizer {
    pub(super) storage: Option<Arc<dyn MediaStorage>>,
    pub(super) loader: MediaLoader,
    pub(super) fetcher: MediaLoader,
    pub(super) options: ExternalizeOptions,
}

/// Messages as they will be, and what of them is to be stored.
pub(super) struct Plan {
    pub(super) drafts: Vec<Draft>,
    pub(super) candidates: Vec<Candidate>,
    /// How many bytes were looked at.
    pub(super) work: u64,
}

/// What was stored of a batch, before the messages name it.
pub(super) struct Stored {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) ours: PendingReferences,
    pub(super) failure: Option<ExternalizeError>,
    pub(super) budget: FetchBudget,
}

impl Externalizer {
    /// Creates an externalizer. Without a store, media is found and typed, and stays inline.
    /// `loader` reads files and fetches URLs by its own policies.
    pub fn new(
        storage: Option<Arc<dyn MediaStorage>>,
        loader: MediaLoader,
        options: ExternalizeOptions,
    ) -> Self {
        Self {
            storage,
            fetcher: loader.clone(),
            loader,
            options,
        }
    }

    /// Sets another loader for media at URLs. Defaults to the one that reads files.
    #[must_use]
    pub fn with_fetcher(mut self, fetcher: MediaLoader) -> Self {
        self.fetcher = fetcher;
        self
    }

    /// Returns the store, if there is one.
    pub fn storage(&self) -> Option<&Arc<dyn MediaStorage>> {
        self.storage.as_ref()
    }

    /// Returns the options.
    pub fn options(&self) -> &ExternalizeOptions {
        &self.options
    }

    /// Moves the media of messages into the store and leaves references in its place.
    ///
    /// References that it makes are added to `pending` in the moment in which the messages name
    /// them. The future may be dropped at any point: then the messages are as they were, and what
    /// was stored is deleted again by a task.
    ///
    /// # Errors
    /// Under [`OnStorageError::FailTurn`], for [`BatchKind::User`] alone: the store's failure or
    /// media that cannot be read. The messages are as they were, and nothing of the batch is left
    /// in the store. `NotAllowed` where the batch's check says so. Everything else that goes wrong is in
    /// the report.
    pub async fn externalize(
        &self,
        batch: &Batch<'_>,
        messages: &mut [Message],
        pending: &mut PendingReferences,
    ) -> Result<ExternalizeReport, ExternalizeError> {
        let given = batch.fetched.map(|fetched| fetched.give_to(pending));
        let Plan {
            mut drafts,
            candidates,
            work,
        } = self
            .plan(
                batch,
                messages,
                self.options.remote_media(),
                batch.kind != BatchKind::Checkpoint,
            )
            .await;
        tracing::trace!(
            bytes = work,
            found = candidates.len(),
            "looked for media in messages"
        );
        let mut report = ExternalizeReport {
            corrections: drafts
                .iter_mut()
                .flat_map(|draft| std::mem::take(&mut draft.corrections))
                .collect(),
            ..ExternalizeReport::default()
        };
        let Stored {
            outcomes,
            mut ours,
            failure,
            budget,
        } = self.store(batch, messages, &candidates, pending).await?;
        let mut fallback = None;
        let mut replacements = Vec::with_capacity(candidates.len());
        for (candidate, outcome) in candidates.iter().zip(outcomes) {
            let new = match outcome {
                Outcome::Stored(reference, mime) => {
                    report.stored += 1;
                    report
                        .corrections
                        .extend(corrected(batch, candidate, mime.as_ref()));
                    let name = file_name(&candidate.content).map(str::to_owned);
                    Some(Replacement::stored(reference, mime, name))
                }
                Outcome::Stays => None,
                Outcome::Omitted(reason) => {
                    Some(omit_remote(batch, candidate, reason, &mut report))
                }
                other => {
                    let cause = Cause::new(&other, failure.as_ref());
                    let fallback = fallback.get_or_insert_with(|| {
                        Fallback::new(
                            batch,
                            (&self.loader, &self.fetcher, &budget),
                            &self.options,
                            messages,
                            &drafts,
                            &candidates,
                        )
                        .omitting(self.omits(batch.kind))
                    });
                    match fallback.replace(candidate, &cause, &mut report).await {
                        Ok(new) => new,
                        Err(error) => {
                            ours.rollback().await;
                            return Err(error);
                        }
                    }
                }
            };
            replacements.extend(new.map(|new| (candidate, new)));
        }
        report.failure = failure;
        // From here on nothing waits, so that messages and references change together.
        for (draft, message) in drafts.into_iter().zip(messages.iter_mut()) {
            draft.apply(message);
        }
        remote::forget_sources(messages);
        ours.abandon(&apply::apply(messages, replacements));
        pending.absorb(ours);
        pending.abandon(&unnamed(given.unwrap_or_default(), messages));
        Ok(report)
    }

    /// Whether media that the store does not take is omitted rather than kept inline.
    fn omits(&self, kind: BatchKind) -> bool {
        let fails = self.options.on_storage_error() == OnStorageError::FailTurn;
        fails && kind != BatchKind::User && self.storage.is_some()
    }

    /// Drafts messages and selects what is to be stored; changes nothing.
    /// Where media at URLs may not be fetched, that at URLs with secrets is omitted.
    pub(super) async fn plan(
        &self,
        batch: &Batch<'_>,
        messages: &[Message],
        remote: RemoteMedia,
        may_fetch: bool,
    ) -> Plan {
        let mut extractor = MediaExtractor::new(batch.received);
        let selection = Selection {
            threshold: self
                .storage
                .as_ref()
                .map(|_| self.options.threshold_bytes()),
            received: batch.received,
            may_repeat: batch.kind != BatchKind::User,
            remote,
            may_fetch,
        };
        let mut drafts = Vec::with_capacity(messages.len());
        let mut candidates = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            let position = batch.base_position + index as u64;
            let draft = extractor.draft(message, position, batch.kind).await;
            let pacer = extractor.pacer();
            candidates.extend(selection.select(index, message, &draft, pacer).await);
            drafts.push(draft);
        }
        Plan {
            drafts,
            candidates,
            work: extractor.work(),
        }
    }

    /// Stores candidates, unless an earlier call of the turn did.
    pub(super) async fn store(
        &self,
        batch: &Batch<'_>,
        messages: &[Message],
        candidates: &[Candidate],
        pending: &PendingReferences,
    ) -> Result<Stored, ExternalizeError> {
        let mut ours = pending.child();
        let budget = FetchBudget::new(self.options.max_fetched_bytes());
        let outcomes = self.without_fetching(batch, candidates, pending).await;
        let Some(storage) = &self.storage else {
            return Ok(Stored {
                outcomes,
                ours,
                failure: None,
                budget,
            });
        };
        let is_tried = |(candidate, outcome): (&Candidate, &Outcome)| {
            let key = candidate.key.as_ref();
            matches!(outcome, Outcome::NotTried)
                && key.is_none_or(|key| pending.known(key).is_none())
        };
        if let Some(check) = batch.check
            && candidates.iter().zip(&outcomes).any(is_tried)
            && !check.may_store().await
        {
            return Err(ExternalizeError::not_allowed());
        }
        let uploader = Uploader {
            storage,
            loader: &self.loader,
            fetcher: &self.fetcher,
            budget: &budget,
            retention: batch.owner.retention.or(self.options.retention()),
            concurrency: self.options.concurrency(),
            batch,
        };
        let is_whole = batch.kind == BatchKind::User;
        let stop = if is_whole {
            StopAt::AnyFailure
        } else {
            StopAt::Outage
        };
        let mut outcomes = uploader
            .store(messages, candidates, outcomes, stop, pending, &mut ours)
            .await;
        let fails = self.options.on_storage_error() == OnStorageError::FailTurn;
        let failure = candidates
            .iter()
            .zip(&mut outcomes)
            .find_map(|(candidate, outcome)| {
                let position = batch.base_position + candidate.message as u64;
                let error = outcome.take_error(fails)?;
                Some(error.at(position, candidate.part))
            });
        if failure.is_some() && is_whole {
            let stored = ours.references().to_vec();
            ours.rollback().await;
            for outcome in &mut outcomes {
                if matches!(outcome, Outcome::Stored(reference, _) if stored.contains(reference)) {
                    *outcome = Outcome::NotTried;
                }
            }
        }
        match failure {
            Some(error) if fails && is_whole => Err(error),
            failure => Ok(Stored {
                outcomes,
                ours,
                failure,
                budget,
            }),
        }
    }

    /// Returns what becomes of media at URLs that is not fetched: because of the policy, because the
    /// conversation has it, or because the batch has too many URLs. All else is not tried yet.
    async fn without_fetching(
        &self,
        batch: &Batch<'_>,
        candidates: &[Candidate],
        pending: &PendingReferences,
    ) -> Vec<Outcome> {
        let is_known = |url: &MediaUrl| pending.known(&MediaKey::Remote(url.clone())).is_some();
        let mut seen = HashSet::new();
        let urls: Vec<MediaUrl> = candidates
            .iter()
            .filter_map(|candidate| Some(candidate.to_fetch()?.0))
            .filter(|url| !is_known(url) && seen.insert(*url))
            .take(self.options.max_fetches())
            .cloned()
            .collect();
        let lookups = urls.into_iter().map(|url| async move {
            let found = self.fetched_before(&url, batch).await;
            (url, found)
        });
        let looked_up: HashMap<MediaUrl, Option<(StorageReference, Mime)>> = stream::iter(lookups)
            .buffer_unordered(self.options.concurrency())
            .collect()
            .await;
        let outcome = |candidate: &Candidate| {
            if let Payload::Remote(RemoteAction::Omit(reason)) = candidate.payload {
                return Outcome::Omitted(reason);
            }
            let Some((url, is_secret)) = candidate.to_fetch() else {
                return Outcome::NotTried;
            };
            match looked_up.get(url) {
                Some(Some((reference, mime))) => {
                    let found = Some(mime.clone()).filter(|mime| mime != candidate.content.mime());
                    Outcome::Stored(reference.clone(), found)
                }
                None if !is_known(url) => unfetched(is_secret),
                _ => Outcome::NotTried,
            }
        };
        candidates.iter().map(outcome).collect()
    }

    /// Returns media of earlier messages that came from a URL and that the store still has.
    async fn fetched_before(
        &self,
        url: &MediaUrl,
        batch: &Batch<'_>,
    ) -> Option<(StorageReference, Mime)> {
        let storage = self.storage.as_ref()?;
        let found = remote::fetched_before(url, batch.earlier)?;
        storage.head(&found.0).await.is_ok().then_some(found)
    }
}

fn corrected(
    batch: &Batch<'_>,
    candidate: &Candidate,
    mime: Option<&Mime>,
) -> Option<TypeCorrection> {
    Some(TypeCorrection {
        message_index: batch.base_position + candidate.message as u64,
        content_index: candidate.part as u64,
        declared: candidate.content.mime().clone(),
        found: mime?.clone(),
    })
}
