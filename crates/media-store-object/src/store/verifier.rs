//! The check of a bucket: every reference is opened, and its bytes are read as far as asked for.

use async_trait::async_trait;
use media_storage::{StorageError, Verifier, VerifyOptions, VerifyReport, verify_inventory};

use super::handle::ObjectMediaStore;

/// One request for each reference at least, and one more for each body that is read. Blobs
/// are read once for each reference to them.
#[async_trait]
impl Verifier for ObjectMediaStore {
    async fn verify(&self, options: VerifyOptions) -> Result<VerifyReport, StorageError> {
        verify_inventory(self, self, options).await
    }
}
