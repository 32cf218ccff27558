//! Storing the media of a batch: all of it or none.

use std::path::Path;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use media_loader::MediaLoader;
use media_storage::{
    MediaMetadata, MediaStorage, MediaStorageExt, MediaUpload, RetentionPolicy, StorageError,
};
use media_types::{MediaSource, StorageReference};

use super::minted::Minted;
use super::scan::{Candidate, Place};
use crate::message::{Message, Role};
use crate::state::ConversationRecord;

/// What a batch is stored with.
pub(super) struct Batch<'a> {
    pub(super) storage: &'a Arc<dyn MediaStorage>,
    pub(super) loader: &'a MediaLoader,
    pub(super) record: &'a ConversationRecord,
    pub(super) provider: &'a str,
    pub(super) retention: RetentionPolicy,
    /// Position of the first message in the conversation.
    pub(super) base: u64,
    pub(super) concurrency: usize,
}

/// Media that cannot be read, by its place in the batch.
pub(super) struct Unreadable {
    pub(super) index: usize,
    pub(super) error: media_loader::LoadError,
}

/// The first failure of the store.
pub(super) struct Failure {
    pub(super) index: usize,
    pub(super) error: StorageError,
}

pub(super) type Stored = (Place, MediaSource);

enum Outcome {
    Stored(StorageReference),
    Unreadable(media_loader::LoadError),
    Failed(StorageError),
}

impl Batch<'_> {
    /// Stores all candidates. When the store fails for one, no other is begun, those on their way
    /// are waited for, and what was stored is deleted again. What cannot be read is left out.
    ///
    /// # Errors
    /// The first failure of the store.
    pub(super) async fn store(
        &self,
        messages: &[Message],
        candidates: &[Candidate],
        minted: &mut Minted,
    ) -> Result<(Vec<Stored>, Vec<Unreadable>), Failure> {
        let mut ours = minted.fresh();
        let mut waiting = candidates.iter().enumerate();
        let mut running = FuturesUnordered::new();
        let mut stored = Vec::with_capacity(candidates.len());
        let mut unreadable = Vec::new();
        let mut failure: Option<Failure> = None;
        loop {
            while failure.is_none() && running.len() < self.concurrency {
                let Some((index, candidate)) = waiting.next() else {
                    break;
                };
                let message = messages.get(candidate.place.message);
                running.push(async move { (index, self.store_one(message, candidate).await) });
            }
            let Some((index, outcome)) = running.next().await else {
                break;
            };
            match outcome {
                Outcome::Stored(reference) => {
                    ours.push(reference.clone());
                    let source = MediaSource::Stored(reference);
                    stored.push((candidates[index].place, source));
                }
                Outcome::Unreadable(error) => unreadable.push(Unreadable { index, error }),
                Outcome::Failed(error) => {
                    failure.get_or_insert(Failure { index, error });
                }
            }
        }
        drop(running);
        if let Some(failure) = failure {
            ours.rollback().await;
            return Err(failure);
        }
        minted.absorb(ours);
        Ok((stored, unreadable))
    }

    async fn store_one(&self, message: Option<&Message>, candidate: &Candidate) -> Outcome {
        let metadata = self.metadata(message, candidate);
        let content = &candidate.content;
        if let Some(spool) = &candidate.spool {
            let upload = MediaUpload::new(content.mime().clone(), spool.body(), metadata)
                .with_expected_sha256(spool.sha256());
            let stored = self.storage.store(upload).await;
            return stored.map_or_else(Outcome::Failed, Outcome::Stored);
        }
        let stored = match content.source() {
            MediaSource::File(path) => {
                let loaded = match self.loader.open(content).await {
                    Ok(loaded) => loaded,
                    Err(error) => return Outcome::Unreadable(error),
                };
                let name = content.filename().or_else(|| file_name(path));
                let metadata = match name {
                    Some(name) => metadata.with_filename(name.to_owned()),
                    None => metadata,
                };
                let upload = MediaUpload::new(loaded.mime, loaded.body, metadata);
                self.storage.store(upload).await
            }
            _ => self.storage.store_media(content, metadata).await,
        };
        stored.map_or_else(Outcome::Failed, Outcome::Stored)
    }

    fn metadata(&self, message: Option<&Message>, candidate: &Candidate) -> MediaMetadata {
        let Place {
            message: index,
            part,
            ..
        } = candidate.place;
        let mut metadata = MediaMetadata::new()
            .with_conversation(self.record.id.clone())
            .with_message_index(self.base + index as u64)
            .with_content_index(part as u64)
            .with_retention(self.retention);
        if let Some(session) = &self.record.session {
            metadata = metadata.with_session(session.clone());
        }
        if let Some(run) = &self.record.run {
            metadata = metadata.with_run(run.clone());
        }
        if let Some(user) = &self.record.user {
            metadata = metadata.with_user(user.clone());
        }
        if let Some(message) = message {
            metadata = metadata.with_created_at(message.created_at);
            let named = candidate.content.attribute("provider");
            let provider = match (named.and_then(|name| name.as_str()), message.role) {
                (Some(name), _) => Some(name),
                (None, Role::Assistant) => Some(self.provider),
                _ => None,
            };
            if let Some(provider) = provider {
                metadata = metadata.with_provider(provider.to_owned());
            }
        }
        metadata
    }
}

pub(super) fn file_name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}
