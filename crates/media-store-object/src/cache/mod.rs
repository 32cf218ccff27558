//! A read cache on the local disk in front of a store.
//!
//! # Map
//! - `config`: how it is set up; `stats`: what it has done
//! - `read`: one read, from the disk or the store; `tee`: a body that enters the cache as it
//!   passes; `hit`: a body that comes from the cache; `filling`: a file that is being filled
//! - `flight`: one download for all who want the same bytes
//! - `index`: what is there and who goes first; `ledger`: how many bytes are taken
//! - `disk`, `slot`, `key`: the files, their directory, their names

mod config;
mod disk;
mod filling;
mod flight;
mod hit;
mod index;
mod key;
mod ledger;
mod read;
mod slot;
mod stats;
mod tee;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use media_storage::{
    BodyData, DeleteOptions, Inventory, MediaBody, MediaStorage, MediaUpload, Operation,
    RetrieveOptions, StorageError, StorageErrorKind, StoredMedia, UrlSigner,
};
use media_types::{StorageReference, base64};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

pub use config::{CacheFill, ReadCacheBuilder};
pub use stats::CacheStats;

use disk::Disk;
use filling::fill_whole;
use key::CacheKey;

/// Keeps the bytes of media that was read on the local disk, in front of any store.
///
/// It is a [`MediaStorage`] itself and changes nothing but where bytes come from:
///
/// - **The store decides.** Before bytes come from the disk, the store is asked for the head of the
///   media: what is deleted, expired, of another scope, or forged fails as without the cache. Type
///   and metadata are always the store's.
/// - **Bytes are what their hash says.** Files are named by SHA-256 and size and get their name
///   after all of it was verified. A file that was there before this process is hashed in full when
///   it is first opened, and again after anybody wrote to it; whole bodies are hashed once more
///   while they are read, unless the caller asks for
///   [`Verification::SizeOnly`](media_storage::Verification::SizeOnly). A damaged file is dropped
///   and the bytes come from the store. Only where bytes change on the disk while they are handed
///   out does the reader see it: its last item is the error `Unavailable`, as the next attempt
///   succeeds.
/// - **One download.** Readers who want bytes that another reader is fetching wait for them, as
///   long as that one makes progress. Ranges are cut from a file that is there; else they come from
///   the store and fill nothing.
/// - **Bounded.** All files together, those being filled too, never take more than the capacity;
///   what was not used for longest goes first. Files in use do not go; where that leaves no room,
///   a body passes by the cache.
/// - **Never in the way.** A full, slow or broken disk ends the filling of a file, not the reading
///   of a body; when the disk fails in the middle of a body, the rest comes from the store.
///
/// # On disk
/// `<dir>/<n>/<sha256>-<size>-<number>`, directories readable by the owner only. Each cache, in
/// this process or another, takes the first `<n>` that nobody holds, so that several processes may
/// share `<dir>` and a restarted one finds its files again; at most 256 at once, and each has the
/// capacity for itself. Nothing is synced: what a power cut damaged is found by its hash. The whole
/// directory may be removed at any time that no process uses it.
///
/// # Erasure
/// Deleting a reference through the cache drops its bytes from this cache where the reference tells
/// size and hash. Deletions elsewhere, expiry, sweeps and scope deletions leave bytes on the disk
/// until they are evicted: unreadable through the cache, but there. Who must erase calls
/// [`delete_scope`](Inventory::delete_scope), then [`clear`](Self::clear) on every node and in every
/// process that has a cache.
///
/// # Example
/// ```
/// use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
/// use media_store_object::ReadCache;
/// use media_types::Mime;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// let store = InMemoryStorage::new(); // or an object store
/// let cached = ReadCache::builder(store, dir.path()).with_capacity(10 << 30).build().await?;
/// let reference = cached.store_bytes(Mime::IMAGE_PNG, "bytes", MediaMetadata::new()).await?;
/// for _ in 0..2 {
///     assert_eq!(cached.retrieve_bytes(&reference, 1024).await?, "bytes");
/// }
/// assert_eq!((cached.stats().misses, cached.stats().hits), (1, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ReadCache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn MediaStorage>,
    disk: Arc<Disk>,
    max_item: u64,
    fill: CacheFill,
    patience: Duration,
    max_wait: Duration,
    fills: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
    resting_until: Mutex<Option<Instant>>,
}

impl ReadCache {
    /// A cache of `store` in a directory of the local disk, to be set up and built.
    pub fn builder(store: impl MediaStorage, dir: impl Into<PathBuf>) -> ReadCacheBuilder {
        ReadCacheBuilder::new(Arc::new(store), dir.into())
    }

    /// The store behind.
    pub fn store_behind(&self) -> &Arc<dyn MediaStorage> {
        &self.inner.store
    }

    /// What the cache holds and has done.
    pub fn stats(&self) -> CacheStats {
        self.inner.disk.stats()
    }

    /// Removes all bytes from this cache, and what processes that are gone left in its directory.
    /// What is being filled meanwhile does not enter. Bytes that are being read are freed when
    /// their readers end.
    ///
    /// Returns how many other caches, of running processes, share the directory: theirs stays.
    ///
    /// # Errors
    /// `Permission`, `Other`: some bytes may still be there.
    pub async fn clear(&self) -> Result<u32, StorageError> {
        let disk = Arc::clone(&self.inner.disk);
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
                StorageError::new(config::kind_of(&error), Operation::Delete)
                    .with_backend("read cache")
                    .with_reason("not all bytes could be removed")
                    .with_source(error)
            })
    }
}

impl Inner {
    /// Whether media may enter at all.
    fn admits(&self, key: CacheKey) -> bool {
        key.size > 0 && key.size <= self.max_item
    }

    fn is_resting(&self) -> bool {
        let mut until = self
            .resting_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *until = until.filter(|until| Instant::now() < *until);
        until.is_some()
    }

    /// Leaves the disk alone for a while.
    fn rest(&self, time: Duration) {
        tracing::warn!("the disk of the read cache does not answer; reads go to the store");
        *self
            .resting_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }

    fn count_hit(&self, bytes: u64) {
        self.disk.counters.hits.add(1);
        self.disk.counters.hit_bytes.add(bytes);
        tracing::debug!(bytes, "media from the read cache");
    }

    async fn miss(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let stored = self.store.retrieve_opts(reference, options).await?;
        self.disk.counters.misses.add(1);
        tracing::debug!(size = stored.size, "media from the store");
        Ok(stored)
    }

    /// Puts what was just stored into the cache, behind the caller's back.
    fn fill_stored(&self, reference: &StorageReference, kept: Kept) {
        let Some(key) = CacheKey::claimed_by(reference).filter(|key| self.admits(*key)) else {
            return;
        };
        let Ok(permit) = Arc::clone(&self.fills).try_acquire_owned() else {
            return;
        };
        let index::Found::Ours(claim) = self.disk.index.find(key) else {
            return;
        };
        let disk = Arc::clone(&self.disk);
        drop(tokio::task::spawn_blocking(move || {
            let bytes = match kept {
                Kept::Bytes(bytes) => bytes,
                Kept::Base64(text) => match base64::decode(&text) {
                    Ok(bytes) => bytes.into(),
                    Err(_) => return,
                },
            };
            fill_whole(&disk, claim, permit, &bytes);
        }));
    }
}

/// A body in memory that is also kept until it is stored.
enum Kept {
    Bytes(Bytes),
    Base64(Bytes),
}

fn unknown_form() -> StorageError {
    StorageError::new(StorageErrorKind::Unsupported, Operation::Store)
        .with_reason("a form of body that the read cache does not know")
}

/// A second handle on a body that is in memory as a whole.
fn keep(body: MediaBody, kept: &mut Option<Kept>) -> MediaBody {
    match body.into_data() {
        BodyData::Bytes(bytes) => {
            *kept = Some(Kept::Bytes(bytes.clone()));
            MediaBody::from_bytes(bytes)
        }
        BodyData::Base64(text) => {
            *kept = Some(Kept::Base64(text.clone()));
            MediaBody::from_base64(text)
        }
        BodyData::Stream { len, stream } => MediaBody::from_stream(len, stream),
        // Nothing that was given is lost in silence.
        _ => MediaBody::from_stream(None, stream::once(async { Err(unknown_form()) })),
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MediaStorage for ReadCache {
    fn backend(&self) -> &str {
        self.inner.store.backend()
    }

    fn name(&self) -> Option<&str> {
        self.inner.store.name()
    }

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let in_memory = upload
            .body()
            .len()
            .is_some_and(|len| len <= self.inner.max_item);
        if self.inner.fill == CacheFill::Reads || !in_memory {
            return self.inner.store.store(upload).await;
        }
        let mut kept = None;
        let upload = upload.map_body(|body| keep(body, &mut kept));
        let reference = self.inner.store.store(upload).await?;
        if let Some(kept) = kept {
            self.inner.fill_stored(&reference, kept);
        }
        Ok(reference)
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        read::retrieve(&self.inner, reference, options).await
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        self.inner.store.delete_opts(reference, options).await?;
        if let Some(entry) =
            CacheKey::claimed_by(reference).and_then(|key| self.inner.disk.index.forget(key))
        {
            let disk = Arc::clone(&self.inner.disk);
            // The media is deleted, whatever the disk of the cache says; it warns by itself.
            let removal = tokio::task::spawn_blocking(move || disk.unlink(&entry));
            let _ = timeout(read::OPEN_STALL, removal).await;
        }
        Ok(())
    }

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        self.inner.store.url_signer()
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        self.inner.store.inventory()
    }
}
