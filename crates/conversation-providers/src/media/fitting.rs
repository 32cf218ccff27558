//! Images made to fit what an API takes.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use media_storage::Scope;
use media_types::{MediaContent, Mime};

/// Makes images fit what an API takes, before they are sent.
///
/// A [`RequestPlanner`](super::RequestPlanner) asks for images that would be left out otherwise, or whose
/// dimensions are not known while the API limits them. An `Arc` of a fitter is a fitter.
#[async_trait]
pub trait ImageFitter: fmt::Debug + Send + Sync + 'static {
    /// Returns an image that is sent in place of this one; `None` if this one meets the needs, or cannot be made
    /// to. It must be the same image each time, so that requests keep their beginning.
    ///
    /// References outside of the scope must not be read. Images that are returned should say their width
    /// and height, and lie in the scope.
    async fn fit(
        &self,
        image: &MediaContent,
        needs: &ImageNeeds,
        scope: Option<&Scope>,
    ) -> Option<MediaContent>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<F: ImageFitter + ?Sized> ImageFitter for Arc<F> {
    async fn fit(
        &self,
        image: &MediaContent,
        needs: &ImageNeeds,
        scope: Option<&Scope>,
    ) -> Option<MediaContent> {
        (**self).fit(image, needs, scope).await
    }
}

/// What an image must be like to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageNeeds {
    mimes: Vec<Mime>,
    max_bytes: Option<u64>,
    max_side: Option<u32>,
}

impl ImageNeeds {
    /// Creates the needs of an API that takes images of these types.
    pub fn new(mimes: impl IntoIterator<Item = Mime>) -> Self {
        Self {
            mimes: mimes.into_iter().collect(),
            max_bytes: None,
            max_side: None,
        }
    }

    /// Sets the largest size in bytes, before they are encoded as base64. Defaults to no limit.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: Option<u64>) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the longest side in pixels. Defaults to no limit.
    #[must_use]
    pub fn with_max_side(mut self, pixels: Option<u32>) -> Self {
        self.max_side = pixels;
        self
    }

    /// Returns the types that are taken.
    pub fn mimes(&self) -> &[Mime] {
        &self.mimes
    }

    /// Returns the largest size in bytes.
    pub fn max_bytes(&self) -> Option<u64> {
        self.max_bytes
    }

    /// Returns the longest side in pixels.
    pub fn max_side(&self) -> Option<u32> {
        self.max_side
    }

    /// Whether an image meets the needs, as far as its sides are known; 0 is not known.
    pub(super) fn are_met_by(&self, mime: &Mime, size: u64, side: u32) -> bool {
        let fits = |limit: u32| (1..=limit).contains(&side);
        self.mimes.contains(mime)
            && self.max_bytes.is_none_or(|limit| size <= limit)
            && self.max_side.is_none_or(fits)
    }
}
