//! Taking media over by the second protocol.

use media_storage::backend::CancelFlag;
use media_storage::{Operation, Sidecar, StorageError, StorageErrorKind};

use crate::body::Payload;
use crate::bucket::SecondKeys;
use crate::protocol::Nonce;
use crate::second::{self, OwnStore, ReferenceObjects, SecondAttempt, SecondContent, SecondStore};
use crate::shared::Shared;

/// Media that is taken over under the id that it has elsewhere.
pub(super) struct SecondImport<'a> {
    pub(super) shared: &'a Shared,
    pub(super) second: &'a SecondKeys,
    pub(super) sidecar: &'a Sidecar,
    pub(super) payload: &'a Payload,
    pub(super) cancelled: &'a CancelFlag,
}

impl SecondImport<'_> {
    /// Makes one attempt only: one that is under way elsewhere is not to be retired at once. Returns the
    /// generation of the bytes.
    pub(super) async fn share(
        self,
        objects: ReferenceObjects,
    ) -> Result<Option<Nonce>, StorageError> {
        let bucket = self.shared.bucket(Operation::Import);
        let content = SecondContent::new(&bucket, self.second, self.sidecar.sha256);
        let attempt = SecondStore {
            content: content.clone(),
            objects,
            sidecar: self.sidecar,
            payload: self.payload,
            parts: self.shared.options.parts,
            cancelled: self.cancelled,
            remembered: None,
        };
        match second::import(attempt).await? {
            SecondAttempt::Stored { generation, new } => {
                if !new
                    && !content
                        .has_blob(generation, self.sidecar.size_bytes)
                        .await?
                {
                    return Err(bucket
                        .fail(StorageErrorKind::Corrupted)
                        .with_reason("the shared bytes are missing"));
                }
                self.shared
                    .confirmed
                    .insert(self.sidecar.sha256, generation);
                Ok(Some(generation))
            }
            SecondAttempt::Busy(Some(error)) => Err(error),
            SecondAttempt::Busy(None) => Err(bucket
                .fail(StorageErrorKind::Unavailable)
                .with_reason("the same bytes were stored or removed concurrently")),
        }
    }

    /// Stores the media as an object of its own.
    pub(super) async fn own(
        self,
        objects: ReferenceObjects,
    ) -> Result<Option<Nonce>, StorageError> {
        let store = OwnStore {
            objects,
            sidecar: self.sidecar,
            cancelled: self.cancelled,
            repeatable: true,
        };
        let stored = store.store(self.payload, self.shared.options.parts);
        stored.await.map(|()| None)
    }
}
