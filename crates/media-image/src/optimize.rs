//! [`Optimized`].

use async_trait::async_trait;
use bytes::Bytes;
use media_storage::{
    DeleteOptions, MediaMetadata, MediaStorage, MediaUpload, RetrieveOptions, StorageError,
};
use media_types::readable::causes;
use media_types::{MediaType, Mime, StorageReference};

use crate::format::ImageFormat;
use crate::probe::{ImageInfo, is_lossless_webp};
use crate::profile::Profile;
use crate::render::{FitOutcome, FittedImage};
use crate::renditions::{OpenImage, RenditionError, Renditions};

/// A store that makes images fit a profile when they are stored, for uploads that need not stay as they are.
///
/// An image becomes another one of its own type: turned as it is shown, without metadata, and within the
/// profile, with 8 bits a channel where it is scaled or turned. Animations, and WebP that was written with loss,
/// only lose their metadata, and only where they are within the profile without it. What cannot be made to fit is
/// stored as it is: other media, types that cannot be written, images that would have to become smaller than
/// the profile says to have no more bytes than before, images beyond the limits of the workers, damaged ones; so is
/// media with an expected hash. The formats of the profile are not used.
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
            tracing::warn!(error = %causes(&error), "the original of an image stays until it expires");
        }
        Ok(Some(fitted))
    }

    /// Returns the bytes of an image of the same type that fits, if there is one and it is another.
    async fn fitted(
        &self,
        original: &StorageReference,
        mime: &Mime,
    ) -> Result<Option<Bytes>, StorageError> {
        match self.replacement(original, mime).await {
            Ok(bytes) => Ok(bytes),
            Err(RenditionError::Image(error)) => {
                tracing::debug!(error = %causes(&error), "an image is stored as it is");
                Ok(None)
            }
            Err(RenditionError::Storage(error)) => Err(error),
        }
    }

    async fn replacement(
        &self,
        original: &StorageReference,
        mime: &Mime,
    ) -> Result<Option<Bytes>, RenditionError> {
        let store = self.inner.inner();
        let opening = store.retrieve_opts(original, RetrieveOptions::new());
        let image = OpenImage::open(self.inner.workers(), opening).await?;
        let format = image.format;
        if format.mime() != *mime {
            return Ok(None);
        }
        let profile = self.profile.clone().with_formats([format]);
        let image = image.read().await?;
        let (info, size) = (image.info, image.bytes.len() as u64);
        let can_be_written = can_be_written(&info, &image.bytes);
        // What cannot be written may fit without its metadata.
        if !can_be_written && !profile.is_met_by(&info, 0) {
            return Ok(None);
        }
        let fitted = image.fit(profile).await?;
        let is_taken = match fitted.outcome {
            FitOutcome::Unchanged => false,
            FitOutcome::Stripped => true,
            FitOutcome::Rendered => {
                can_be_written && is_as_large_as_permitted(&fitted, &info, &self.profile, size)
            }
        };
        Ok((is_taken && fitted.format == format).then_some(fitted.bytes))
    }
}

/// Whether writing an image again keeps what it shows. Only one frame is written, and WebP only without loss:
/// a photo would have to become far smaller to have no more bytes than before.
fn can_be_written(info: &ImageInfo, bytes: &[u8]) -> bool {
    match info.format {
        _ if info.is_animated() => false,
        ImageFormat::WebP => is_lossless_webp(bytes),
        _ => true,
    }
}

/// Whether nothing but the profile made an image smaller. What has more bytes than the original once it is
/// written again is made smaller too.
fn is_as_large_as_permitted(
    fitted: &FittedImage,
    info: &ImageInfo,
    profile: &Profile,
    original: u64,
) -> bool {
    let edge = profile.longest_edge().unwrap_or(u32::MAX);
    let has_too_many_bytes = profile.max_bytes().is_some_and(|limit| limit < original);
    has_too_many_bytes || fitted.width.max(fitted.height) == edge.min(info.longest_edge())
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
                tracing::debug!(error = %causes(&error), "an image has no rendition that fits");
            }
            return Ok(original);
        }
        match self.replace(&original, mime, metadata).await {
            Ok(fitted) => Ok(fitted.unwrap_or(original)),
            Err(error) => {
                tracing::warn!(error = %causes(&error), "an image is stored as it is");
                Ok(original)
            }
        }
    }
}
