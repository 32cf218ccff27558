//! Taking media over by the second protocol.

use media_storage::backend::CancelFlag;
use media_storage::{Operation, Sidecar, StorageError, StorageErrorKind};

use crate::body::Payload;
use crate::bucket::{MediaKey, SecondKeys};
use crate::protocol::Nonce;
use crate::protocol::v2::RetireOutcome;
use crate::reference::sidecar::{self, ByteLocation, revision_of, set_incoming, set_revision};
use crate::second::{self, OwnStore, ReferenceObjects, SecondAttempt, SecondContent, SecondStore};
use crate::shared::Shared;
use crate::sharing::fresh_nonce;

/// Number of attempts, each of another revision, after others stored or removed the same bytes.
const ATTEMPTS: u32 = 8;

/// Media that is taken over under the id that it has elsewhere.
pub(super) struct SecondImport<'a> {
    pub(super) shared: &'a Shared,
    pub(super) second: &'a SecondKeys,
    pub(super) key: &'a MediaKey,
    pub(super) sidecar: &'a mut Sidecar,
    pub(super) payload: &'a Payload,
    pub(super) cancelled: &'a CancelFlag,
}

impl SecondImport<'_> {
    /// Begins another revision.
    fn revise(&mut self) -> Result<ReferenceObjects, StorageError> {
        set_revision(self.sidecar, fresh_nonce()?);
        Ok(self.objects())
    }

    fn objects(&self) -> ReferenceObjects {
        let bucket = self.shared.bucket(Operation::Import);
        ReferenceObjects::new(
            &bucket,
            &self.shared.keys,
            self.second,
            self.key,
            Some(self.sidecar),
        )
    }

    /// Stores the media with bytes that are shared. Returns the generation of the bytes.
    pub(super) async fn share(&mut self) -> Result<Nonce, StorageError> {
        let bucket = self.shared.bucket(Operation::Import);
        let content = SecondContent::new(&bucket, self.second, self.sidecar.sha256);
        for _ in 0..ATTEMPTS {
            let objects = self.revise()?;
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
                    let size = self.sidecar.size_bytes;
                    if !new && !content.has_blob(generation, size).await? {
                        return Err(bucket
                            .fail(StorageErrorKind::Corrupted)
                            .with_reason("the blob is missing"));
                    }
                    let confirmed = &self.shared.confirmed;
                    confirmed.insert(self.sidecar.sha256, generation);
                    return Ok(generation);
                }
                SecondAttempt::Busy(Some(error)) => return Err(error),
                SecondAttempt::Busy(None) if self.retire(&content).await? => {}
                SecondAttempt::Busy(None) => break,
            }
        }
        Err(bucket
            .fail(StorageErrorKind::Unavailable)
            .with_reason("the same bytes or the same media were stored or removed concurrently"))
    }

    /// Retires what this attempt has left. Returns whether there was anything: what another import has
    /// written in the meantime is not to be disturbed.
    async fn retire(&self, content: &SecondContent) -> Result<bool, StorageError> {
        let read = sidecar::read(&content.bucket, &self.shared.keys, self.key).await?;
        let own = read.filter(|read| read.revision == revision_of(self.sidecar));
        let Some(ByteLocation::Shared(generation)) = own.map(|own| own.location) else {
            return Ok(false);
        };
        let retired = second::retire(content.clone(), self.objects(), generation).await?;
        Ok(retired == RetireOutcome::Retired)
    }

    /// Stores the media as an object of its own.
    pub(super) async fn own(&mut self) -> Result<(), StorageError> {
        // Without conditional writes, the import that repeats this one overwrites its sidecar.
        set_incoming(self.sidecar, self.second.tombstones);
        // What is cut here can be deleted, and swept: a hold on it could not be released.
        let hold = std::mem::take(&mut self.sidecar.hold);
        let objects = self.revise()?;
        let store = OwnStore {
            objects: objects.clone(),
            sidecar: self.sidecar,
            cancelled: self.cancelled,
            repeatable: true,
        };
        let parts = self.shared.options.parts;
        store.store(self.payload, parts).await?;
        set_incoming(self.sidecar, false);
        self.sidecar.hold = hold;
        second::complete_own(&objects, self.sidecar).await
    }
}
