//! Signed URLs of a store.

use async_trait::async_trait;
use media_storage::{SignedUrl, SignedUrlOptions, StorageError, UrlSigner};
use media_types::StorageReference;

use super::handle::ObjectMediaStore;
use crate::operation;

#[async_trait]
impl UrlSigner for ObjectMediaStore {
    async fn signed_url(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError> {
        operation::sign_url(self.shared(), reference, options).await
    }
}
