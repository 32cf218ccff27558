//! Models that make pictures.

use std::fmt;

use async_trait::async_trait;
use media_types::MediaContent;
use serde_json::{Map, Value};

use super::ProviderError;
use crate::receive::MediaReceiver;
use crate::usage::{Cost, TokenUsage};

/// A model behind an API that makes pictures from words.
#[async_trait]
pub trait ImageGenerator: fmt::Debug + Send + Sync + 'static {
    /// The provider's word: `openai`, ...
    fn name(&self) -> &str;

    /// The model.
    fn model(&self) -> &str;

    /// Makes pictures. Dropping the future ends the request.
    ///
    /// # Errors
    /// [`ProviderError`] with its kind.
    async fn generate(&self, request: ImageRequest) -> Result<GeneratedImages, ProviderError>;
}

/// What pictures are wanted.
///
/// ```
/// use conversation_sdk::provider::ImageRequest;
/// let request = ImageRequest::new("a red apple on a table").with_size("1024x1024");
/// assert_eq!(request.size(), Some("1024x1024"));
/// ```
#[derive(Clone, PartialEq)]
pub struct ImageRequest {
    prompt: String,
    count: Option<u32>,
    size: Option<String>,
    quality: Option<String>,
    parameters: Map<String, Value>,
    receiver: MediaReceiver,
}

impl ImageRequest {
    /// One picture of this.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            count: None,
            size: None,
            quality: None,
            parameters: Map::new(),
            receiver: MediaReceiver::in_memory(),
        }
    }

    /// How many pictures. Default: the provider's, which is one.
    #[must_use]
    pub fn with_count(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    /// Width and height in pixels, as in `1024x1024`. Default: the provider's.
    #[must_use]
    pub fn with_size(mut self, size: impl Into<String>) -> Self {
        self.size = Some(size.into());
        self
    }

    /// The provider's word for how much work goes into it: `low`, `medium`, `high`. Default: the
    /// provider's.
    #[must_use]
    pub fn with_quality(mut self, quality: impl Into<String>) -> Self {
        self.quality = Some(quality.into());
        self
    }

    /// A parameter of the provider's own: `output_format`, `background`, `style`, ... Default: none.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Where the pictures go. Default: into memory, as inline content.
    #[must_use]
    pub fn with_receiver(mut self, receiver: MediaReceiver) -> Self {
        self.receiver = receiver;
        self
    }

    /// Where the pictures go.
    pub fn receiver(&self) -> &MediaReceiver {
        &self.receiver
    }

    /// What the pictures show.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// How many pictures, if that is not left to the provider.
    pub fn count(&self) -> Option<u32> {
        self.count
    }

    /// Width and height, if they are not left to the provider.
    pub fn size(&self) -> Option<&str> {
        self.size.as_deref()
    }

    /// The quality, if it is not left to the provider.
    pub fn quality(&self) -> Option<&str> {
        self.quality.as_deref()
    }

    /// Parameters of the provider's own.
    pub fn parameters(&self) -> &Map<String, Value> {
        &self.parameters
    }
}

impl fmt::Debug for ImageRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageRequest")
            .field("prompt", &format_args!("{} bytes", self.prompt.len()))
            .field("count", &self.count)
            .field("size", &self.size)
            .field("quality", &self.quality)
            .field("parameters", &self.parameters.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// Pictures that a model made.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GeneratedImages {
    /// The pictures, at least one: as the request's receiver gave them, or at an address that the
    /// provider keeps for a while.
    pub images: Vec<MediaContent>,
    /// What the model consumed.
    pub usage: Option<TokenUsage>,
    /// What that cost, where the price is known.
    pub cost: Option<Cost>,
}

impl GeneratedImages {
    /// These pictures.
    pub fn new(images: Vec<MediaContent>) -> Self {
        Self {
            images,
            ..Self::default()
        }
    }

    /// Sets usage and cost. Default: unknown.
    #[must_use]
    pub fn with_usage(mut self, usage: Option<TokenUsage>, cost: Option<Cost>) -> Self {
        self.usage = usage;
        self.cost = cost;
        self
    }
}
