//! URLs of a store with renditions: none for one whose original is gone.

use async_trait::async_trait;
use media_storage::{
    MediaStorage, Operation, RetrieveOptions, SignedUrl, SignedUrlOptions, StorageError,
    StorageErrorKind, UrlSigner,
};
use media_types::StorageReference;

use super::layer::Renditions;
use super::slots::may_be_rendition;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> UrlSigner for Renditions<S> {
    /// Signs a URL. For what may be a rendition, its metadata and that of its original are read first.
    async fn signed_url(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError> {
        let store = self.inner();
        let signer = store.url_signer().ok_or_else(|| {
            StorageError::new(StorageErrorKind::Unsupported, Operation::Sign)
                .with_backend(store.backend().to_owned())
                .with_reason("the store signs no URLs")
        })?;
        if may_be_rendition(store, reference) {
            let mut head = RetrieveOptions::new().with_head();
            if let Some(scope) = options.expected_scope() {
                head = head.with_expected_scope(scope.clone());
            }
            let stored = store.retrieve_opts(reference, head).await?;
            self.check_parent(reference, &stored.metadata, Operation::Sign)
                .await?;
        }
        signer.signed_url(reference, options).await
    }
}
