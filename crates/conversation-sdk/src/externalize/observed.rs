//! A media store that tells listeners what it does.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use media_storage::{
    DeleteOptions, DuplicateOptions, Inventory, MediaStorage, MediaUpload, MetadataPatch,
    RetrieveOptions, StorageError, StorageErrorKind, StoredMedia, UrlSigner,
};
use media_types::StorageReference;

use crate::listener::{Event, Listeners};

/// Wraps the store of a manager, so that everything that goes through it is told.
#[derive(Debug)]
pub(crate) struct Observed {
    inner: Arc<dyn MediaStorage>,
    listeners: Listeners,
}

impl Observed {
    pub(crate) fn new(inner: Arc<dyn MediaStorage>, listeners: Listeners) -> Self {
        Self { inner, listeners }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MediaStorage for Observed {
    fn backend(&self) -> &str {
        self.inner.backend()
    }

    fn name(&self) -> Option<&str> {
        self.inner.name()
    }

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let metadata = upload.metadata().clone();
        let size = upload.body().len();
        let started = Instant::now();
        let reference = self.inner.store(upload).await?;
        self.listeners.tell(&Event::MediaStored {
            size: reference.size().or(size).unwrap_or(0),
            reference: reference.clone(),
            metadata,
            duration: started.elapsed(),
        });
        Ok(reference)
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let started = Instant::now();
        let head = options.head();
        let opened = self.inner.retrieve_opts(reference, options).await;
        match &opened {
            Ok(media) if !head => self.listeners.tell(&Event::MediaRetrieved {
                reference: reference.clone(),
                size: media.size,
                duration: started.elapsed(),
            }),
            Err(error) if error.kind() == StorageErrorKind::NotFound => {
                self.listeners.tell(&Event::MediaMissing {
                    reference: reference.clone(),
                });
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
        let started = Instant::now();
        self.inner.delete_opts(reference, options).await?;
        self.listeners.tell(&Event::MediaDeleted {
            reference: reference.clone(),
            duration: started.elapsed(),
        });
        Ok(())
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let metadata = options.metadata().clone();
        let started = Instant::now();
        let copy = self.inner.duplicate(reference, options).await?;
        self.listeners.tell(&Event::MediaStored {
            size: copy.size().unwrap_or(0),
            reference: copy.clone(),
            metadata,
            duration: started.elapsed(),
        });
        Ok(copy)
    }

    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        self.inner.update(reference, patch).await
    }

    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let started = Instant::now();
        let results = self.inner.delete_many(references, options).await;
        for (reference, result) in references.iter().zip(&results) {
            if result.is_ok() {
                self.listeners.tell(&Event::MediaDeleted {
                    reference: reference.clone(),
                    duration: started.elapsed(),
                });
            }
        }
        results
    }

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        self.inner.url_signer()
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        self.inner.inventory()
    }

    fn verifier(&self) -> Option<&dyn media_storage::Verifier> {
        self.inner.verifier()
    }

    fn importer(&self) -> Option<&dyn media_storage::Importer> {
        self.inner.importer()
    }
}
