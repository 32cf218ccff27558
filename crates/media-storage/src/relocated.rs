//! A store that answers for references of another one, whose media was moved into it.

use async_trait::async_trait;
use media_types::{StorageReference, ValueError};

use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::options::{DeleteOptions, DuplicateOptions, MetadataPatch, RetrieveOptions};
use crate::signer::{SignedUrl, SignedUrlOptions, UrlSigner};
use crate::storage::{MediaStorage, StoredMedia};

/// A store that answers for the references of another one, whose media was moved into it under the same
/// ids, as [`Importer`](crate::Importer) and `media copy` do it.
///
/// References in histories keep the backend and the store name that they were made with. Register
/// the new store as it is, and once more wrapped in this under the old backend and name. What is
/// stored through it gets references of the new store. References of the new store are passed on;
/// those of any other store are refused. A reference without a store name is taken for one of the old
/// store.
///
/// ```
/// use media_storage::{InMemoryStorage, MediaMetadata, MediaStorage, MediaStorageExt, Relocated};
/// use media_types::{Mime, StorageReference};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = InMemoryStorage::new();
/// let now = store.store_bytes(Mime::IMAGE_PNG, "bytes", MediaMetadata::new()).await?;
/// let old = StorageReference::builder("file", now.id()).with_store_name("attic").build()?;
///
/// let relocated = Relocated::new(store, "file").with_name("attic");
/// assert_eq!(relocated.backend(), "file");
/// assert_eq!(relocated.retrieve_bytes(&old, 1024).await?, "bytes");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Relocated<S> {
    inner: S,
    backend: String,
    name: Option<String>,
}

impl<S: MediaStorage> Relocated<S> {
    /// Creates a store that answers for references of this backend without a store name.
    pub fn new(inner: S, backend: impl Into<String>) -> Self {
        Self {
            inner,
            backend: backend.into(),
            name: None,
        }
    }

    /// Sets the store name of the references. Defaults to none.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Returns the store that the media is in now.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Returns the reference under which the media is known now.
    fn translated(
        &self,
        reference: &StorageReference,
        operation: Operation,
    ) -> Result<StorageReference, StorageError> {
        let is_old = reference.backend() == self.backend
            && (reference.store_name().is_none() || reference.store_name() == self.name.as_deref());
        if !is_old {
            return Ok(reference.clone());
        }
        self.renamed(reference).map_err(|error| {
            StorageError::new(StorageErrorKind::InvalidRef, operation)
                .with_backend(self.inner.backend().to_owned())
                .with_key(reference.id())
                .with_source(error)
        })
    }

    fn renamed(&self, reference: &StorageReference) -> Result<StorageReference, ValueError> {
        let mut renamed = StorageReference::builder(self.inner.backend(), reference.id());
        if let Some(name) = self.inner.name() {
            renamed = renamed.with_store_name(name);
        }
        if let Some(size) = reference.size() {
            renamed = renamed.with_size(size);
        }
        if let Some(sha256) = reference.sha256() {
            renamed = renamed.with_sha256(sha256);
        }
        if let Some(at) = reference.created_at() {
            renamed = renamed.with_created_at(at);
        }
        renamed.build()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for Relocated<S> {
    forward_storage!(self => self.inner; store, inventory, verifier, importer);

    fn backend(&self) -> &str {
        &self.backend
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let reference = self.translated(reference, Operation::Retrieve)?;
        self.inner.retrieve_opts(&reference, options).await
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let reference = self.translated(reference, Operation::Delete)?;
        self.inner.delete_opts(&reference, options).await
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let reference = self.translated(reference, Operation::Store)?;
        self.inner.duplicate(&reference, options).await
    }

    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        let reference = self.translated(reference, Operation::Update)?;
        self.inner.update(&reference, patch).await
    }

    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let mut translated = Vec::with_capacity(references.len());
        for reference in references {
            match self.translated(reference, Operation::Delete) {
                Ok(reference) => translated.push(reference),
                // The store refuses it with a reason of its own.
                Err(_) => translated.push(reference.clone()),
            }
        }
        self.inner.delete_many(&translated, options).await
    }

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        self.inner.url_signer()?;
        Some(self)
    }
}

#[async_trait]
impl<S: MediaStorage> UrlSigner for Relocated<S> {
    async fn signed_url(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError> {
        let reference = self.translated(reference, Operation::Sign)?;
        let signer = self.inner.url_signer().ok_or_else(|| {
            StorageError::new(StorageErrorKind::Unsupported, Operation::Sign)
                .with_backend(self.inner.backend().to_owned())
        })?;
        signer.signed_url(&reference, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ext::MediaStorageExt as _;
    use crate::memory::InMemoryStorage;
    use crate::metadata::MediaMetadata;
    use media_types::Mime;

    #[tokio::test]
    async fn old_and_new_references_lead_to_the_media_and_foreign_ones_do_not() {
        let store = InMemoryStorage::new();
        let new = store
            .store_bytes(Mime::IMAGE_PNG, "bytes", MediaMetadata::new())
            .await
            .unwrap();
        let old = |backend: &str, name: Option<&str>| {
            let mut builder = StorageReference::builder(backend, new.id());
            if let Some(name) = name {
                builder = builder.with_store_name(name);
            }
            builder.build().unwrap()
        };
        let relocated = Relocated::new(store, "file").with_name("a");
        for reference in [&new, &old("file", None), &old("file", Some("a"))] {
            assert_eq!(
                relocated.retrieve_bytes(reference, 9).await.unwrap(),
                "bytes"
            );
        }
        for reference in [old("file", Some("b")), old("s3", None)] {
            let error = relocated.retrieve(&reference).await.unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::InvalidRef);
        }
        let results = relocated
            .delete_many(
                &[old("file", Some("b")), old("file", None)],
                DeleteOptions::new(),
            )
            .await;
        assert!(results[0].is_err() && results[1].is_ok());
        let gone = relocated.retrieve(&new).await.unwrap_err();
        assert_eq!(gone.kind(), StorageErrorKind::NotFound);
    }
}
