//! Taking media over as a capability of the handle.

use async_trait::async_trait;
use media_storage::{ImportUpload, Imported, Importer, Operation, StorageError};

use super::handle::ObjectMediaStore;
use crate::operation;

#[async_trait]
impl Importer for ObjectMediaStore {
    async fn import(&self, upload: ImportUpload) -> Result<Imported, StorageError> {
        let imported = operation::import(self.shared(), upload).await;
        // A body that comes from another store says itself what failed there.
        imported.map_err(|error| self.shared().bucket(Operation::Import).adopt(error))
    }

    fn keeps_holds(&self) -> bool {
        let second = self.shared().keys.second();
        second.is_some_and(|second| second.tombstones)
    }
}
