//! Methods for callers, in terms of [`MediaStorage`].

use bytes::Bytes;
use media_types::{MediaContent, MediaSource, Mime, StorageReference};

use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::metadata::MediaMetadata;
use crate::options::{DeleteOptions, RetrieveOptions};
use crate::storage::{MediaStorage, MediaUpload, StoredMedia};

/// Methods that every [`MediaStorage`] has, including `dyn MediaStorage`. Not meant to be implemented.
///
/// ```
/// use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
/// use media_types::Mime;
///
/// # async fn run() -> Result<(), media_storage::StorageError> {
/// let store = InMemoryStorage::new();
/// let reference = store.store_bytes(Mime::IMAGE_PNG, "bytes", MediaMetadata::new()).await?;
/// assert_eq!(store.retrieve_bytes(&reference, 1024).await?, "bytes");
/// store.delete(&reference).await?;
/// # Ok(())
/// # }
/// ```
pub trait MediaStorageExt: MediaStorage {
    /// Opens stored media, with the verification that the store is configured with.
    ///
    /// # Errors
    /// As [`MediaStorage::retrieve_opts`].
    fn retrieve(
        &self,
        reference: &StorageReference,
    ) -> impl Future<Output = Result<StoredMedia, StorageError>> + Send {
        async move { self.retrieve_opts(reference, RetrieveOptions::new()).await }
    }

    /// Deletes a reference. Succeeds if it was deleted before.
    ///
    /// # Errors
    /// As [`MediaStorage::delete_opts`].
    fn delete(
        &self,
        reference: &StorageReference,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        async move { self.delete_opts(reference, DeleteOptions::new()).await }
    }

    /// Stores inline content. Its file name is added to the metadata unless that has one.
    ///
    /// # Errors
    /// `InvalidInput` for content that is not inline; otherwise as [`MediaStorage::store`].
    fn store_media(
        &self,
        content: &MediaContent,
        metadata: MediaMetadata,
    ) -> impl Future<Output = Result<StorageReference, StorageError>> + Send {
        let upload = match content.source() {
            MediaSource::Inline(bytes) => {
                let metadata = match (metadata.filename(), content.filename()) {
                    (None, Some(name)) => metadata.with_filename(name.to_owned()),
                    _ => metadata,
                };
                Ok(MediaUpload::new(
                    content.mime().clone(),
                    bytes.clone(),
                    metadata,
                ))
            }
            _ => Err(
                StorageError::new(StorageErrorKind::InvalidInput, Operation::Store)
                    .with_backend(self.backend().to_owned())
                    .with_reason("only inline content can be stored"),
            ),
        };
        async move { self.store(upload?).await }
    }

    /// Stores bytes.
    ///
    /// # Errors
    /// As [`MediaStorage::store`].
    fn store_bytes(
        &self,
        mime: Mime,
        bytes: impl Into<Bytes>,
        metadata: MediaMetadata,
    ) -> impl Future<Output = Result<StorageReference, StorageError>> + Send {
        self.store(MediaUpload::new(mime, bytes.into(), metadata))
    }

    /// Reads stored media into inline content, verified.
    ///
    /// # Errors
    /// `TooLarge` above `limit` bytes; otherwise as [`MediaStorage::retrieve_opts`].
    fn retrieve_media(
        &self,
        reference: &StorageReference,
        limit: u64,
    ) -> impl Future<Output = Result<MediaContent, StorageError>> + Send {
        async move {
            let stored = self.retrieve(reference).await?;
            let bytes = stored.body.bytes(limit).await?;
            let content = MediaContent::from_bytes(stored.mime, bytes);
            Ok(match stored.metadata.filename() {
                Some(name) => content.with_filename(name),
                None => content,
            })
        }
    }

    /// Reads stored media into memory, verified.
    ///
    /// # Errors
    /// `TooLarge` above `limit` bytes; otherwise as [`MediaStorage::retrieve_opts`].
    fn retrieve_bytes(
        &self,
        reference: &StorageReference,
        limit: u64,
    ) -> impl Future<Output = Result<Bytes, StorageError>> + Send {
        async move { self.retrieve(reference).await?.body.bytes(limit).await }
    }

    /// Opens the last bytes of stored media, or all of them if there are fewer. Costs a read of the head
    /// for a reference without a size.
    ///
    /// # Errors
    /// As [`MediaStorage::retrieve_opts`].
    fn retrieve_suffix(
        &self,
        reference: &StorageReference,
        len: u64,
    ) -> impl Future<Output = Result<StoredMedia, StorageError>> + Send {
        async move {
            let size = match reference.size() {
                Some(size) => size,
                None => self.head(reference).await?.size,
            };
            let range = size.saturating_sub(len)..size;
            let options = RetrieveOptions::new().with_range(range);
            self.retrieve_opts(reference, options).await
        }
    }

    /// Returns type, size, metadata and times of stored media, without its bytes.
    ///
    /// # Errors
    /// As [`MediaStorage::retrieve_opts`].
    fn head(
        &self,
        reference: &StorageReference,
    ) -> impl Future<Output = Result<StoredMedia, StorageError>> + Send {
        let options = RetrieveOptions::new().with_head();
        async move { self.retrieve_opts(reference, options).await }
    }

    /// Returns whether stored media can be retrieved: `false` after it was deleted or has expired.
    ///
    /// # Errors
    /// As [`MediaStorage::retrieve_opts`], except `NotFound`.
    fn exists(
        &self,
        reference: &StorageReference,
    ) -> impl Future<Output = Result<bool, StorageError>> + Send {
        async move {
            match self.head(reference).await {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            }
        }
    }
}

impl<T: MediaStorage + ?Sized> MediaStorageExt for T {}
