//! The handle of a store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use media_storage::backend::{CancelFlag, attribute_store_error, copy_through, hold_copy};
use media_storage::sweeper::{Sweeper, SweeperOptions};
use media_storage::{
    DeleteOptions, DuplicateOptions, Entry, ImportUpload, Imported, Importer, Inventory,
    MediaStorage, MediaUpload, MetadataPatch, Operation, RetrieveOptions, Scope, StorageError,
    StorageErrorKind, StoredMedia, SweepLease, SweepOptions, SweepReport, Usage, Verifier,
    VerifyOptions, VerifyReport,
};
use media_types::StorageReference;

use crate::error::{BACKEND, fail};
use crate::list::List;
use crate::options::{Config, IndexExport};
use crate::shared::Shared;
use crate::{
    delete, delete_many, delete_scope, duplicate, export, import, lock, retrieve, sweep, update,
    upload, usage, verify,
};

/// A media store in a local directory.
///
/// Handles are cheap to clone and may be used by any number of tasks. Any number of stores, in any
/// number of processes, may open the same directory. Requires a tokio runtime.
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
    pub(crate) async fn open_with(config: Config) -> Result<Self, StorageError> {
        let opened = tokio::task::spawn_blocking(move || Shared::open(config)).await;
        let shared = opened.map_err(|error| {
            fail(StorageErrorKind::Unavailable, Operation::Open)
                .with_reason("the runtime is shutting down")
                .with_source(error)
        })??;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Writes `.dedup-index.json`: for every hash, the path of one reference, size and type, the
    /// number of references, and when the first of them was stored. It is a view of about now, and
    /// nothing reads it back. Walks over the whole store.
    ///
    /// # Errors
    /// `DiskSpace`, `Permission` or `Unavailable`; the previous index stays. `Unsupported` if the
    /// store was opened read-only.
    pub async fn export_dedup_index(&self) -> Result<(), StorageError> {
        let export =
            |shared: &Arc<Shared>, cancelled: &CancelFlag| export::export(shared, cancelled);
        self.shared.run_walk(Operation::Export, export).await
    }

    /// Verifies everything that is stored: every sidecar, every reference against its hash, every
    /// blob. Repairs what the options say. Other operations continue in the meantime. If the future is
    /// dropped, the verification stops after the current file.
    ///
    /// Damaged media in quarantine, `.store/quarantine`, counts in [`Usage`], is deleted with its scope,
    /// and is removed by a full sweep
    /// [after a while](crate::FileStoreBuilder::with_quarantine_retention).
    ///
    /// # Errors
    /// `Unavailable` or `Permission`. Issues of single files are in the report.
    pub async fn verify(&self, options: VerifyOptions) -> Result<VerifyReport, StorageError> {
        let verify = move |shared: &Arc<Shared>, cancelled: &CancelFlag| {
            verify::verify(shared, options, cancelled)
        };
        self.shared.run_walk(Operation::Verify, verify).await
    }

    /// Starts a task that sweeps this store until the returned handle is stopped or dropped. The
    /// first sweep starts at once and is a full one.
    ///
    /// Must be called in a tokio runtime with its timer enabled.
    #[must_use]
    pub fn start_sweeper(&self, options: SweeperOptions) -> Sweeper {
        Sweeper::of_inventory(self.clone(), options)
    }

    /// Removes what this process has staged, and writes the index if
    /// [`IndexExport::AtClose`](crate::IndexExport::AtClose) is set. Dropping the last handle removes
    /// what is staged too; this method waits for it. The store can still be used afterwards.
    ///
    /// # Errors
    /// As [`export_dedup_index`](Self::export_dedup_index).
    pub async fn close(&self) -> Result<(), StorageError> {
        let close = |shared: &Arc<Shared>, cancelled: &CancelFlag| {
            let exported = match shared.config.index_export {
                IndexExport::AtClose => export::export(shared, cancelled),
                IndexExport::OnRequest => Ok(()),
            };
            shared.stagings.reset();
            exported.map_err(|error| error.with_operation(Operation::Close))
        };
        self.shared.run_walk(Operation::Close, close).await
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

    /// The copy shares the bytes of the source through a hard link, even without deduplication. The
    /// bytes are neither read nor verified.
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
            Some((pending, on_hold)) => hold_copy(self, pending.claim(), on_hold).await,
            None => copy_through(self, reference, options).await,
        }
    }

    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        let reference = reference.clone();
        self.shared
            .run(Operation::Update, move |shared| {
                update::update(shared, &reference, &patch)
            })
            .await
    }

    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let all = references.to_vec();
        let deleted = self
            .shared
            .run_walk(Operation::Delete, move |shared, cancelled| {
                delete_many::delete_many(shared, &all, &options, cancelled)
            })
            .await;
        deleted.unwrap_or_else(|error| {
            let (kind, reason) = (error.kind(), error.to_string());
            let fail = |reference: &StorageReference| {
                let error = fail(kind, Operation::Delete).with_key(reference.id());
                Err(error.with_reason(reason.clone()))
            };
            references.iter().map(fail).collect()
        })
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        Some(self)
    }

    fn verifier(&self) -> Option<&dyn Verifier> {
        Some(self)
    }

    fn importer(&self) -> Option<&dyn Importer> {
        Some(self)
    }
}

#[async_trait]
impl Verifier for FileStore {
    async fn verify(&self, options: VerifyOptions) -> Result<VerifyReport, StorageError> {
        Self::verify(self, options).await
    }
}

#[async_trait]
impl Importer for FileStore {
    async fn import(&self, upload: ImportUpload) -> Result<Imported, StorageError> {
        // A body that comes from another store says itself what failed there.
        import::import(&self.shared, upload).await.map_err(|error| {
            if error.backend().is_empty() {
                error
                    .with_operation(Operation::Import)
                    .with_backend(BACKEND)
            } else {
                error
            }
        })
    }

    fn keeps_holds(&self) -> bool {
        true
    }
}

#[async_trait]
impl Inventory for FileStore {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        Box::pin(List::new(Arc::clone(&self.shared), scope))
    }

    /// For [`Scope::All`], directory entries are enough; other scopes read every sidecar that may
    /// belong to them. Needs 8 bytes of memory for each body that several names share.
    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        let sum = move |shared: &Arc<Shared>, cancelled: &CancelFlag| {
            usage::usage(shared, &scope, cancelled)
        };
        self.shared.run_walk(Operation::Usage, sum).await
    }

    async fn quarantined(&self, scope: Scope) -> Result<u64, StorageError> {
        let count = move |shared: &Arc<Shared>, cancelled: &CancelFlag| {
            usage::quarantined(shared, &scope, cancelled)
        };
        self.shared.run_walk(Operation::Usage, count).await
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        let delete = move |shared: &Arc<Shared>, cancelled: &CancelFlag| {
            delete_scope::delete_scope(shared, &scope, cancelled)
        };
        self.shared.run_walk(Operation::DeleteScope, delete).await
    }

    /// Any number of sweeps may run at the same time, in any process. If the future is dropped, the
    /// sweep stops after the current file.
    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        let sweep = move |shared: &Arc<Shared>, cancelled: &CancelFlag| {
            sweep::sweep(shared, &options, cancelled)
        };
        self.shared.run_walk(Operation::Sweep, sweep).await
    }

    /// The lease is a locked file, which the operating system releases with the process.
    async fn sweep_lease(&self) -> Result<Option<SweepLease>, StorageError> {
        self.shared
            .run(Operation::Sweep, |shared| {
                let lock = lock::try_sweep(shared.own(), shared.config.permissions)
                    .map_err(|error| shared.io(Operation::Sweep, "", error))?;
                Ok(lock.map(SweepLease::new))
            })
            .await
    }
}
