//! Images by the images endpoint.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use conversation_types::TokenUsage;
use media_types::Mime;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Map, Value};

use super::super::api_error::ApiError;
use super::super::names::{BASE_URL, NAME};
use super::response::{ImagesResponse, ImagesResponseReader};
use crate::body::{Multipart, RequestBody};
use crate::capability::{ApiCapabilities, Capabilities};
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::{
    Attempts, FailureSlot, HttpClient, HttpSettings, SendBody, SendProgress, http_setters,
    is_event_stream, next_chunk, read_error_body, transport_error, wait_for_answer, wait_idle,
};
use crate::image::{GeneratedImages, ImageGenerator, ImageRequest};
use crate::price::PriceTable;
use crate::request::ResponseMode;
use crate::usage::estimate_input;

const API: &str = "openai.images";

/// Images of OpenAI's image models, or of a compatible server: made from a prompt, or edited.
///
/// The base64 of an answer is decoded while it arrives and goes to the sink of the request: within a
/// turn, large images are never held in memory. Images that a server gives as URLs, which work for a
/// while only, are fetched where the turn's loader fetches URLs, and stay URLs otherwise.
///
/// Of an answer that ends early, the images that were complete are kept where it came as events, and
/// [`GeneratedImages::incomplete`] says why there are no more.
///
/// A request that was not carried out is sent again
/// ([`with_max_retries`](Self::with_max_retries)). One that times out or whose connection breaks is
/// not: the images may have been made and billed, and would be once more.
///
/// ```
/// use conversation_providers::OpenAiImages;
/// let images = OpenAiImages::new("sk-...", "gpt-image-1-mini");
/// assert!(!format!("{images:?}").contains("sk-..."));
/// ```
#[derive(Clone)]
pub struct OpenAiImages {
    http: HttpClient,
    model: String,
    capabilities: Arc<ApiCapabilities>,
    prices: PriceTable,
    parameters: Map<String, Value>,
    max_answer: usize,
    mode: ResponseMode,
}

impl OpenAiImages {
    /// Creates a generator of a model, with the key of an account; an empty key sends none.
    pub fn new(key: impl AsRef<str>, model: impl Into<String>) -> Self {
        let settings = HttpSettings::new(NAME, key.as_ref(), BASE_URL);
        Self {
            http: HttpClient::new(settings),
            model: model.into(),
            capabilities: Capabilities::builtin().api(API).unwrap_or_default(),
            prices: PriceTable::builtin(),
            parameters: Map::new(),
            max_answer: 256 * 1024 * 1024,
            mode: ResponseMode::Complete,
        }
    }

    http_setters!("`https://api.openai.com/v1`");

    /// Sets the organization that requests are billed to. Defaults to the key's.
    #[must_use]
    pub fn with_organization(self, id: impl AsRef<str>) -> Self {
        self.with_header("openai-organization", id)
    }

    /// Sets the project that requests are billed to. Defaults to the key's.
    #[must_use]
    pub fn with_project(self, id: impl AsRef<str>) -> Self {
        self.with_header("openai-project", id)
    }

    /// Sets the prices for [`GeneratedImages::cost`]. Defaults to the built-in table.
    #[must_use]
    pub fn with_price_table(mut self, prices: PriceTable) -> Self {
        self.prices = prices;
        self
    }

    /// Sets how the models want their parameters, by the entry `openai.images`. Defaults to the
    /// built-in file.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: &Capabilities) -> Self {
        self.capabilities = capabilities.api(API).unwrap_or_default();
        self
    }

    /// Sets a parameter of every request, such as `output_format`, or for older compatible servers
    /// `response_format` with `b64_json`. A request's own parameter wins. Defaults to none.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Sets the largest answer in bytes of images, decoded. Defaults to 256 MiB.
    #[must_use]
    pub fn with_max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// Sets how the answer arrives: with [`ResponseMode::Streaming`] as events, which keeps a
    /// connection alive that would be cut in a long silence, and brings the previews that a request asks
    /// for. Older models do not support it. Defaults to [`ResponseMode::Complete`].
    #[must_use]
    pub fn with_mode(mut self, mode: ResponseMode) -> Self {
        self.mode = mode;
        self
    }

    fn http_mut(&mut self) -> &mut HttpClient {
        &mut self.http
    }

    fn settings(&self) -> &HttpSettings {
        &self.http.settings
    }

    fn body(&self, request: &ImageRequest) -> Map<String, Value> {
        let mut fields = self.parameters.clone();
        let own = request.parameters().iter();
        fields.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        // How the answer arrives is not the request's to say.
        for name in ["stream", "partial_images"] {
            fields.remove(name);
        }
        if self.mode == ResponseMode::Streaming {
            fields.insert("stream".to_owned(), true.into());
            if request.partial_images() > 0 {
                let count = request.partial_images();
                fields.insert("partial_images".to_owned(), count.into());
            }
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
        self.capabilities.adapt_parameters(&self.model, fields)
    }

    /// The body of a request: JSON, or a form where there are images to be edited.
    async fn payload(&self, request: &ImageRequest) -> Result<Payload, ProviderError> {
        let fields = self.body(request);
        if request.images().is_empty() {
            let json = serde_json::to_vec(&fields);
            let json = json.map_err(|error| {
                self.settings()
                    .error(Kind::InvalidRequest)
                    .with_source(error)
            });
            return json.map(Payload::Json);
        }
        let fields = fields.into_iter().map(|(name, value)| match value {
            Value::String(text) => (name, text),
            other => (name, other.to_string()),
        });
        let form = fields.fold(Multipart::new(), |form, (name, value)| {
            form.with_field(name, value)
        });
        let images = request.images().iter();
        let form = images.fold(form, |form, image| form.with_file("image[]", image.clone()));
        let form = match request.mask() {
            Some(mask) => form.with_file("mask", mask.clone()),
            None => form,
        };
        let form = form
            .into_body(NAME, &self.capabilities, request.media())
            .await?;
        Ok(Payload::Form(Box::new(form)))
    }

    async fn attempt(
        &self,
        body: Payload,
        asked: &Mime,
        request: &ImageRequest,
        attempts: &Attempts<'_>,
    ) -> Result<ImagesResponse, ProviderError> {
        let settings = self.settings();
        let progress = SendProgress::new();
        // Any model of this endpoint makes images, whatever its name.
        let (silence, deadline) = (settings.first_byte_timeout(API), attempts.deadline());
        let answer = async {
            let mut response = self.send(body, &progress).await?;
            let first = next_chunk(NAME, &mut response).await?;
            Ok::<_, ProviderError>((response, first))
        };
        let answer = wait_for_answer(answer, &progress, silence, deadline).await;
        let timeout = |phase| settings.error(Kind::Timeout(phase));
        let (mut response, first) = answer.map_err(timeout)??;
        let mut reader = match is_event_stream(&response) {
            true => {
                let previews = request.preview_report().cloned();
                ImagesResponseReader::events(self.max_answer, request.sink(), previews)
            }
            false => ImagesResponseReader::complete(self.max_answer, request.sink()),
        };
        let count = request.count().unwrap_or(1);
        let mut next = first;
        let read = async {
            while let Some(chunk) = next {
                reader.push(&chunk).await?;
                let more = next_chunk(NAME, &mut response);
                next = match wait_idle(more, settings.idle_timeout, Some(deadline)).await {
                    // What breaks, or stays open, after its end is not broken.
                    Err(_) | Ok(Err(_)) if reader.is_complete(count) => None,
                    other => other.map_err(timeout)??,
                };
            }
            Ok::<_, ProviderError>(())
        };
        let ended = read.await.err();
        let mut images = reader.finish(asked, count, ended).await?;
        if let Some(error) = images.error.take() {
            let error = ApiError::from_value(&error).into_hidden_error(settings);
            images.ended = Some(error);
        }
        match images.ended.take() {
            Some(error) if images.images.is_empty() => Err(error),
            // They are paid for, and would be paid for again.
            Some(error) => {
                tracing::warn!(provider = NAME, %error, "an answer ended early; its images are kept");
                images.ended = Some(error);
                Ok(images)
            }
            None => Ok(images),
        }
    }

    async fn send(
        &self,
        body: Payload,
        progress: &SendProgress,
    ) -> Result<reqwest::Response, ProviderError> {
        let slot = FailureSlot::default();
        let request = match body {
            Payload::Json(json) => {
                let request = self.http.post(&["images", "generations"], None).await?;
                request.header(CONTENT_TYPE, "application/json").body(json)
            }
            Payload::Form(form) => {
                let (template, plan, media) = form.sending();
                let body = SendBody::new(template, plan, media, slot.clone(), progress.clone());
                let request = self.http.post(&["images", "edits"], None).await?;
                let request = request.header(CONTENT_TYPE, form.content_type());
                request.body(reqwest::Body::wrap(body))
            }
        };
        let sent = request.header(ACCEPT, "application/json").send().await;
        if let (Err(_), Some(failed)) = (&sent, slot.take()) {
            return Err(self.settings().error(Kind::MediaRead).with_source(failed));
        }
        let mut response = sent.map_err(|error| transport_error(NAME, error))?;
        let status = response.status();
        tracing::debug!(
            provider = NAME,
            model = self.model,
            status = status.as_u16(),
            "answered"
        );
        if status.is_success() {
            return Ok(response);
        }
        let body = read_error_body(&mut response).await;
        let error = ApiError::from_body(&body);
        Err(error.into_error(self.settings(), status.as_u16(), response.headers()))
    }
}

/// The body of a request.
#[derive(Clone)]
enum Payload {
    Json(Vec<u8>),
    Form(Box<RequestBody>),
}

impl Payload {
    fn estimate(&self) -> TokenUsage {
        match self {
            Self::Json(json) => estimate_input(json.len() as u64, 0),
            Self::Form(form) => estimate_input(form.text_len(), form.plan().sent()),
        }
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
        let asked = self
            .body(&request)
            .get("output_format")
            .and_then(Value::as_str)
            .and_then(Mime::from_extension)
            .unwrap_or(Mime::IMAGE_PNG);
        let body = self.payload(&request).await?;
        let input = body.estimate();
        let mut attempts = Attempts::new(settings, request.budget());
        let answer = loop {
            attempts.begin()?;
            let attempt = self.attempt(body.clone(), &asked, &request, &attempts);
            match attempt.await {
                Ok(answer) => break answer,
                Err(error) if !error.is_not_processed() => {
                    let cost = self.prices.cost(&self.model, &input);
                    return Err(error.with_usage(input).with_cost(cost));
                }
                Err(error) => attempts.wait(error).await?,
            }
        };
        let cost = answer.usage.and_then(|usage| {
            self.prices
                .cost_with_images(&self.model, &usage, answer.image_tokens)
        });
        let incomplete = answer.ended.as_ref().map(ProviderError::kind);
        let mut images = Vec::with_capacity(answer.images.len());
        for image in answer.images {
            // After the attempt: the images are made, and a slow host of theirs is no reason to
            // lose them.
            images.push(request.sink().fetch(image).await);
        }
        let images = GeneratedImages::new(images).with_usage(answer.usage, cost);
        Ok(images.with_incomplete(incomplete))
    }
}

impl fmt::Debug for OpenAiImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiImages")
            .field("model", &self.model)
            .field("settings", self.settings())
            .finish_non_exhaustive()
    }
}
