//! Taking media over as a capability of the handle.

use async_trait::async_trait;
use media_storage::{ImportUpload, Imported, Importer, Operation, StorageError, StorageErrorKind};

use super::handle::ObjectMediaStore;
use crate::operation;

#[async_trait]
impl Importer for ObjectMediaStore {
    async fn import(&self, upload: ImportUpload) -> Result<Imported, StorageError> {
        let bucket = self.shared().bucket(Operation::Import);
        if upload.entry().hold {
            return Err(bucket
                .fail(StorageErrorKind::Unsupported)
                .with_key(upload.entry().reference.id())
                .with_reason("the media is on hold, which this store cannot keep"));
        }
        let imported = operation::import(self.shared(), upload).await;
        // A body that comes from another store says itself what failed there.
        imported.map_err(|error| bucket.adopt(error))
    }
}
