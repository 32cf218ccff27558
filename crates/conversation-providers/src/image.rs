//! Models that generate images.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use conversation_types::{Cost, TokenUsage};
use media_types::MediaContent;
use serde_json::{Map, Value};

use crate::budget::AttemptBudget;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::media::MediaContext;
use crate::partial_image::PartialImage;
use crate::sink::MediaSink;

/// A model behind an API that generates images from text.
#[async_trait]
pub trait ImageGenerator: fmt::Debug + Send + Sync + 'static {
    /// Returns the name of the provider: `openai`, ...
    fn name(&self) -> &str;

    /// Returns the model.
    fn model(&self) -> &str;

    /// Generates images. Dropping the future ends the request.
    ///
    /// # Errors
    /// [`ProviderError`] with its kind.
    async fn generate(&self, request: ImageRequest) -> Result<GeneratedImages, ProviderError>;
}

/// A request for images. `Debug` prints sizes, never the prompt.
///
/// ```
/// use conversation_providers::ImageRequest;
/// let request = ImageRequest::new("a red apple on a table").with_size("1024x1024");
/// assert_eq!(request.size(), Some("1024x1024"));
/// ```
#[derive(Clone)]
pub struct ImageRequest {
    prompt: String,
    count: Option<u32>,
    size: Option<String>,
    quality: Option<String>,
    parameters: Map<String, Value>,
    images: Vec<MediaContent>,
    mask: Option<MediaContent>,
    media: MediaContext,
    sink: MediaSink,
    budget: AttemptBudget,
    previews: Option<Previews>,
}

/// The previews that a request asks for, and who gets them.
#[derive(Clone)]
struct Previews {
    count: u32,
    report: PreviewReport,
}

/// Passes previews on.
#[derive(Clone)]
pub(crate) struct PreviewReport(Arc<dyn Fn(PartialImage) + Send + Sync>);

#[cfg_attr(
    not(feature = "openai"),
    allow(dead_code, reason = "used by providers only")
)]
impl PreviewReport {
    pub(crate) fn new(report: impl Fn(PartialImage) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    pub(crate) fn report(&self, image: PartialImage) {
        (self.0)(image);
    }
}

impl fmt::Debug for PreviewReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreviewReport")
    }
}

impl ImageRequest {
    /// Creates a request for one image of a prompt.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            count: None,
            size: None,
            quality: None,
            parameters: Map::new(),
            images: Vec::new(),
            mask: None,
            media: MediaContext::default(),
            sink: MediaSink::in_memory(),
            budget: AttemptBudget::default(),
            previews: None,
        }
    }

    /// Sets the number of images. Defaults to the provider's, which is one.
    #[must_use]
    pub fn with_count(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    /// Sets width and height in pixels, as in `1024x1024`. Defaults to the provider's.
    #[must_use]
    pub fn with_size(mut self, size: impl Into<String>) -> Self {
        self.size = Some(size.into());
        self
    }

    /// Sets the quality in the provider's word: `low`, `medium`, `high`. Defaults to the provider's.
    #[must_use]
    pub fn with_quality(mut self, quality: impl Into<String>) -> Self {
        self.quality = Some(quality.into());
        self
    }

    /// Sets a parameter that only this provider has: `output_format`, `background`, ... Defaults to
    /// none.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Adds an image to be edited, or to be used as a model for the new one. Without any, the images
    /// are made from the prompt alone.
    #[must_use]
    pub fn with_image(mut self, image: MediaContent) -> Self {
        self.images.push(image);
        self
    }

    /// Sets the mask of the first image: where it is transparent, the image is edited. Defaults to
    /// none.
    #[must_use]
    pub fn with_mask(mut self, mask: MediaContent) -> Self {
        self.mask = Some(mask);
        self
    }

    /// Sets where images and mask are read from, unless they are inline. Defaults to nowhere.
    #[must_use]
    pub fn with_media(mut self, media: MediaContext) -> Self {
        self.media = media;
        self
    }

    /// Sets where the images go. Defaults to memory, as inline content.
    #[must_use]
    pub fn with_sink(mut self, sink: MediaSink) -> Self {
        self.sink = sink;
        self
    }

    /// Sets the attempts that the request may use. Defaults to six of its own.
    #[must_use]
    pub fn with_budget(mut self, budget: AttemptBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Sets the largest number of previews while an image is being made, and who gets them.
    /// Defaults to none. Only a provider that streams gives any.
    #[must_use]
    pub fn with_partial_images(
        mut self,
        count: u32,
        report: impl Fn(PartialImage) + Send + Sync + 'static,
    ) -> Self {
        self.previews = (count > 0).then(|| Previews {
            count,
            report: PreviewReport::new(report),
        });
        self
    }

    /// Returns the number of previews that are asked for.
    pub fn partial_images(&self) -> u32 {
        self.previews.as_ref().map_or(0, |previews| previews.count)
    }

    #[cfg_attr(
        not(feature = "openai"),
        allow(dead_code, reason = "used by providers only")
    )]
    pub(crate) fn preview_report(&self) -> Option<&PreviewReport> {
        self.previews.as_ref().map(|previews| &previews.report)
    }

    /// Returns the images to be edited.
    pub fn images(&self) -> &[MediaContent] {
        &self.images
    }

    /// Returns the mask, if it is set.
    pub fn mask(&self) -> Option<&MediaContent> {
        self.mask.as_ref()
    }

    /// Returns where images and mask are read from.
    pub fn media(&self) -> &MediaContext {
        &self.media
    }

    /// Returns where the images go.
    pub fn sink(&self) -> &MediaSink {
        &self.sink
    }

    /// Returns the attempts that the request may use.
    pub fn budget(&self) -> &AttemptBudget {
        &self.budget
    }

    /// Returns the prompt.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Returns the number of images, if it is set.
    pub fn count(&self) -> Option<u32> {
        self.count
    }

    /// Returns width and height, if they are set.
    pub fn size(&self) -> Option<&str> {
        self.size.as_deref()
    }

    /// Returns the quality, if it is set.
    pub fn quality(&self) -> Option<&str> {
        self.quality.as_deref()
    }

    /// Returns the parameters that only this provider has.
    pub fn parameters(&self) -> &Map<String, Value> {
        &self.parameters
    }
}

impl fmt::Debug for ImageRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageRequest")
            .field("prompt", &format_args!("{} bytes", self.prompt.len()))
            .field("count", &self.count)
            .field("images", &self.images.len())
            .field("size", &self.size)
            .field("quality", &self.quality)
            .field("parameters", &self.parameters.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// Images that a model generated.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GeneratedImages {
    /// The images, at least one: as the request's sink gave them, or at a URL that the provider
    /// keeps for a while.
    pub images: Vec<MediaContent>,
    /// What the model consumed, where it is known.
    pub usage: Option<TokenUsage>,
    /// What that cost, where the price is known.
    pub cost: Option<Cost>,
    /// Why the answer ended early: these images are complete, others of the request may be missing.
    /// `None` where the provider has said all.
    pub incomplete: Option<ProviderErrorKind>,
}

impl GeneratedImages {
    /// Creates a result of images.
    pub fn new(images: Vec<MediaContent>) -> Self {
        Self {
            images,
            ..Self::default()
        }
    }

    /// Sets why there are no more images than these. Defaults to `None`: the answer is complete.
    #[must_use]
    pub fn with_incomplete(mut self, why: Option<ProviderErrorKind>) -> Self {
        self.incomplete = why;
        self
    }

    /// Sets usage and cost. Defaults to unknown.
    #[must_use]
    pub fn with_usage(mut self, usage: Option<TokenUsage>, cost: Option<Cost>) -> Self {
        self.usage = usage;
        self.cost = cost;
        self
    }
}
