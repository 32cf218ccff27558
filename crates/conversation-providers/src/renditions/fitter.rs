//! [`RenditionFitter`].

use async_trait::async_trait;
use media_image::{ImageFormat, ImageInfo, PROBE_LEN, Profile, RenditionError, Renditions, probe};
use media_storage::{MediaStorage, RetrieveOptions, Scope};
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
        let info = self.info(reference, scope).await?;
        if profile.is_met_by(&info, reference.size()?) {
            return None;
        }
        let made = self.renditions.rendition(reference, profile, scope).await;
        match made {
            // The original itself.
            Ok(content) if content.reference() == Some(reference) => None,
            Ok(content) => Some(content),
            Err(error) => {
                tracing::debug!(%error, "an image was not made to fit");
                if matches!(error, RenditionError::Image(_)) {
                    self.known.note(reference.id(), Known::Useless);
                }
                None
            }
        }
    }

    /// Returns what the header of an image says.
    async fn info(&self, reference: &StorageReference, scope: Option<&Scope>) -> Option<ImageInfo> {
        match self.known.get(reference.id()) {
            Some(Known::Info(info)) => return Some(info),
            Some(Known::Useless) => return None,
            None => {}
        }
        let start = reference.size()?.min(PROBE_LEN as u64);
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
        let info = probe(&bytes).ok();
        let known = info.map_or(Known::Useless, Known::Info);
        self.known.note(reference.id(), known);
        info
    }
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
