//! The trait that a backend implements, and what goes in and out of it.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use media_types::{Mime, Sha256, StorageReference};

use crate::body::MediaBody;
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::importer::Importer;
use crate::inventory::Inventory;
use crate::metadata::{MediaMetadata, earlier};
use crate::options::{DeleteOptions, DuplicateOptions, MetadataPatch, RetrieveOptions};
use crate::signer::UrlSigner;
use crate::verifier::Verifier;

/// A place that keeps media.
///
/// This is what a backend implements; what callers usually want is in
/// [`MediaStorageExt`](crate::MediaStorageExt), which every implementor has.
///
/// # Contract
/// - `store` returns a reference only when the media is whole and as durable as the store
///   promises. When it fails, or its future is dropped before it returned, nothing that it wrote
///   stays visible, except that a future dropped in the very moment of success may leave media
///   that a sweep or a scope deletion finds.
/// - Each `store` makes a reference of its own, also for bytes that are there already. Deleting
///   one reference never affects another.
/// - The reference carries size and SHA-256, the backend's word and the store's name.
/// - `retrieve_opts` gives the bytes, type and metadata as they were stored, or an error; never
///   other bytes. Deleted and expired media is `NotFound`. A reference of another backend or
///   store, malformed, or unlike the stored media in size or hash is `InvalidRef`.
/// - An `expected_scope` is checked against the metadata that was stored, never against the
///   reference; media outside it is `NotFound`, and is not deleted.
/// - `delete_opts` is idempotent: media that is gone is no error, unless a scope is expected.
/// - Ids in metadata are data; whatever they contain, they never clash and never name anything
///   outside the store.
/// - All methods may be called at once from any number of tasks. Handles are cheap to clone.
///
/// The crate `media-storage-testkit` has a test for each of these.
///
/// A wrapper should forward all methods, the provided ones too, and say
/// `#[deny(clippy::missing_trait_methods)]` so that it keeps doing so.
#[async_trait]
pub trait MediaStorage: Debug + Send + Sync + 'static {
    /// The word for this kind of store in references: `file`, `s3`, `gcs`, `azure`, `memory`.
    fn backend(&self) -> &str;

    /// The name that references carry, where several stores of a kind are in use.
    fn name(&self) -> Option<&str> {
        None
    }

    /// Stores media and returns the reference that stands for it.
    ///
    /// # Errors
    /// `InvalidInput` (bad base64, wrong length, a missing id), `TooLarge`, `DiskSpace`,
    /// `Permission`, `Unavailable`.
    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError>;

    /// Opens stored media.
    ///
    /// # Errors
    /// `NotFound`, `InvalidRef`, `Corrupted`, `Permission`, `Unavailable`.
    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError>;

    /// Deletes one reference.
    ///
    /// # Errors
    /// `InvalidRef`, `Permission`, `Unavailable`; `NotFound` only where a scope is expected.
    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError>;

    /// Creates another reference to stored media, with metadata of its own.
    ///
    /// The source is admitted as by [`retrieve_opts`](Self::retrieve_opts). The copy is independent
    /// of the source, except that it expires no later. The default implementation reads the bytes
    /// and stores them again; stores that can share bytes do not read them, and so do not verify
    /// them either: damaged media stays damaged in the copy.
    ///
    /// # Errors
    /// As [`retrieve_opts`](Self::retrieve_opts) and [`store`](Self::store).
    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        copy_through(self, reference, options).await
    }

    /// Changes the metadata of stored media.
    ///
    /// # Errors
    /// `Unsupported` where the store cannot do this, which is the default; otherwise as
    /// [`retrieve_opts`](Self::retrieve_opts). Nothing is changed on an error, except that after
    /// `Unavailable` the change may have been made.
    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        let _ = patch;
        Err(
            StorageError::new(StorageErrorKind::Unsupported, Operation::Update)
                .with_backend(self.backend().to_owned())
                .with_key(reference.id())
                .with_reason("the store cannot change metadata"),
        )
    }

    /// Deletes several references. The results are in the order of the references.
    ///
    /// One failure does not keep the others from being deleted. The default implementation deletes
    /// one after the other.
    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let mut results = Vec::with_capacity(references.len());
        for reference in references {
            results.push(self.delete_opts(reference, options.clone()).await);
        }
        results
    }

    /// The ability to sign URLs, where the store has it.
    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        None
    }

    /// The ability to list, sum up and sweep, where the store has it.
    fn inventory(&self) -> Option<&dyn Inventory> {
        None
    }

    /// The ability to check what is stored, where the store has it.
    fn verifier(&self) -> Option<&dyn Verifier> {
        None
    }

    /// The ability to take media over under a given id, where the store has it.
    fn importer(&self) -> Option<&dyn Importer> {
        None
    }
}

macro_rules! forward {
    ($type:ty) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: MediaStorage + ?Sized> MediaStorage for $type {
            fn backend(&self) -> &str {
                self.as_ref().backend()
            }
            fn name(&self) -> Option<&str> {
                self.as_ref().name()
            }
            async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
                self.as_ref().store(upload).await
            }
            async fn retrieve_opts(
                &self,
                reference: &StorageReference,
                options: RetrieveOptions,
            ) -> Result<StoredMedia, StorageError> {
                self.as_ref().retrieve_opts(reference, options).await
            }
            async fn delete_opts(
                &self,
                reference: &StorageReference,
                options: DeleteOptions,
            ) -> Result<(), StorageError> {
                self.as_ref().delete_opts(reference, options).await
            }
            async fn duplicate(
                &self,
                reference: &StorageReference,
                options: DuplicateOptions,
            ) -> Result<StorageReference, StorageError> {
                self.as_ref().duplicate(reference, options).await
            }

            async fn update(
                &self,
                reference: &StorageReference,
                patch: MetadataPatch,
            ) -> Result<(), StorageError> {
                self.as_ref().update(reference, patch).await
            }

            async fn delete_many(
                &self,
                references: &[StorageReference],
                options: DeleteOptions,
            ) -> Vec<Result<(), StorageError>> {
                self.as_ref().delete_many(references, options).await
            }

            fn url_signer(&self) -> Option<&dyn UrlSigner> {
                self.as_ref().url_signer()
            }
            fn inventory(&self) -> Option<&dyn Inventory> {
                self.as_ref().inventory()
            }
            fn verifier(&self) -> Option<&dyn Verifier> {
                self.as_ref().verifier()
            }
            fn importer(&self) -> Option<&dyn Importer> {
                self.as_ref().importer()
            }
        }
    };
}

forward!(Arc<T>);
forward!(Box<T>);

/// Duplicates media by reading it and storing it again, as [`MediaStorage::duplicate`] does by
/// default. A store that shares bytes falls back to this where it cannot share.
///
/// # Errors
/// As [`MediaStorage::duplicate`].
pub async fn copy_through<S: MediaStorage + ?Sized>(
    store: &S,
    reference: &StorageReference,
    options: DuplicateOptions,
) -> Result<StorageReference, StorageError> {
    let mut retrieve = RetrieveOptions::new();
    if let Some(scope) = options.expected_scope() {
        retrieve = retrieve.with_expected_scope(scope.clone());
    }
    let stored = store.retrieve_opts(reference, retrieve).await?;
    let expires_at = stored.expires_at();
    let metadata = options.metadata().clone();
    let metadata = metadata.for_copy_of(&stored.metadata, expires_at);
    let body = MediaBody::from_stream(Some(stored.size), stored.body.into_stream());
    let mut upload = MediaUpload::new(stored.mime, body, metadata);
    if let Some(sha256) = stored.sha256 {
        upload = upload.with_expected_sha256(sha256);
    }
    store.store(upload).await
}

/// Media to be stored.
#[derive(Debug)]
pub struct MediaUpload {
    mime: Mime,
    body: MediaBody,
    metadata: MediaMetadata,
    expected_sha256: Option<Sha256>,
}

impl MediaUpload {
    /// A body with its type and what is said about it.
    pub fn new(mime: Mime, body: impl Into<MediaBody>, metadata: MediaMetadata) -> Self {
        Self {
            mime,
            body: body.into(),
            metadata,
            expected_sha256: None,
        }
    }

    /// The body must have this hash, else nothing is stored (`InvalidInput`). A store may use it to
    /// look for a duplicate first; it reads and hashes the body all the same. Default: any hash.
    #[must_use]
    pub fn with_expected_sha256(mut self, sha256: Sha256) -> Self {
        self.expected_sha256 = Some(sha256);
        self
    }

    /// The type.
    pub fn mime(&self) -> &Mime {
        &self.mime
    }

    /// What is said about the media.
    pub fn metadata(&self) -> &MediaMetadata {
        &self.metadata
    }

    /// The body.
    pub fn body(&self) -> &MediaBody {
        &self.body
    }

    /// The hash that the body must have.
    pub fn expected_sha256(&self) -> Option<Sha256> {
        self.expected_sha256
    }

    /// The same upload with another body, for wrappers that watch or change it.
    #[must_use]
    pub fn map_body(mut self, change: impl FnOnce(MediaBody) -> MediaBody) -> Self {
        self.body = change(self.body);
        self
    }

    /// Takes the upload apart: type, body, metadata, expected hash.
    pub fn into_parts(self) -> (Mime, MediaBody, MediaMetadata, Option<Sha256>) {
        (self.mime, self.body, self.metadata, self.expected_sha256)
    }
}

/// Media as it was stored.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoredMedia {
    /// The type that it was stored with.
    pub mime: Mime,
    /// What was said about it.
    pub metadata: MediaMetadata,
    /// Size of the whole media in bytes, also when a range was asked for.
    pub size: u64,
    /// Hash of the whole media; unknown only where a store holds media of other systems.
    pub sha256: Option<Sha256>,
    /// When it was stored, by the store's clock; unknown only where the record of it is lost.
    pub stored_at: Option<DateTime<Utc>>,
    /// The bytes that were asked for; none when only the head was.
    pub body: MediaBody,
    expires_at: Option<DateTime<Utc>>,
}

impl StoredMedia {
    /// Media of a type and a size; the rest is set by the `with_*` methods.
    pub fn new(mime: Mime, size: u64, body: MediaBody) -> Self {
        Self {
            mime,
            metadata: MediaMetadata::new(),
            size,
            sha256: None,
            stored_at: None,
            body,
            expires_at: None,
        }
    }

    /// Sets what was said about it. Default: nothing.
    #[must_use]
    pub fn with_metadata(mut self, metadata: MediaMetadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sets the hash. Default: unknown.
    #[must_use]
    pub fn with_sha256(mut self, sha256: Sha256) -> Self {
        self.sha256 = Some(sha256);
        self
    }

    /// Sets when it was stored. Default: unknown.
    #[must_use]
    pub fn with_stored_at(mut self, at: DateTime<Utc>) -> Self {
        self.stored_at = Some(at);
        self
    }

    /// Sets when it expires. Defaults to what its retention and the time of store say.
    #[must_use]
    pub fn with_expires_at(mut self, at: Option<DateTime<Utc>>) -> Self {
        self.expires_at = at;
        self
    }

    /// Returns when it expires, or `None` if it does not.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        let by_retention = self
            .metadata
            .retention()
            .zip(self.stored_at)
            .and_then(|(retention, at)| retention.expires_at(at));
        earlier(self.expires_at, by_retention)
    }
}
