//! Storing candidates.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use conversation_types::{Message, Role};
use futures_util::stream::{FuturesUnordered, StreamExt};
use media_loader::{LoadError, LoadErrorKind, LoadOptions, LoadedMedia, MediaLoader};
use media_storage::{
    MediaBody, MediaMetadata, MediaStorage, MediaUpload, Operation, RetentionPolicy, StorageError,
    StorageErrorKind,
};
use media_types::readable::causes;
use media_types::{MediaContent, MediaSource, Mime, StorageReference};

use super::candidate::{Candidate, Payload};
use super::context::Batch;
use super::error::{ExternalizeError, is_permanent};
use super::fetches::FetchBudget;
use super::media_kind::retyped;
use super::pending::{MediaKey, PendingReferences};
use super::remote::{self, RemoteAction};

/// What became of a candidate.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is stored, under this type if that is another than the content's.
    Stored(StorageReference, Option<Mime>),
    /// It cannot be read from where it is.
    Unreadable(LoadError),
    /// The store refused it.
    Failed(StorageError),
    /// It was not tried after the store had failed.
    NotTried,
    /// It stays where it is.
    Stays,
    /// It is not kept, for this reason.
    Omitted(&'static str),
}

impl Outcome {
    /// Takes the error out, of the store or, where that counts, of reading.
    pub(super) fn take_error(&mut self, reading_counts: bool) -> Option<ExternalizeError> {
        let counts = matches!(self, Self::Failed(_))
            || reading_counts && matches!(self, Self::Unreadable(_));
        if !counts {
            return None;
        }
        match std::mem::replace(self, Self::NotTried) {
            Self::Failed(error) => Some(ExternalizeError::storage(error)),
            Self::Unreadable(error) => Some(ExternalizeError::unreadable(error)),
            _ => None,
        }
    }
}

/// When no more candidates are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopAt {
    /// The first failure.
    AnyFailure,
    /// A failure that other candidates are likely to meet too.
    Outage,
}

/// Stores candidates of a batch.
#[derive(Clone, Copy)]
pub(super) struct Uploader<'a> {
    pub(super) storage: &'a Arc<dyn MediaStorage>,
    pub(super) loader: &'a MediaLoader,
    /// Fetches what is at URLs.
    pub(super) fetcher: &'a MediaLoader,
    pub(super) budget: &'a FetchBudget,
    pub(super) retention: Option<RetentionPolicy>,
    pub(super) concurrency: usize,
    pub(super) batch: &'a Batch<'a>,
}

impl Uploader<'_> {
    /// Stores candidates that have no outcome yet, but for those whose key is in `known`. Those that
    /// are on their way when the store fails are waited for; what was stored is in `ours`.
    /// Candidates with the same key are stored once, and fetched once also in vain.
    pub(super) async fn store(
        &self,
        messages: &[Message],
        candidates: &[Candidate],
        mut outcomes: Vec<Outcome>,
        stop: StopAt,
        known: &PendingReferences,
        ours: &mut PendingReferences,
    ) -> Vec<Outcome> {
        let is_open: Vec<bool> = outcomes
            .iter()
            .map(|outcome| matches!(outcome, Outcome::NotTried))
            .collect();
        let mut keys = HashSet::new();
        let mut is_new = |candidate: &&Candidate| match &candidate.key {
            Some(key) => known.known(key).is_none() && keys.insert(key.clone()),
            None => true,
        };
        let mut waiting = candidates
            .iter()
            .enumerate()
            .filter(|(index, _)| is_open.get(*index) == Some(&true))
            .filter(|(_, candidate)| is_new(candidate));
        let mut running = FuturesUnordered::new();
        let mut is_stopped = false;
        loop {
            while !is_stopped && running.len() < self.concurrency {
                let Some((index, candidate)) = waiting.next() else {
                    break;
                };
                let message = messages.get(candidate.message);
                running.push(async move { (index, self.store_one(message, candidate).await) });
            }
            let Some((index, outcome)) = running.next().await else {
                break;
            };
            match &outcome {
                Outcome::Stored(reference, found) => {
                    let candidate = &candidates[index];
                    let declared = candidate.to_fetch().map(|_| candidate.content.mime());
                    let mime = declared.map(|declared| found.as_ref().unwrap_or(declared));
                    ours.push(reference.clone(), candidate.key.clone(), mime.cloned());
                }
                Outcome::Failed(error) => {
                    is_stopped |= stop == StopAt::AnyFailure || !is_permanent(error.kind());
                }
                _ => {}
            }
            outcomes[index] = outcome;
        }
        drop(running);
        let in_vain = not_fetched(&outcomes, candidates);
        for (outcome, candidate) in outcomes.iter_mut().zip(candidates) {
            let (Outcome::NotTried, Some(key)) = (&outcome, &candidate.key) else {
                continue;
            };
            if let Some(known) = known.known(key).or_else(|| ours.known(key)) {
                // Copies of a URL have the type of what is there, whatever each declares.
                let mime = known.mime.clone();
                let found = mime.filter(|mime| mime != candidate.content.mime());
                *outcome = Outcome::Stored(known.reference.clone(), found);
            } else if let Some(reason) = in_vain.get(key) {
                *outcome = reason.map_or(Outcome::Stays, Outcome::Omitted);
            }
        }
        outcomes
    }

    async fn store_one(&self, message: Option<&Message>, candidate: &Candidate) -> Outcome {
        let metadata = self.metadata(message, candidate);
        let content = &candidate.content;
        let mut found = None;
        let upload = match &candidate.payload {
            Payload::Inline(bytes) => {
                MediaUpload::new(content.mime().clone(), bytes.clone(), metadata)
            }
            Payload::Received(reference, info) => {
                let Some(body) = self.batch.received.open(reference) else {
                    return Outcome::NotTried;
                };
                MediaUpload::new(content.mime().clone(), body, metadata)
                    .with_expected_sha256(info.sha256)
            }
            Payload::File => {
                let loaded = match open_file(self.loader, content).await {
                    Ok(loaded) => loaded,
                    Err(error) => return Outcome::Unreadable(error),
                };
                found = Some(loaded.mime.clone()).filter(|mime| mime != content.mime());
                MediaUpload::new(loaded.mime, loaded.body, metadata)
            }
            Payload::Remote(RemoteAction::Omit(reason)) => return Outcome::Omitted(reason),
            Payload::Remote(RemoteAction::Fetch { is_secret }) => {
                return self.fetch_one(content, *is_secret, metadata).await;
            }
        };
        match self.storage.store(upload).await {
            Ok(reference) => Outcome::Stored(reference, found),
            Err(error) => Outcome::Failed(error),
        }
    }

    /// Stores what is at a URL. What cannot be fetched stays there, unless the URL holds secrets.
    async fn fetch_one(
        &self,
        content: &MediaContent,
        is_secret: bool,
        metadata: MediaMetadata,
    ) -> Outcome {
        let limit = self.fetcher.max_bytes().min(self.budget.left());
        if limit == 0 {
            return unfetched(is_secret);
        }
        let options = LoadOptions::new().with_max_bytes(limit);
        let loaded = match self.fetcher.with_options(options).open(content).await {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::debug!(error = %causes(&error), "media at a URL was not fetched");
                return unfetched(is_secret);
            }
        };
        let found = Some(loaded.mime.clone()).filter(|mime| mime != content.mime());
        let is_broken = Arc::new(AtomicBool::new(false));
        let note = Arc::clone(&is_broken);
        let budget = self.budget.clone();
        let pieces = loaded.body.into_stream().map(move |piece| {
            let within = piece.and_then(|bytes| match budget.take(bytes.len()) {
                true => Ok(bytes),
                false => Err(too_much()),
            });
            if within.is_err() {
                note.store(true, Ordering::Relaxed);
            }
            within
        });
        let body = MediaBody::from_stream(loaded.size, pieces);
        let upload = MediaUpload::new(loaded.mime, body, metadata);
        match self.storage.store(upload).await {
            Ok(reference) => Outcome::Stored(reference, found),
            // The download broke, not the store.
            Err(_) if is_broken.load(Ordering::Relaxed) => unfetched(is_secret),
            Err(error) => Outcome::Failed(error),
        }
    }

    fn metadata(&self, message: Option<&Message>, candidate: &Candidate) -> MediaMetadata {
        let position = self.batch.base_position + candidate.message as u64;
        let mut metadata = self
            .batch
            .owner
            .metadata()
            .with_message_index(position)
            .with_content_index(candidate.part as u64);
        if let Some(retention) = self.retention {
            metadata = metadata.with_retention(retention);
        }
        if let Some(name) = file_name(&candidate.content) {
            metadata = metadata.with_filename(name.to_owned());
        }
        if let Some(message) = message {
            metadata = metadata.with_created_at(message.created_at);
            let named = candidate.content.attribute("provider");
            let of_answer = (message.role == Role::Assistant).then_some(self.batch.provider);
            let provider = named.and_then(|name| name.as_str()).or(of_answer.flatten());
            if let Some(provider) = provider {
                metadata = metadata.with_provider(provider.to_owned());
            }
        }
        metadata
    }
}

/// Opens a file, under the type of its bytes where they contradict the declared one.
pub(super) async fn open_file(
    loader: &MediaLoader,
    content: &MediaContent,
) -> Result<LoadedMedia, LoadError> {
    let error = match loader.open(content).await {
        Ok(loaded) => return Ok(loaded),
        Err(error) => error,
    };
    match error.kind() {
        LoadErrorKind::MimeMismatch { found, .. } if !found.is_active() => {
            loader.open(&retyped(content, found.clone())).await
        }
        _ => Err(error),
    }
}

/// Returns what becomes of media whose URL was not fetched.
pub(super) fn unfetched(is_secret: bool) -> Outcome {
    match is_secret {
        true => Outcome::Omitted("its URL could not be fetched"),
        false => Outcome::Stays,
    }
}

/// Returns the keys of what could not be fetched, with the reason where it is omitted.
fn not_fetched(
    outcomes: &[Outcome],
    candidates: &[Candidate],
) -> HashMap<MediaKey, Option<&'static str>> {
    let pairs = outcomes.iter().zip(candidates);
    pairs
        .filter_map(|(outcome, candidate)| match outcome {
            Outcome::Stays => Some((candidate.key.clone()?, None)),
            Outcome::Omitted(reason) => Some((candidate.key.clone()?, Some(*reason))),
            _ => None,
        })
        .collect()
}

fn too_much() -> StorageError {
    StorageError::new(StorageErrorKind::TooLarge, Operation::Store)
        .with_reason("the batch has fetched as much as it may")
}

/// The name of the file that content is or was, as far as it is UTF-8.
pub(super) fn file_name(content: &MediaContent) -> Option<&str> {
    match (content.filename(), content.source()) {
        (Some(name), _) => Some(name),
        (None, MediaSource::File(path)) => path.file_name()?.to_str(),
        (None, MediaSource::Url(url)) => remote::name_in_url(url),
        _ => None,
    }
}
