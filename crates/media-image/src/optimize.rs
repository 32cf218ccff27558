//! [`Optimized`].

use async_trait::async_trait;
use bytes::Bytes;
use media_storage::{
    DeleteOptions, MediaMetadata, MediaStorage, MediaUpload, RetrieveOptions, StorageError,
};
use media_types::{MediaType, Mime, StorageReference};

use crate::profile::Profile;
use crate::render::FitOutcome;
use crate::renditions::{OpenImage, RenditionError, Renditions};

/// A store that makes images fit a profile when they are stored, for uploads that need not stay as they are.
///
/// An image becomes another one of its own type: turned as it is shown, without metadata, and within the
/// profile. What cannot be made to fit is stored as it is: other media, animations, types that cannot be
/// written, images beyond the limits of the workers, damaged ones; so is media with an expected hash. The
/// formats of the profile are not used.
///
/// The upload is stored first, so that a slow client holds no memory, and replaced then: by default, only
/// the image that fits stays. With [`with_originals`](Self::with_originals) the original stays, and its
/// rendition by the profile is made at once.
///
/// ```
/// use media_image::{Optimized, Profile, Renditions};
/// use media_storage::MediaStorage;
///
/// fn for_uploads<S: MediaStorage>(store: Renditions<S>) -> Optimized<S> {
///     let profile = Profile::new().with_longest_edge(2560).with_max_bytes(4 << 20);
///     Optimized::new(store, profile)
/// }
/// ```
///
/// Cheap to clone if the store is.
#[derive(Clone, Debug)]
pub struct Optimized<S> {
    inner: Renditions<S>,
    profile: Profile,
    originals: bool,
}

impl<S: MediaStorage> Optimized<S> {
    /// Wraps a store.
    pub fn new(inner: Renditions<S>, profile: Profile) -> Self {
        Self {
            inner,
            profile,
            originals: false,
        }
    }

    /// Sets whether originals are kept, with what fits as their rendition. Defaults to false.
    #[must_use]
    pub fn with_originals(mut self, kept: bool) -> Self {
        self.originals = kept;
        self
    }

    /// Returns the wrapped store.
    pub fn inner(&self) -> &Renditions<S> {
        &self.inner
    }

    /// Replaces an image that was stored. Returns `None` if it stays.
    async fn replace(
        &self,
        original: &StorageReference,
        mime: Mime,
        metadata: MediaMetadata,
    ) -> Result<Option<StorageReference>, StorageError> {
        let Some(bytes) = self.fitted(original, &mime).await? else {
            return Ok(None);
        };
        let upload = MediaUpload::new(mime, bytes, metadata);
        let fitted = self.inner.store(upload).await?;
        let deleted = self.inner.delete_opts(original, DeleteOptions::new()).await;
        if let Err(error) = deleted {
            tracing::warn!(%error, "the original of an image stays until it expires");
        }
        Ok(Some(fitted))
    }

    /// Returns the bytes of an image of the same type that fits, if there is one and it is another.
    async fn fitted(
        &self,
        original: &StorageReference,
        mime: &Mime,
    ) -> Result<Option<Bytes>, StorageError> {
        let store = self.inner.inner();
        let opening = store.retrieve_opts(original, RetrieveOptions::new());
        let image = match OpenImage::open(self.inner.workers(), opening).await {
            Ok(image) if image.format.mime() == *mime => image,
            Ok(_) | Err(RenditionError::Image(_)) => return Ok(None),
            Err(RenditionError::Storage(error)) => return Err(error),
        };
        let format = image.format;
        match image.fit(self.profile.clone().with_formats([format])).await {
            Ok(image) if image.format == format && image.outcome != FitOutcome::Unchanged => {
                Ok(Some(image.bytes))
            }
            Ok(_) => Ok(None),
            Err(RenditionError::Image(error)) => {
                tracing::debug!(%error, "an image is stored as it is");
                Ok(None)
            }
            Err(RenditionError::Storage(error)) => Err(error),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for Optimized<S> {
    media_storage::forward_storage!(
        self => self.inner;
        backend, name, retrieve_opts, delete_opts, duplicate, update, delete_many,
        url_signer, inventory, verifier, importer,
    );

    /// Stores an upload, and makes it fit. If the future is dropped, the original or what fits may stay
    /// until it expires.
    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let is_image = upload.mime().media_type() == MediaType::Image;
        if !is_image || upload.expected_sha256().is_some() {
            return self.inner.store(upload).await;
        }
        let (mime, metadata) = (upload.mime().clone(), upload.metadata().clone());
        let original = self.inner.store(upload).await?;
        if self.originals {
            let made = self.inner.rendition(&original, &self.profile, None).await;
            if let Err(error) = made {
                tracing::debug!(%error, "an image has no rendition that fits");
            }
            return Ok(original);
        }
        match self.replace(&original, mime, metadata).await {
            Ok(fitted) => Ok(fitted.unwrap_or(original)),
            Err(error) => {
                tracing::warn!(%error, "an image is stored as it is");
                Ok(original)
            }
        }
    }
}
