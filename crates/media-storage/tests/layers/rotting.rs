//! A store whose media can be damaged below it, and which knows how it was read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use media_storage::{
    ImportOutcome, ImportUpload, Imported, Importer, InMemoryStorage, MediaBody, MediaStorage,
    RetrieveOptions, StorageError, StoredMedia, Verification, Verifier, VerifyOptions,
    VerifyReport, forward_storage, verify_inventory,
};
use media_types::StorageReference;

/// A store that yields its media in pieces, and other bytes of the same length once it is damaged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rotting {
    inner: InMemoryStorage,
    reads: Arc<Mutex<Vec<Option<Verification>>>>,
    is_damaged: Arc<AtomicBool>,
}

impl Rotting {
    /// Returns what was asked for by each read since the last call.
    pub(crate) fn take_reads(&self) -> Vec<Option<Verification>> {
        std::mem::take(&mut self.reads.lock().unwrap())
    }

    pub(crate) fn damage(&self, is_damaged: bool) {
        self.is_damaged.store(is_damaged, Ordering::SeqCst);
    }
}

#[async_trait]
impl MediaStorage for Rotting {
    forward_storage!(
        self => self.inner;
        backend, name, store, delete_opts, duplicate, update, delete_many,
        url_signer, inventory,
    );

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        self.reads.lock().unwrap().push(options.verification());
        let is_hashed = options.verification() == Some(Verification::HashAndSize);
        let is_whole = options.range().is_none() && !options.head();
        let mut stored = self.inner.retrieve_opts(reference, options).await?;
        if !is_whole {
            return Ok(stored);
        }
        let mut bytes = stored.body.bytes(1 << 20).await?.to_vec();
        if self.is_damaged.load(Ordering::SeqCst) {
            bytes[0] ^= 1;
        }
        let pieces: Vec<_> = bytes
            .chunks(100)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let sha256 = stored.sha256.filter(|_| is_hashed);
        stored.body = MediaBody::from_stored_stream(stored.size, sha256, stream::iter(pieces));
        Ok(stored)
    }

    fn verifier(&self) -> Option<&dyn Verifier> {
        Some(self)
    }

    fn importer(&self) -> Option<&dyn Importer> {
        Some(self)
    }
}

/// Finds all media present.
#[async_trait]
impl Importer for Rotting {
    async fn import(&self, upload: ImportUpload) -> Result<Imported, StorageError> {
        let reference = upload.entry().reference.clone();
        Ok(Imported::new(reference, ImportOutcome::Present))
    }
}

#[async_trait]
impl Verifier for Rotting {
    async fn verify(&self, options: VerifyOptions) -> Result<VerifyReport, StorageError> {
        let inventory = self.inner.inventory().unwrap();
        verify_inventory(self, inventory, options).await
    }
}
