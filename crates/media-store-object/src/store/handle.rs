//! The handle on a store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use media_storage::backend::{copy_through, hold_copy};
use media_storage::{
    DeleteOptions, DuplicateOptions, Importer, Inventory, MediaStorage, MediaUpload, MetadataPatch,
    Operation, Organization, RetrieveOptions, StorageError, StoredMedia, UrlSigner, Verifier,
};
use media_types::StorageReference;

use crate::operation;
use crate::shared::{Shared, Sharing};

/// Maximum number of references that are deleted at the same time.
const DELETIONS_AT_ONCE: usize = 32;

/// Media storage in an object store: S3, GCS, Azure, or any other
/// [`ObjectStore`](object_store::ObjectStore).
///
/// Handles are cheap to clone and may be used from any task. Any number of stores on any number of
/// nodes may have one bucket and prefix open. A store needs a tokio runtime.
///
/// ```
/// use std::sync::Arc;
/// use media_storage::{MediaMetadata, MediaStorageExt};
/// use media_store_object::ObjectMediaStore;
/// use media_types::Mime;
/// use object_store::memory::InMemory;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = ObjectMediaStore::builder()
///     .with_object_store(Arc::new(InMemory::new()))
///     .with_deduplication(true)
///     .build()
///     .await?;
/// let metadata = MediaMetadata::new()
///     .with_session("session-1".parse()?)
///     .with_conversation("conv-1".parse()?);
/// let reference = store.store_bytes(Mime::IMAGE_PNG, "bytes", metadata).await?;
/// assert_eq!(store.retrieve_bytes(&reference, 1024).await?, "bytes");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ObjectMediaStore {
    shared: Arc<Shared>,
}

impl ObjectMediaStore {
    pub(super) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Returns every organization in which media was stored, as far as they were read when the store
    /// was opened; at least its own.
    pub fn organizations(&self) -> &[Organization] {
        &self.shared.organizations
    }

    /// Whether references to equal bytes share them: deduplication was requested, and the service
    /// supports it. False for a store that was opened for reading only.
    pub fn is_deduplicating(&self) -> bool {
        self.shared.options.sharing == Sharing::On && !self.shared.options.read_only
    }

    /// Whether a copy of a request that the network delivers late is refused, so that what was deleted
    /// stays deleted: the second protocol is used, and the service supports conditional writes.
    pub fn refuses_late_writes(&self) -> bool {
        let second = self.shared.keys.second();
        second.is_some_and(|second| second.tombstones)
    }

    /// Whether the service reported, when the store was opened, that the bucket keeps deleted objects
    /// as versions. Deleted media then remains in the bucket until a lifecycle rule removes it.
    ///
    /// Versioning of S3 and Azure is detected by version ids in responses. False may also mean that
    /// it could not be detected: on GCS, with soft delete, in a store that was opened for reading
    /// only, and without deduplication if versioning was enabled after the store was first opened.
    pub fn keeps_versions(&self) -> bool {
        self.shared.keeps_versions
    }
}

impl fmt::Debug for ObjectMediaStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectMediaStore")
            .field("backend", &self.shared.bucket.backend())
            .field("organization", &self.shared.options.organization)
            .field("sharing", &self.shared.options.sharing)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl MediaStorage for ObjectMediaStore {
    fn backend(&self) -> &str {
        self.shared.bucket.backend()
    }

    fn name(&self) -> Option<&str> {
        self.shared.name.as_deref()
    }

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        self.shared.check_writable(Operation::Store)?;
        let stored = operation::store(&self.shared, upload).await;
        // The errors of a body that comes from another store name that store.
        stored.map_err(|error| self.shared.bucket(Operation::Store).adopt(error))
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let stored = operation::retrieve(&self.shared, reference, &options).await;
        stored.map_err(|error| self.shared.bucket(Operation::Retrieve).adopt(error))
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        self.shared.check_deletable(Operation::Delete)?;
        let deleted = operation::delete(&self.shared, reference, &options).await;
        deleted.map_err(|error| self.shared.bucket(Operation::Delete).adopt(error))
    }

    /// Duplicates media without reading its bytes, if they are shared and the store shares bytes, or if
    /// they are not and the headers of the copy are the same. Otherwise, and for media of the first
    /// protocol, the bytes are read and stored again.
    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let operation = Operation::Duplicate;
        self.shared.check_writable(operation)?;
        let duplicated = operation::duplicate(&self.shared, reference, &options).await;
        match duplicated.map_err(|error| self.shared.bucket(operation).adopt(error))? {
            Some((copy, on_hold)) => hold_copy(self, copy, on_hold).await,
            None => copy_through(self, reference, options).await,
        }
    }

    /// Changes retention, user and hold of media, by conditional writes: six requests if its bytes are
    /// shared, three if not, and more if retention or user change.
    ///
    /// A deletion or a sweep that read the metadata before a hold was acknowledged may still delete the
    /// media. Media on hold can be changed after it has expired.
    ///
    /// # Errors
    /// [`Unsupported`](media_storage::StorageErrorKind::Unsupported) in a bucket that is used by the first
    /// protocol, for media of the first protocol, and without conditional writes.
    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        self.shared.check_writable(Operation::Update)?;
        let updated = operation::update(&self.shared, reference, &patch).await;
        updated.map_err(|error| self.shared.bucket(Operation::Update).adopt(error))
    }

    /// Deletes at most 32 references at the same time.
    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let deletions: Vec<_> = references
            .iter()
            .map(|reference| self.delete_opts(reference, options.clone()))
            .collect();
        futures_util::stream::iter(deletions)
            .buffered(DELETIONS_AT_ONCE)
            .collect()
            .await
    }

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        let signer: &dyn UrlSigner = self;
        self.shared.signer.as_ref().map(|_| signer)
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
