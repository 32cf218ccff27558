//! The handle.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use media_storage::backend::{CancelFlag, attribute_store_error, copy_through};
use media_storage::{
    DeleteOptions, DuplicateOptions, Inventory, MediaStorage, MediaUpload, Operation,
    RetrieveOptions, StorageError, StoredMedia,
};
use media_types::StorageReference;

use crate::config::{Config, DedupIndex, FileStoreBuilder};
use crate::error::{BACKEND, fail};
use crate::shared::Shared;
use crate::sweeper::{Sweeper, SweeperOptions};
use crate::verify::{VerifyOptions, VerifyReport};
use crate::{delete, duplicate, export, retrieve, upload, verify};

/// Keeps media in a directory.
///
/// Handles are cheap to clone and may be used from any task. Any number of stores, in any number of
/// processes, may have one directory open. Needs a tokio runtime.
///
/// ```
/// use media_storage::{MediaMetadata, MediaStorageExt};
/// use media_store_fs::FileStore;
/// use media_types::Mime;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path().join("media");
/// let store = FileStore::builder(&directory).with_deduplication(true).build().await?;
/// let metadata = MediaMetadata::new()
///     .with_session("session-1".parse()?)
///     .with_conversation("conv-1".parse()?);
/// let reference = store.store_bytes(Mime::IMAGE_PNG, "bytes", metadata).await?;
/// assert!(directory.join(reference.id()).is_file());
/// assert_eq!(store.retrieve_bytes(&reference, 1024).await?, "bytes");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FileStore {
    shared: Arc<Shared>,
}

impl FileStore {
    /// Opens a directory with the defaults of [`builder`](Self::builder).
    ///
    /// # Errors
    /// As [`FileStoreBuilder::build`].
    pub async fn open(directory: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::builder(directory).build().await
    }

    /// Sets up a store in a directory.
    pub fn builder(directory: impl AsRef<Path>) -> FileStoreBuilder {
        FileStoreBuilder::new(directory)
    }

    pub(crate) async fn open_with(config: Config) -> Result<Self, StorageError> {
        let opened = tokio::task::spawn_blocking(move || Shared::open(config)).await;
        let shared = opened.map_err(|error| {
            fail(
                media_storage::StorageErrorKind::Unavailable,
                Operation::Open,
            )
            .with_reason("the runtime is shutting down")
            .with_source(error)
        })??;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Writes `.dedup-index.json`: for every hash one of its paths, its size and type, how many
    /// references it has and since when. A complete view of about now; nothing reads it back.
    /// Costs a walk over everything.
    ///
    /// # Errors
    /// `DiskSpace`, `Permission`, `Unavailable`; the index from before stays.
    pub async fn export_dedup_index(&self) -> Result<(), StorageError> {
        let export = |shared: &Arc<Shared>| export::export(shared);
        self.shared.run(Operation::Export, export).await
    }

    /// Checks everything that is stored: every sidecar, every reference against its hash, every
    /// blob. Finds, and repairs what it is asked to. Costs a read of everything; other work goes on
    /// meanwhile.
    ///
    /// # Errors
    /// `Unavailable`, `Permission`; what is wrong with single things is in the report.
    pub async fn verify(&self, options: VerifyOptions) -> Result<VerifyReport, StorageError> {
        let verify = move |shared: &Arc<Shared>| verify::verify(shared, options);
        self.shared.run(Operation::Verify, verify).await
    }

    /// Starts a task that sweeps this store until the returned handle is stopped or dropped. The
    /// first sweep comes at once and is a full one.
    ///
    /// Must be called inside a tokio runtime with its timer.
    #[must_use]
    pub fn start_sweeper(&self, options: SweeperOptions) -> Sweeper {
        Sweeper::start(self.clone(), options)
    }

    /// Removes what this process staged, and writes the index where
    /// [`DedupIndex::AtClose`](crate::DedupIndex::AtClose) asks for it. Dropping the last handle
    /// removes what is staged too; this waits for it.
    /// The store may be used on afterwards.
    ///
    /// # Errors
    /// As [`export_dedup_index`](Self::export_dedup_index).
    pub async fn close(&self) -> Result<(), StorageError> {
        let close = |shared: &Arc<Shared>| {
            let exported = match shared.config.dedup_index {
                DedupIndex::AtClose => export::export(shared),
                DedupIndex::OnRequest => Ok(()),
            };
            shared.stagings.close();
            exported.map_err(|error| error.with_operation(Operation::Close))
        };
        self.shared.run(Operation::Close, close).await
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("directory", &self.shared.config.directory)
            .field("organization", &self.shared.config.organization)
            .field("durability", &self.shared.config.durability)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl MediaStorage for FileStore {
    fn backend(&self) -> &str {
        BACKEND
    }

    fn name(&self) -> Option<&str> {
        self.shared.config.name.as_deref()
    }

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        upload::store(&self.shared, upload)
            .await
            .map_err(|error| attribute_store_error(error, BACKEND))
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let reference = reference.clone();
        self.shared
            .run(Operation::Retrieve, move |shared| {
                retrieve::retrieve(shared, &reference, &options)
            })
            .await
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let reference = reference.clone();
        self.shared
            .run(Operation::Delete, move |shared| {
                delete::delete(shared, &reference, &options)
            })
            .await
    }

    /// The copy shares the bytes of the source through a hard link, also without deduplication; they
    /// are neither read nor verified.
    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let cancelled = CancelFlag::new();
        let _guard = cancelled.cancel_on_drop();
        let (source, wanted) = (reference.clone(), options.clone());
        let linked = self
            .shared
            .run(Operation::Duplicate, move |shared| {
                duplicate::duplicate(shared, &source, &wanted, &cancelled)
            })
            .await?;
        match linked {
            Some(pending) => Ok(pending.claim()),
            None => copy_through(self, reference, options).await,
        }
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        Some(self)
    }
}
