//! [`ReadCache`], and how it forwards each operation to its store.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use media_storage::{
    BodyData, DeleteOptions, Inventory, MediaBody, MediaStorage, MediaUpload, MetadataPatch,
    Operation, RetrieveOptions, StorageError, StorageErrorKind, StoredMedia,
};
use media_types::{StorageReference, base64};
use tokio::time::timeout;

use crate::engine::Engine;
use crate::error::{disk_failure, failure};
use crate::filling::fill_whole;
use crate::index::Found;
use crate::key::CacheKey;
use crate::options::CacheFill;
use crate::read;
use crate::stats::CacheStats;

/// A read cache on the local disk in front of a store.
///
/// It is a [`MediaStorage`] itself and changes nothing but where bytes come from:
///
/// - **The store decides.** Before bytes come from the disk, the store is asked for the head of the
///   media, unless [`with_max_staleness`](crate::ReadCacheBuilder::with_max_staleness) allows otherwise: media that is deleted, expired or of another scope, and forged references, fail as they
///   do without the cache. Type and metadata are always those of the store.
/// - **Bytes match their hash.** Files are named by SHA-256 and size and receive their name only
///   after all bytes were verified. A file that an earlier process left is hashed in full when it is
///   first opened, and again after any write to it; whole bodies are hashed once more while they
///   are read, unless the caller asks for
///   [`Verification::SizeOnly`](media_storage::Verification::SizeOnly). A damaged file is removed
///   and the bytes come from the store. Only if bytes change on the disk while they are being
///   served does the reader see it: the last item of its stream is the error `Unavailable`, and the
///   next attempt succeeds.
/// - **One download.** Readers of bytes that another reader is downloading wait for that download
///   as long as it makes progress. Ranges are read from a file that is present; otherwise they come
///   from the store and fill nothing.
/// - **Bounded.** All files together, including those being filled, never exceed the capacity; the
///   least recently used file is evicted first. Files in use are not evicted; if that leaves no
///   room, a body bypasses the cache.
/// - **Never in the way.** A full, slow or broken disk ends the filling of a file, not the reading
///   of a body; if the disk fails in the middle of a body, the rest comes from the store.
///
/// # On disk
/// Files are `<dir>/<n>/<sha256>-<size>-<number>`, in directories that only the owner can read.
/// Each cache, in this process or another, takes the first `<n>` that is not locked, so that several
/// processes can share `<dir>` and a restarted process finds its files again. At most 256 caches can
/// share a directory, and each has the full capacity for itself. Nothing is synced: files that a
/// power cut damaged are found by their hash. The whole directory may be removed at any time that no
/// process uses it.
///
/// # Erasure
/// Deleting references through the cache removes their bytes from this cache if they carry size and
/// hash, and so does deleting a scope through its [inventory](MediaStorage::inventory), also from
/// what ended processes left in the directory. The report counts these copies, and the caches of
/// other processes that share the directory.
///
/// Deletions through other handles, expiry and sweeps leave bytes on the disk until they are
/// evicted: they are unreadable through the cache, but present. To be rid of them at once, call
/// [`clear`](Self::clear) in every process that has a cache.
///
/// The [crate page](crate) has an example.
#[derive(Clone, Debug)]
pub struct ReadCache {
    pub(crate) engine: Arc<Engine>,
}

impl ReadCache {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine: Arc::new(engine),
        }
    }

    /// Returns the store that this cache reads from.
    pub fn inner(&self) -> &Arc<dyn MediaStorage> {
        &self.engine.store
    }

    /// Returns what the cache holds and what it has done since it was built.
    pub fn stats(&self) -> CacheStats {
        self.engine.disk.stats()
    }

    /// Removes all bytes from this cache, and files that ended processes left in its directory.
    ///
    /// Files that are being filled at the time do not enter the cache. Files that are being read are
    /// freed when their readers end.
    ///
    /// Returns how many other caches of running processes share the directory; their files remain.
    ///
    /// # Errors
    /// `Permission` or `Other` if a file could not be removed; some bytes may remain.
    pub async fn clear(&self) -> Result<u32, StorageError> {
        self.engine.heads.clear();
        let disk = Arc::clone(&self.engine.disk);
        let cleared = tokio::task::spawn_blocking(move || {
            for entry in disk.index.forget_all() {
                disk.unlink(&entry);
            }
            disk.slot.clear()
        })
        .await;
        cleared
            .unwrap_or_else(|stopped| Err(stopped.into()))
            .map_err(|error| {
                let reason = "failed to remove all files of the cache";
                disk_failure(Operation::Delete, reason, error)
            })
    }

    /// Adds media that was just stored, without delaying the caller.
    fn fill_stored(&self, reference: &StorageReference, copy: BodyCopy) {
        let engine = &self.engine;
        let Some(key) = CacheKey::claimed_by(reference).filter(|key| engine.admits(*key)) else {
            return;
        };
        let Some(permit) = engine.try_fill() else {
            return;
        };
        let Found::Vacant(claim) = engine.disk.index.find(key) else {
            return;
        };
        let disk = Arc::clone(&engine.disk);
        drop(tokio::task::spawn_blocking(move || {
            let bytes = match copy {
                BodyCopy::Bytes(bytes) => bytes,
                BodyCopy::Base64(text) => match base64::decode(&text) {
                    Ok(bytes) => bytes.into(),
                    Err(_) => return,
                },
            };
            fill_whole(&disk, claim, permit, &bytes);
        }));
    }
}

/// A second handle on a body in memory, kept until the body is stored.
enum BodyCopy {
    Bytes(Bytes),
    Base64(Bytes),
}

impl BodyCopy {
    /// Splits a body into the body to store and a copy of it, if it is in memory.
    fn split(body: MediaBody) -> (MediaBody, Option<Self>) {
        match body.into_data() {
            BodyData::Bytes(bytes) => (
                MediaBody::from_bytes(bytes.clone()),
                Some(Self::Bytes(bytes)),
            ),
            BodyData::Base64(text) => (
                MediaBody::from_base64(text.clone()),
                Some(Self::Base64(text)),
            ),
            BodyData::Stream { len, stream } => (MediaBody::from_stream(len, stream), None),
            // An unknown body fails the store rather than being dropped silently.
            _ => {
                let error = stream::once(async { Err(unsupported_body()) });
                (MediaBody::from_stream(None, error), None)
            }
        }
    }
}

fn unsupported_body() -> StorageError {
    failure(StorageErrorKind::Unsupported, Operation::Store)
        .with_reason("the read cache does not support this kind of body")
}

impl ReadCache {
    /// Removes the copies of media that was deleted from the store: from the index first, so that no
    /// reader finds them.
    async fn forget(&self, references: impl Iterator<Item = &StorageReference>) {
        let disk = Arc::clone(&self.engine.disk);
        let entries: Vec<_> = references
            .filter_map(CacheKey::claimed_by)
            .filter_map(|key| disk.index.forget(key))
            .collect();
        if entries.is_empty() {
            return;
        }
        // The media is deleted whatever the disk of the cache answers; `unlink` logs failures.
        let removal = tokio::task::spawn_blocking(move || {
            for entry in &entries {
                disk.unlink(entry);
            }
        });
        let _ = timeout(read::OPEN_TIMEOUT, removal).await;
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MediaStorage for ReadCache {
    media_storage::forward_storage!(
        self => self.engine.store;
        backend, name, duplicate, url_signer, verifier, importer,
    );

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let engine = &self.engine;
        let fits = upload
            .body()
            .len()
            .is_some_and(|len| len <= engine.limits.max_item);
        if engine.limits.fill == CacheFill::Reads || !fits {
            return engine.store.store(upload).await;
        }
        let mut copy = None;
        let upload = upload.map_body(|body| {
            let (body, kept) = BodyCopy::split(body);
            copy = kept;
            body
        });
        let reference = engine.store.store(upload).await?;
        if let Some(copy) = copy {
            self.fill_stored(&reference, copy);
        }
        Ok(reference)
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        read::retrieve(&self.engine, reference, options).await
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let engine = &self.engine;
        let deleted = engine.store.delete_opts(reference, options).await;
        // Also after a failure, which may have deleted the media.
        engine.heads.forget(reference);
        deleted?;
        self.forget(std::iter::once(reference)).await;
        Ok(())
    }

    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        let updated = self.engine.store.update(reference, patch).await;
        self.engine.heads.forget(reference);
        updated
    }

    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let results = self.engine.store.delete_many(references, options).await;
        for reference in references {
            self.engine.heads.forget(reference);
        }
        let deleted = references.iter().zip(&results);
        let deleted = deleted.filter(|(_, result)| result.is_ok());
        self.forget(deleted.map(|(reference, _)| reference)).await;
        results
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        self.engine
            .store
            .inventory()
            .map(|_| self as &dyn Inventory)
    }
}
