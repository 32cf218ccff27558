//! The trait that a backend implements, and its inputs and outputs.

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

/// A store of media items.
///
/// Backends implement this trait. Callers usually use the methods of
/// [`MediaStorageExt`](crate::MediaStorageExt), which every implementation has.
///
/// # Contract
/// - `store` returns a reference only after the media is complete and as durable as the store promises.
///   If it fails, or its future is dropped before it returns, nothing that it wrote stays visible,
///   except that a future dropped at the moment of success may leave media that a sweep or the
///   deletion of a scope finds.
/// - Each `store` creates a new reference, even for bytes that are stored already. Deleting one
///   reference never affects another.
/// - The reference has size and SHA-256, the name of the backend, and the name of the store. A store that
///   keeps hashes secret leaves the SHA-256 out.
/// - `retrieve_opts` returns bytes, type and metadata as they were stored, or an error, but never other
///   bytes. Deleted and expired media is `NotFound`. A reference that belongs to another backend or
///   store, is malformed, or differs from the stored media in size or hash is `InvalidRef`.
/// - An `expected_scope` is checked against the stored metadata, never against the reference. Media
///   outside of it is `NotFound`, and is not deleted. If the stored metadata is damaged, so that its
///   scope is unknown, reads and deletions with an expected scope fail with `Corrupted`.
/// - `delete_opts` is idempotent: it succeeds for deleted media, unless a scope is expected.
/// - Ids in metadata are data. Whatever they contain, different ids never collide, and none names
///   anything outside of the store.
/// - All methods may be called concurrently by any number of tasks. Handles are cheap to clone.
///
/// The crate `media-storage-testkit` has a test for each of these rules.
///
/// A wrapper should forward all methods, including the provided ones, with
/// [`forward_storage`](crate::forward_storage), and be marked with
/// `#[deny(clippy::missing_trait_methods)]` so that later methods are not forgotten.
#[async_trait]
pub trait MediaStorage: Debug + Send + Sync + 'static {
    /// Returns the name of this kind of store in references: `file`, `s3`, `gcs`, `azure`, `memory`.
    fn backend(&self) -> &str;

    /// Returns the name that references carry, if several stores of one kind are used.
    fn name(&self) -> Option<&str> {
        None
    }

    /// Stores media and returns its reference.
    ///
    /// # Errors
    /// `InvalidInput` (invalid base64, wrong length, a missing id), `TooLarge`, `DiskSpace`, `Permission`,
    /// `Unavailable`.
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

    /// Deletes a reference.
    ///
    /// # Errors
    /// `InvalidRef`, `Held`, `Permission`, `Unavailable`. With an expected scope, also `NotFound`, and
    /// `Corrupted` if the stored metadata is damaged.
    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError>;

    /// Creates another reference to stored media, with metadata of its own.
    ///
    /// The source is admitted as by [`retrieve_opts`](Self::retrieve_opts). The copy is independent
    /// of the source, except that it expires no later, and is on hold if the source is. The default
    /// implementation reads the bytes and stores them again; stores that can share bytes do not read
    /// them, and so do not verify them either: damaged media stays damaged in the copy.
    ///
    /// # Errors
    /// As [`retrieve_opts`](Self::retrieve_opts) and [`store`](Self::store), and for media on hold as
    /// [`update`](Self::update).
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
    /// `Unsupported` by default; otherwise as [`retrieve_opts`](Self::retrieve_opts). Nothing is changed on an
    /// error, except that after `Unavailable` the change may have been made.
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
    /// A failure does not affect the other references. The default implementation deletes one after the
    /// other.
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

    /// Returns the capability to sign URLs, if the store has it.
    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        None
    }

    /// Returns the capability to list, sum up and sweep, if the store has it.
    fn inventory(&self) -> Option<&dyn Inventory> {
        None
    }

    /// Returns the capability to verify what is stored, if the store has it.
    fn verifier(&self) -> Option<&dyn Verifier> {
        None
    }

    /// Returns the capability to import media under a given id, if the store has it.
    fn importer(&self) -> Option<&dyn Importer> {
        None
    }
}

macro_rules! forward_all {
    ($type:ty) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: MediaStorage + ?Sized> MediaStorage for $type {
            forward_storage!(
                self => self.as_ref();
                backend, name, store, retrieve_opts, delete_opts, duplicate, update, delete_many,
                url_signer, inventory, verifier, importer,
            );
        }
    };
}

forward_all!(Arc<T>);
forward_all!(Box<T>);

/// Duplicates media by reading it and storing it again, as [`MediaStorage::duplicate`] does by default. A
/// store that shares bytes uses this where it cannot share.
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
    let copy = store.store(upload).await?;
    hold_copy(store, copy, stored.on_hold).await
}

/// Puts a copy on hold, if its source is. It is stored before, so that a copy of which nobody learns can be deleted.
///
/// # Errors
/// As [`MediaStorage::update`]. The copy is deleted then, if it is not on hold.
pub async fn hold_copy<S: MediaStorage + ?Sized>(
    store: &S,
    copy: StorageReference,
    on_hold: bool,
) -> Result<StorageReference, StorageError> {
    if !on_hold {
        return Ok(copy);
    }
    let patch = MetadataPatch::new().with_hold(true);
    match store.update(&copy, patch).await {
        Ok(()) => Ok(copy),
        Err(error) => {
            let _ = store.delete_opts(&copy, DeleteOptions::new()).await;
            Err(error.with_operation(Operation::Duplicate))
        }
    }
}

/// A media item to be stored.
#[derive(Debug)]
pub struct MediaUpload {
    mime: Mime,
    body: MediaBody,
    metadata: MediaMetadata,
    expected_sha256: Option<Sha256>,
}

impl MediaUpload {
    /// Creates an upload from type, body and metadata.
    pub fn new(mime: Mime, body: impl Into<MediaBody>, metadata: MediaMetadata) -> Self {
        Self {
            mime,
            body: body.into(),
            metadata,
            expected_sha256: None,
        }
    }

    /// Sets the hash that the body must have; otherwise storing fails with `InvalidInput`. A store may use it
    /// to look for equal bytes first, but reads and hashes the body in any case. Defaults to any hash.
    #[must_use]
    pub fn with_expected_sha256(mut self, sha256: Sha256) -> Self {
        self.expected_sha256 = Some(sha256);
        self
    }

    /// Returns the MIME type.
    pub fn mime(&self) -> &Mime {
        &self.mime
    }

    /// Returns the metadata.
    pub fn metadata(&self) -> &MediaMetadata {
        &self.metadata
    }

    /// Returns the body.
    pub fn body(&self) -> &MediaBody {
        &self.body
    }

    /// Returns the hash that the body must have.
    pub fn expected_sha256(&self) -> Option<Sha256> {
        self.expected_sha256
    }

    /// Replaces the body, for wrappers that observe or change it.
    #[must_use]
    pub fn map_body(mut self, change: impl FnOnce(MediaBody) -> MediaBody) -> Self {
        self.body = change(self.body);
        self
    }

    /// Returns everything that the upload consists of, for stores, and for wrappers that change it and make
    /// [an upload](From) of it again.
    pub fn into_parts(self) -> UploadParts {
        UploadParts {
            mime: self.mime,
            body: self.body,
            metadata: self.metadata,
            expected_sha256: self.expected_sha256,
        }
    }
}

impl From<UploadParts> for MediaUpload {
    fn from(parts: UploadParts) -> Self {
        Self {
            mime: parts.mime,
            body: parts.body,
            metadata: parts.metadata,
            expected_sha256: parts.expected_sha256,
        }
    }
}

/// What a [`MediaUpload`] consists of.
#[derive(Debug)]
#[non_exhaustive]
pub struct UploadParts {
    /// MIME type.
    pub mime: Mime,
    /// The body.
    pub body: MediaBody,
    /// The metadata.
    pub metadata: MediaMetadata,
    /// The hash that the body must have; any if it is `None`.
    pub expected_sha256: Option<Sha256>,
}

/// A stored media item that was opened.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoredMedia {
    /// MIME type that the media was stored with.
    pub mime: Mime,
    /// Metadata that the media was stored with.
    pub metadata: MediaMetadata,
    /// Size of the whole media in bytes, even if only a range was requested.
    pub size: u64,
    /// SHA-256 of the whole media; unknown only for media that another system stored.
    pub sha256: Option<Sha256>,
    /// Time of store, by the clock of the store; unknown only if the sidecar is lost.
    pub stored_at: Option<DateTime<Utc>>,
    /// Whether the media is on hold.
    pub on_hold: bool,
    /// The requested bytes; empty if only the head was requested.
    pub body: MediaBody,
    expires_at: Option<DateTime<Utc>>,
}

impl StoredMedia {
    /// Creates media from type, size and body.
    pub fn new(mime: Mime, size: u64, body: MediaBody) -> Self {
        Self {
            mime,
            metadata: MediaMetadata::new(),
            size,
            sha256: None,
            stored_at: None,
            on_hold: false,
            body,
            expires_at: None,
        }
    }

    /// Sets the metadata. Defaults to none.
    #[must_use]
    pub fn with_metadata(mut self, metadata: MediaMetadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sets the SHA-256. Defaults to unknown.
    #[must_use]
    pub fn with_sha256(mut self, sha256: Sha256) -> Self {
        self.sha256 = Some(sha256);
        self
    }

    /// Sets the time of store. Defaults to unknown.
    #[must_use]
    pub fn with_stored_at(mut self, at: DateTime<Utc>) -> Self {
        self.stored_at = Some(at);
        self
    }

    /// Sets whether the media is on hold. Defaults to `false`.
    #[must_use]
    pub fn with_hold(mut self, on_hold: bool) -> Self {
        self.on_hold = on_hold;
        self
    }

    /// Sets when the media expires. Defaults to what retention and time of store say.
    #[must_use]
    pub fn with_expires_at(mut self, at: Option<DateTime<Utc>>) -> Self {
        self.expires_at = at;
        self
    }

    /// Returns when the media expires, or `None` if it does not.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        let by_retention = self
            .metadata
            .retention()
            .zip(self.stored_at)
            .and_then(|(retention, at)| retention.expires_at(at));
        earlier(self.expires_at, by_retention)
    }
}
