//! A media store that reports what it does to listeners.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt as _, stream};
use media_storage::{
    DeleteOptions, DuplicateOptions, Entry, Inventory, MediaMetadata, MediaStorage, MediaUpload,
    Operation, RetrieveOptions, Scope, StorageError, StorageErrorKind, StoredMedia, SweepLease,
    SweepOptions, SweepReport, Usage,
};
use media_types::StorageReference;

use crate::event::{EventKind, EventSubject};
use crate::listener::Listeners;

/// A media store whose operations are reported to listeners.
///
/// Events name the user, session and conversation as far as the operation says: of stored, duplicated
/// and read media by its metadata, of missing and deleted media by the scope that was expected.
/// A store does not know turns, so none is named.
#[derive(Debug)]
pub struct ObservedStorage {
    inner: Arc<dyn MediaStorage>,
    listeners: Listeners,
}

impl ObservedStorage {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn MediaStorage>, listeners: Listeners) -> Self {
        Self { inner, listeners }
    }
}

fn subject(metadata: &MediaMetadata) -> EventSubject {
    EventSubject {
        user: metadata.user().cloned(),
        session: metadata.session().cloned(),
        conversation: metadata.conversation().cloned(),
        turn: None,
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MediaStorage for ObservedStorage {
    media_storage::forward_storage!(self => self.inner; backend, name, update, url_signer, verifier, importer);

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let subject = subject(upload.metadata());
        let (size, mime) = (upload.body().len(), upload.mime().clone());
        let started = Instant::now();
        let reference = self.inner.store(upload).await?;
        let stored = EventKind::MediaStored {
            reference: reference.clone(),
            mime,
            bytes: reference.size().or(size).unwrap_or(0),
            duration: started.elapsed(),
        };
        self.listeners.emit(&subject, stored);
        Ok(reference)
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let started = Instant::now();
        let head = options.head();
        let expected = options.expected_scope().map(subject_of).unwrap_or_default();
        let opened = self.inner.retrieve_opts(reference, options).await;
        match &opened {
            Ok(media) if !head => {
                let read = EventKind::MediaRead {
                    reference: reference.clone(),
                    // Of a range, what is read of the media.
                    bytes: media.body.len().unwrap_or(media.size),
                    duration: started.elapsed(),
                };
                self.listeners.emit(&subject(&media.metadata), read);
            }
            Err(error) if error.kind() == StorageErrorKind::NotFound => {
                let missing = EventKind::MediaMissing {
                    reference: reference.clone(),
                };
                self.listeners.emit(&expected, missing);
            }
            _ => {}
        }
        opened
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let expected = options.expected_scope().map(subject_of).unwrap_or_default();
        self.inner.delete_opts(reference, options).await?;
        let deleted = EventKind::MediaDeleted {
            reference: reference.clone(),
        };
        self.listeners.emit(&expected, deleted);
        Ok(())
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let subject = subject(options.metadata());
        let copy = self.inner.duplicate(reference, options).await?;
        let duplicated = EventKind::MediaDuplicated {
            original: reference.clone(),
            reference: copy.clone(),
        };
        self.listeners.emit(&subject, duplicated);
        Ok(copy)
    }

    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let expected = options.expected_scope().map(subject_of).unwrap_or_default();
        let results = self.inner.delete_many(references, options).await;
        for (reference, result) in references.iter().zip(&results) {
            if result.is_ok() {
                let deleted = EventKind::MediaDeleted {
                    reference: reference.clone(),
                };
                self.listeners.emit(&expected, deleted);
            }
        }
        results
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        self.inner.inventory().map(|_| self as &dyn Inventory)
    }
}

/// The subject of an operation, as far as its scope names one.
fn subject_of(scope: &Scope) -> EventSubject {
    EventSubject {
        user: match scope {
            Scope::User(user) => Some(user.clone()),
            _ => None,
        },
        session: match scope {
            Scope::Session(session) => Some(session.clone()),
            _ => None,
        },
        conversation: match scope {
            Scope::Conversation(conversation) => Some(conversation.clone()),
            _ => None,
        },
        turn: None,
    }
}

/// The inventory of a store that lost it, which no store does.
fn no_inventory() -> StorageError {
    StorageError::new(StorageErrorKind::Unsupported, Operation::List)
        .with_reason("the store has no inventory any more")
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Inventory for ObservedStorage {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        match self.inner.inventory() {
            Some(inventory) => inventory.list(scope),
            None => stream::once(async { Err(no_inventory()) }).boxed(),
        }
    }

    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        let inventory = self.inner.inventory().ok_or_else(no_inventory)?;
        inventory.usage(scope).await
    }

    async fn quarantined(&self, scope: Scope) -> Result<u64, StorageError> {
        let inventory = self.inner.inventory().ok_or_else(no_inventory)?;
        inventory.quarantined(scope).await
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        let inventory = self.inner.inventory().ok_or_else(no_inventory)?;
        let subject = subject_of(&scope);
        let report = inventory.delete_scope(scope).await?;
        if report.deleted > 0 {
            let deleted = EventKind::MediaScopeDeleted {
                references: report.deleted,
                freed_bytes: report.freed_bytes,
            };
            self.listeners.emit(&subject, deleted);
        }
        Ok(report)
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        let inventory = self.inner.inventory().ok_or_else(no_inventory)?;
        inventory.sweep(options).await
    }

    async fn sweep_lease(&self) -> Result<Option<SweepLease>, StorageError> {
        let inventory = self.inner.inventory().ok_or_else(no_inventory)?;
        inventory.sweep_lease().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use media_storage::{InMemoryStorage, MediaStorageExt as _};
    use media_types::{ConversationId, Mime};

    use super::*;
    use crate::event::Event;

    #[tokio::test]
    async fn a_range_counts_what_is_read_of_it_and_missing_media_names_whose_it_was_to_be() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let events = Arc::clone(&heard);
        let listener = move |event: &Event| events.lock().unwrap().push(event.clone());
        let listeners = Listeners::new(vec![Box::new(listener)]);
        let store = ObservedStorage::new(Arc::new(InMemoryStorage::new()), listeners);
        let [own, other] = ["a", "b"].map(|id| id.parse::<ConversationId>().unwrap());
        let metadata = MediaMetadata::new().with_conversation(own.clone());
        let stored = store.store_bytes(Mime::IMAGE_PNG, "0123456789", metadata);
        let reference = stored.await.unwrap();
        let range = RetrieveOptions::new().with_range(2..5);
        store.retrieve_opts(&reference, range).await.unwrap();
        let scope = Scope::Conversation(other.clone());
        let foreign = RetrieveOptions::new().with_expected_scope(scope);
        let missing = store.retrieve_opts(&reference, foreign).await.unwrap_err();
        assert_eq!(missing.kind(), StorageErrorKind::NotFound);
        let delete = DeleteOptions::new().with_expected_scope(Scope::Conversation(own.clone()));
        store.delete_opts(&reference, delete).await.unwrap();

        let events = heard.lock().unwrap();
        let [_, read, missing, deleted] = &events[..] else {
            panic!("{events:?}")
        };
        assert!(matches!(read.kind, EventKind::MediaRead { bytes: 3, .. }));
        assert!(matches!(missing.kind, EventKind::MediaMissing { .. }));
        assert_eq!(missing.subject.conversation, Some(other));
        assert!(matches!(deleted.kind, EventKind::MediaDeleted { .. }));
        assert_eq!(deleted.subject.conversation, Some(own));
    }
}
