//! [`RenditionFitter`].

use async_trait::async_trait;
use media_image::{
    ImageErrorKind, ImageFormat, ImageInfo, PROBE_LEN, Profile, RenditionError, Renditions, probe,
};
use media_storage::{MediaStorage, RetrieveOptions, Scope};
use media_types::readable::causes;
use media_types::{MediaContent, MediaSource, StorageReference};

use super::known::{Known, KnownImages};
use crate::media::{ImageFitter, ImageNeeds};

/// Makes images fit what a model takes or a page shows, as renditions that are kept beside the stored images.
///
/// Whoever stores the images must store them through the same [`Renditions`], so that renditions end with
/// their images: a manager of conversations gets both.
///
/// ```
/// use std::sync::Arc;
///
/// use conversation_providers::{MediaContext, RenditionFitter};
/// use media_image::{ImageWorkers, Renditions};
/// use media_storage::InMemoryStorage;
///
/// let images = Renditions::new(InMemoryStorage::new(), ImageWorkers::default());
/// let fitter = Arc::new(RenditionFitter::new(images.clone()));
/// let media = MediaContext::default().with_image_fitter(fitter);
/// # let _ = media;
/// ```
///
/// Dimensions that a message does not say are read from the first 256 KiB of an image, once for each
/// process. Images that cannot be read are left to the planner.
#[derive(Debug)]
pub struct RenditionFitter<S> {
    renditions: Renditions<S>,
    known: KnownImages,
}

impl<S: MediaStorage> RenditionFitter<S> {
    /// Creates a fitter of the images of a store.
    pub fn new(renditions: Renditions<S>) -> Self {
        Self {
            renditions,
            known: KnownImages::default(),
        }
    }

    async fn stored(
        &self,
        reference: &StorageReference,
        profile: &Profile,
        scope: Option<&Scope>,
    ) -> Option<MediaContent> {
        let id = reference.id();
        match self.header(reference, scope).await? {
            Header::Info(info) if profile.is_met_by(&info, reference.size()?) => return None,
            Header::Info(_) | Header::Later => {}
        }
        if self.known.has_none(id, profile) {
            return None;
        }
        let made = self.renditions.rendition(reference, profile, scope).await;
        match made {
            // The original itself.
            Ok(content) if content.reference() == Some(reference) => {
                self.known.note_none(id, profile);
                None
            }
            Ok(content) => Some(content),
            Err(error) => {
                tracing::debug!(error = %causes(&error), "an image was not made to fit");
                if let RenditionError::Image(error) = error {
                    self.note(id, profile, error.kind());
                }
                None
            }
        }
    }

    /// Notes that an image was not made to fit a profile, so that it is not tried again.
    fn note(&self, id: &str, profile: &Profile, kind: ImageErrorKind) {
        use ImageErrorKind::{Malformed, Truncated, UnknownFormat, Unsupported};
        match kind {
            UnknownFormat | Malformed | Truncated | Unsupported => {
                self.known.note(id, Known::Useless);
            }
            ImageErrorKind::Stopped => {}
            // Another profile may have more room, or need no pixels.
            _ => self.known.note_none(id, profile),
        }
    }

    /// Returns what the first bytes of an image say, unless it is not one.
    async fn header(&self, reference: &StorageReference, scope: Option<&Scope>) -> Option<Header> {
        match self.known.get(reference.id()) {
            Some(Known::Info(info)) => return Some(Header::Info(info)),
            Some(Known::Useless) => return None,
            None => {}
        }
        let size = reference.size()?;
        let start = size.min(PROBE_LEN as u64);
        let mut options = RetrieveOptions::new().with_range(0..start);
        if let Some(scope) = scope {
            options = options.with_expected_scope(scope.clone());
        }
        let stored = self
            .renditions
            .inner()
            .retrieve_opts(reference, options)
            .await
            .ok()?;
        let bytes = stored.body.bytes(start).await.ok()?;
        match probe(&bytes) {
            Ok(info) => {
                self.known.note(reference.id(), Known::Info(info));
                Some(Header::Info(info))
            }
            Err(error) if error.kind() == ImageErrorKind::Truncated && start < size => {
                Some(Header::Later)
            }
            Err(_) => {
                self.known.note(reference.id(), Known::Useless);
                None
            }
        }
    }
}

/// What the first bytes of an image say.
enum Header {
    Info(ImageInfo),
    /// The dimensions follow after them.
    Later,
}

#[async_trait]
impl<S: MediaStorage> ImageFitter for RenditionFitter<S> {
    async fn fit(
        &self,
        image: &MediaContent,
        needs: &ImageNeeds,
        scope: Option<&Scope>,
    ) -> Option<MediaContent> {
        let profile = profile_of(needs);
        match image.source() {
            MediaSource::Stored(reference) => self.stored(reference, &profile, scope).await,
            MediaSource::Inline(bytes) => {
                let info = probe(bytes).ok()?;
                if profile.is_met_by(&info, bytes.len() as u64) {
                    return None;
                }
                let fitted = self
                    .renditions
                    .workers()
                    .fit(bytes.clone(), profile)
                    .await
                    .ok()?;
                let content = MediaContent::from_bytes(fitted.format.mime(), fitted.bytes);
                Some(content.with_width(fitted.width).with_height(fitted.height))
            }
            _ => None,
        }
    }
}

fn profile_of(needs: &ImageNeeds) -> Profile {
    let formats = needs.mimes().iter().filter_map(ImageFormat::from_mime);
    let mut profile = Profile::new().with_formats(formats);
    if let Some(side) = needs.max_side() {
        profile = profile.with_longest_edge(side);
    }
    if let Some(bytes) = needs.max_bytes() {
        profile = profile.with_max_bytes(bytes);
    }
    profile
}
