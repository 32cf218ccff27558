//! A store whose signed URLs are links.

use async_trait::async_trait;
use media_storage::{
    DeleteOptions, DuplicateOptions, Importer, Inventory, MediaStorage, MediaUpload, MetadataPatch,
    RetrieveOptions, StorageError, StoredMedia, UrlSigner, Verifier,
};
use media_types::StorageReference;

use super::keys::LinkKeys;
use super::signer::LinkSigner;
use crate::error::LinkError;

/// A store whose signed URLs are links of this crate. Everything else is done by the wrapped store.
///
/// Use it where a conversation manager or a view asks a store on a disk for URLs.
#[derive(Clone, Debug)]
pub struct LinkedStorage<S> {
    inner: S,
    signer: LinkSigner,
}

impl<S: MediaStorage + Clone> LinkedStorage<S> {
    /// Creates a store from a store, keys, and the URL under which the service is mounted.
    ///
    /// # Errors
    /// As [`LinkSigner::new`].
    pub fn new(inner: S, keys: LinkKeys, base: impl AsRef<str>) -> Result<Self, LinkError> {
        let signer = LinkSigner::new(inner.clone(), keys, base)?;
        Ok(Self { inner, signer })
    }

    /// Returns the wrapped store.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Returns the signer.
    pub fn signer(&self) -> &LinkSigner {
        &self.signer
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for LinkedStorage<S> {
    fn backend(&self) -> &str {
        self.inner.backend()
    }

    fn name(&self) -> Option<&str> {
        self.inner.name()
    }

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        self.inner.store(upload).await
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        self.inner.retrieve_opts(reference, options).await
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        self.inner.delete_opts(reference, options).await
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        self.inner.duplicate(reference, options).await
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
        self.inner.delete_many(references, options).await
    }

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        Some(&self.signer)
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        self.inner.inventory()
    }

    fn verifier(&self) -> Option<&dyn Verifier> {
        self.inner.verifier()
    }

    fn importer(&self) -> Option<&dyn Importer> {
        self.inner.importer()
    }
}
