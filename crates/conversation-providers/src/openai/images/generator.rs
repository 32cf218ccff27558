//! Images by the images endpoint.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use media_types::{MediaContent, Mime};
use serde_json::{Map, Value};

use super::super::names::{BASE_URL, NAME};
use super::attempt::Attempt;
use super::form::ImagesBody;
use crate::capability::{ApiCapabilities, Capabilities};
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::{Attempts, HttpClient, HttpSettings, http_setters};
use crate::http_provider::{Failure, Refusal, RejectionCache};
use crate::image::{GeneratedImages, ImageGenerator, ImageRequest};
use crate::media::{MediaPlan, hash_inline};
use crate::price::PriceTable;
use crate::request::ResponseMode;

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
/// ([`with_max_retries`](Self::with_max_retries)). One that times out, whose connection breaks, or for which
/// a gateway gave up (502, 504) is not: the images may have been made and billed, and would be once more. A model that does not accept how
/// the answer is asked for (`stream`, `partial_images`, `response_format`) or `user` is asked once more
/// without it, and for an hour no more with it. An image to be edited that the server refuses is never left
/// out, since the result would be another one: that is `MediaRefused`, and for an hour at once where the
/// server left no doubt which image it meant.
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
    rejections: RejectionCache,
}

impl OpenAiImages {
    /// Creates a generator of a model, with the key of an account; an empty key sends none.
    pub fn new(key: impl AsRef<str>, model: impl Into<String>) -> Self {
        let mut settings = HttpSettings::new(NAME, key.as_ref(), BASE_URL);
        // The images may have been made, and cost more than an answer of text.
        settings.repeats_for_gateways = false;
        Self {
            http: HttpClient::new(settings),
            model: model.into(),
            capabilities: Capabilities::builtin().api(API).unwrap_or_default(),
            prices: PriceTable::builtin(),
            parameters: Map::new(),
            max_answer: 256 * 1024 * 1024,
            mode: ResponseMode::Complete,
            rejections: RejectionCache::default(),
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

    fn fields(&self, request: &ImageRequest) -> Map<String, Value> {
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
        let mut fields = self.capabilities.adapt_parameters(&self.model, fields);
        let refused = self.rejections.parameters(&self.model);
        if refused.iter().any(|name| name == "stream") {
            fields.remove("partial_images");
        }
        fields.retain(|name, _| !refused.contains(name));
        fields
    }

    /// Fails at once where the server has refused an image.
    async fn check(&self, images: &[MediaContent]) -> Result<(), ProviderError> {
        hash_inline(&images.iter().collect::<Vec<_>>()).await;
        let mut images = images.iter();
        match images.position(|image| self.rejections.has_media(&self.model, image)) {
            Some(index) => {
                let reason = format!("media item {index} was refused within the last hour");
                Err(self
                    .settings()
                    .error(Kind::MediaRefused)
                    .with_reason(reason))
            }
            None => Ok(()),
        }
    }

    /// Changes a request so that the next attempt may succeed, or waits for it.
    ///
    /// # Errors
    /// The error of the attempt, where there is nothing to change.
    async fn recover(
        &self,
        failure: Failure,
        body: &ImagesBody,
        changes: &mut Changes,
        attempts: &mut Attempts<'_>,
    ) -> Result<(), ProviderError> {
        match failure {
            failure if !attempts.is_left() => Err(failure.into_error(NAME)),
            Failure::Unreadable(failed) => {
                let mut plan = body.body.plan().clone();
                plan.amend(&failed);
                // An image whose type was corrected goes out; none is left out.
                if !plan.is_sent(failed.index()) || !changes.retyped.insert(failed.index()) {
                    return Err(Failure::Unreadable(failed).into_error(NAME));
                }
                tracing::warn!(provider = NAME, %failed, "an image is of another type");
                changes.plan = Some(plan);
                Ok(())
            }
            Failure::Refused(Refusal::Parameter { name, error }) => {
                if !body.has(&name) || !changes.left_out.insert(name.clone()) {
                    return Err(error);
                }
                tracing::warn!(
                    provider = NAME,
                    name,
                    "the model does not accept this parameter; sending without it"
                );
                self.rejections.add_parameter(&self.model, &name);
                Ok(())
            }
            Failure::Refused(Refusal::Media {
                suspects,
                certain,
                error,
            }) => {
                let refused = suspects.iter().filter(|_| certain);
                for image in refused.filter_map(|index| changes.images.get(*index)) {
                    self.rejections.add_media(&self.model, image);
                }
                Err(error)
            }
            other => attempts.wait(other.into_error(NAME)).await,
        }
    }
}

/// What was changed about a request so far.
#[derive(Default)]
struct Changes {
    /// The images to be edited, and the mask behind them.
    images: Vec<MediaContent>,
    /// The plan after a type was corrected, and the images of which it was.
    plan: Option<MediaPlan>,
    retyped: BTreeSet<usize>,
    /// Parameters that were left out.
    left_out: BTreeSet<String>,
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
        let mut changes = Changes {
            images: request
                .images()
                .iter()
                .chain(request.mask())
                .cloned()
                .collect(),
            ..Changes::default()
        };
        self.check(&changes.images).await?;
        let mut attempts = Attempts::new(self.settings(), request.budget());
        let answer = loop {
            let fields = self.fields(&request);
            let asked = fields.get("output_format").and_then(Value::as_str);
            let asked = asked.and_then(Mime::from_extension);
            let asked = asked.unwrap_or(Mime::IMAGE_PNG);
            let plan = changes.plan.clone();
            let body = ImagesBody::new(fields, &request, &self.capabilities, plan).await?;
            attempts.begin()?;
            let attempt = Attempt {
                http: &self.http,
                model: &self.model,
                prices: &self.prices,
                max_answer: self.max_answer,
                request: &request,
                asked: &asked,
                // Any model of this endpoint makes images, whatever its name.
                silence: self.settings().first_byte_timeout(API),
                deadline: attempts.deadline(),
            };
            match attempt.run(&body).await {
                Ok(answer) => break answer,
                Err(failure) => {
                    self.recover(failure, &body, &mut changes, &mut attempts)
                        .await?;
                }
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
