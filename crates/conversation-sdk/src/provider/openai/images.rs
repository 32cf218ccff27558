//! Pictures by the images endpoint.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use media_types::Mime;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Map, Value};

use super::failure::ApiError;
use super::pictures::{Gallery, Pictures};
use super::{BASE_URL, NAME};
use crate::provider::capability::{ApiCapabilities, Capabilities};
use crate::provider::http::client::{Http, Settings};
use crate::provider::http::settings::http_setters;
use crate::provider::http::{failure, read};
use crate::provider::image::{GeneratedImages, ImageGenerator, ImageRequest};
use crate::provider::price::PriceTable;
use crate::provider::{Delivery, ProviderError, ProviderErrorKind as Kind};
use crate::receive::MediaReceiver;

const API: &str = "openai.images";

/// Pictures of OpenAI's image models, or of a server that speaks the same.
///
/// The base64 of an answer is decoded while it arrives and goes to the receiver of the request:
/// within a turn, large pictures are never held in memory. Pictures that a server gives as
/// addresses, which work for a while only, are fetched where the turn's loader fetches addresses,
/// and stay addresses else.
///
/// Rate limits, server errors and failed connections are tried again
/// ([`with_max_retries`](Self::with_max_retries)). A request whose answer does not come in time or
/// breaks off is not: the pictures may have been made and billed, and would be once more.
///
/// ```
/// use conversation_sdk::provider::OpenAiImages;
/// let images = OpenAiImages::new("sk-...", "gpt-image-1-mini");
/// assert!(!format!("{images:?}").contains("sk-..."));
/// ```
#[derive(Clone)]
pub struct OpenAiImages {
    http: Http,
    model: String,
    capabilities: Arc<ApiCapabilities>,
    prices: PriceTable,
    parameters: Map<String, Value>,
    max_answer: usize,
    delivery: Delivery,
}

impl OpenAiImages {
    /// A model by its name, with the key of an account; an empty key sends none.
    pub fn new(key: impl AsRef<str>, model: impl Into<String>) -> Self {
        Self {
            http: Http::new(Settings::new(NAME, key.as_ref(), BASE_URL)),
            model: model.into(),
            capabilities: Capabilities::builtin().api(API).unwrap_or_default(),
            prices: PriceTable::builtin(),
            parameters: Map::new(),
            max_answer: 256 * 1024 * 1024,
            delivery: Delivery::Whole,
        }
    }

    http_setters!("https://api.openai.com/v1");

    /// The organisation that requests are counted for. Default: the key's.
    #[must_use]
    pub fn with_organization(self, id: impl AsRef<str>) -> Self {
        self.with_header("openai-organization", id)
    }

    /// The project that requests are counted for. Default: the key's.
    #[must_use]
    pub fn with_project(self, id: impl AsRef<str>) -> Self {
        self.with_header("openai-project", id)
    }

    /// Prices for [`GeneratedImages::cost`]. Default: the built-in table.
    #[must_use]
    pub fn with_price_table(mut self, prices: PriceTable) -> Self {
        self.prices = prices;
        self
    }

    /// How the models want their parameters, by the entry `openai.images`. Default: the built-in
    /// file.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: &Capabilities) -> Self {
        self.capabilities = capabilities.api(API).unwrap_or_default();
        self
    }

    /// A parameter of every request, such as `output_format`, or for older compatible servers
    /// `response_format` with `b64_json`. A request's own parameter goes before it. Default: none.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Largest answer in bytes of pictures, decoded. Default: 256 MiB.
    #[must_use]
    pub fn with_max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// How the answer comes: with [`Delivery::Deltas`] as events, which keeps a connection alive
    /// that is cut where nothing is heard for long. Pictures that are not done are passed over.
    /// Older models do not know it. Default: [`Delivery::Whole`].
    #[must_use]
    pub fn with_delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    fn settings(&self) -> &Settings {
        &self.http.settings
    }

    fn body(&self, request: &ImageRequest) -> Map<String, Value> {
        let mut fields = self.parameters.clone();
        let own = request.parameters().iter();
        fields.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        // How the answer comes is not the request's to say.
        for name in ["stream", "partial_images"] {
            fields.remove(name);
        }
        if self.delivery == Delivery::Deltas {
            fields.insert("stream".to_owned(), true.into());
        }
        fields.insert("model".to_owned(), self.model.as_str().into());
        fields.insert("prompt".to_owned(), request.prompt().into());
        if let Some(count) = request.count() {
            fields.insert("n".to_owned(), count.into());
        }
        if let Some(size) = request.size() {
            fields.insert("size".to_owned(), size.into());
        }
        if let Some(quality) = request.quality() {
            fields.insert("quality".to_owned(), quality.into());
        }
        self.capabilities.adapt(&self.model, fields)
    }

    async fn attempt(
        &self,
        body: Vec<u8>,
        asked: &Mime,
        receiver: &MediaReceiver,
    ) -> Result<Gallery, ProviderError> {
        let sent = self
            .http
            .post(&["images", "generations"])
            .await?
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(body)
            .send()
            .await;
        let mut response = sent.map_err(|error| failure::of_transport(NAME, error))?;
        let status = response.status();
        tracing::debug!(
            provider = NAME,
            model = self.model,
            status = status.as_u16(),
            "answered"
        );
        if !status.is_success() {
            let wait = failure::retry_after(response.headers(), chrono::Utc::now());
            let body = read::start_of_error(&mut response).await;
            let error = ApiError::from_body(&body).into_error(self.settings(), status.as_u16());
            return Err(error.with_retry_after(wait));
        }
        let mut pictures = match read::is_events(&response) {
            true => Pictures::events(self.max_answer, receiver),
            false => Pictures::whole(self.max_answer, receiver),
        };
        while let Some(piece) = read::next(NAME, &mut response).await? {
            pictures.push(&piece).await?;
        }
        let mut gallery = pictures.finish(asked).await?;
        if let Some(error) = gallery.error.take() {
            let api = ApiError::from_value(&error);
            let status = api.status.unwrap_or(500);
            return Err(api.into_error(self.settings(), status));
        }
        Ok(gallery)
    }
}

#[async_trait]
impl ImageGenerator for OpenAiImages {
    fn name(&self) -> &str {
        NAME
    }

    fn model(&self) -> &str {
        &self.model
    }

    async fn generate(&self, request: ImageRequest) -> Result<GeneratedImages, ProviderError> {
        let settings = self.settings();
        let fields = self.body(&request);
        let asked = fields
            .get("output_format")
            .and_then(Value::as_str)
            .and_then(Mime::from_extension)
            .unwrap_or(Mime::IMAGE_PNG);
        let body = serde_json::to_vec(&fields)
            .map_err(|error| settings.error(Kind::InvalidRequest).with_source(error))?;
        let mut attempts = settings.retry.start(NAME, settings.deadline);
        loop {
            let attempt = self.attempt(body.clone(), &asked, request.receiver());
            match attempts.run(settings.timeout, attempt).await {
                Ok(gallery) => {
                    let cost = gallery.usage.and_then(|usage| {
                        self.prices
                            .cost_with_images(&self.model, &usage, gallery.image_tokens)
                    });
                    let mut images = Vec::with_capacity(gallery.images.len());
                    for image in gallery.images {
                        // Outside of the attempt: the pictures are made, and a slow host of theirs
                        // is no reason to lose them.
                        images.push(request.receiver().fetch(image).await);
                    }
                    return Ok(GeneratedImages::new(images).with_usage(gallery.usage, cost));
                }
                Err(error) if is_lost(&error) => return Err(error),
                Err(error) => attempts.again(error).await?,
            }
        }
    }
}

/// Whether the request may have been carried out though there is no answer to it.
fn is_lost(error: &ProviderError) -> bool {
    // With a status the server itself said that it did not.
    error.status().is_none() && matches!(error.kind(), Kind::Timeout | Kind::Interrupted)
}

impl fmt::Debug for OpenAiImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiImages")
            .field("model", &self.model)
            .field("settings", self.settings())
            .finish_non_exhaustive()
    }
}
