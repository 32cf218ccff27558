//! Chat completions.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use conversation_types::{OmissionReason, TokenUsage};
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::chat_decoder::ChatDecoder;
use super::names::{BASE_URL, NAME};
use super::recovery::{REFUSED, RecoveryState};
use super::refusal::{Refusal, classify};
use super::rejections::RejectionCache;
use super::streaming::StreamingResponse;
use crate::answer::{DecodeError, DecodeLimits, ResponseDecoder, media_paths};
use crate::body::write_template;
use crate::capability::{ApiCapabilities, Capabilities};
use crate::codec::CodecOptions;
use crate::completion::Completion;
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::format::ApiFormat;
use crate::http::{
    Attempts, FailureSlot, HttpClient, HttpSettings, SendBody, SendProgress, check_len,
    http_setters, is_event_stream, next_chunk, read_error_body, transport_error, wait_for_answer,
    wait_idle,
};
use crate::media::{MediaContext, MediaPlan};
use crate::price::PriceTable;
use crate::provider::Provider;
use crate::request::{ProviderRequest, ResponseMode};
use crate::response::ProviderResponse;
use crate::template::BodyTemplate;
use crate::transcript::{LoadedOpaque, Transcript, build_transcript};
use crate::usage::estimate_input;

const FORMAT: ApiFormat = ApiFormat::OpenAiChat;
/// Longest JSON of an answer around its media, in bytes.
const MAX_JSON: usize = 16 * 1024 * 1024;

/// Chat completions of OpenAI, or of a compatible server.
///
/// Media goes out as images, audio (`wav`, `mp3`) and files (PDF). Its base64 is streamed from
/// where the media is into the request: memory does not depend on its size. Media of tools and of
/// the model's own messages follows in a user message, since other roles accept text only. Audio in
/// an answer, and images that gateways put beside its text, are decoded as they arrive and go to the
/// [sink](crate::sink) of the request.
///
/// A request that was not carried out is sent again where that can help: after a wait for rate
/// limits and overload; once more without media that the server refuses or that cannot be read
/// ([`Completion::omitted_media`](crate::Completion::omitted_media)); without a tuning parameter
/// that the model does not accept (as reasoning models refuse `temperature`). Refused media and
/// parameters are remembered until the provider is dropped.
///
/// ```
/// use conversation_providers::OpenAiProvider;
/// let provider = OpenAiProvider::new("sk-...", "gpt-4o");
/// assert!(!format!("{provider:?}").contains("sk-..."));
/// ```
#[derive(Clone)]
pub struct OpenAiProvider {
    http: HttpClient,
    model: String,
    capabilities: Arc<ApiCapabilities>,
    prices: PriceTable,
    rejections: RejectionCache,
    stream_usage: bool,
    max_answer: usize,
}

/// What the attempts of one request have in common.
struct Call<'a> {
    request: &'a ProviderRequest<'a>,
    transcript: &'a Transcript<'a>,
    media: &'a MediaContext,
    model: &'a str,
    capabilities: &'a ApiCapabilities,
    attempts: Attempts<'a>,
}

enum AttemptOutcome {
    Complete(Box<Completion>),
    Streaming(Box<StreamingResponse>),
}

impl OpenAiProvider {
    /// Creates a provider of a model, with the key of an account; an empty key sends none.
    pub fn new(key: impl AsRef<str>, model: impl Into<String>) -> Self {
        let model = model.into();
        let builtin = Capabilities::builtin().api(FORMAT.capability_name());
        let settings = HttpSettings::new(NAME, key.as_ref(), BASE_URL, &model);
        Self {
            http: HttpClient::new(settings),
            capabilities: builtin.unwrap_or_default(),
            model,
            prices: PriceTable::builtin(),
            rejections: RejectionCache::default(),
            stream_usage: true,
            max_answer: 64 * 1024 * 1024,
        }
    }

    http_setters!("https://api.openai.com/v1");

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

    /// Sets the prices for [`Completion::cost`](crate::Completion::cost). Defaults to the built-in
    /// table.
    #[must_use]
    pub fn with_price_table(mut self, prices: PriceTable) -> Self {
        self.prices = prices;
        self
    }

    /// Sets what the API accepts, by its entry `openai.chat`; without that entry no media is sent.
    /// Defaults to the built-in file.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: &Capabilities) -> Self {
        let api = capabilities.api(FORMAT.capability_name());
        self.capabilities = api.unwrap_or_default();
        self
    }

    /// Sets whether a streamed answer is asked to report its usage; some older compatible servers
    /// refuse that. Defaults to true.
    #[must_use]
    pub fn with_stream_usage(mut self, ask: bool) -> Self {
        self.stream_usage = ask;
        self
    }

    /// Sets the largest answer in bytes: of its media, decoded, and of the JSON around it, which
    /// may have 16 MiB at most. Defaults to 64 MiB.
    #[must_use]
    pub fn with_max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    fn settings(&self) -> &HttpSettings {
        &self.http.settings
    }

    fn limits(&self) -> DecodeLimits {
        DecodeLimits {
            paths: media_paths(FORMAT),
            max_json: self.max_answer.min(MAX_JSON),
            max_media: self.max_answer,
        }
    }

    fn write(&self, call: &Call<'_>, plan: &mut MediaPlan) -> Result<BodyTemplate, ProviderError> {
        let refused = self.rejections.parameters();
        let options = CodecOptions {
            model: call.model,
            capabilities: call.capabilities,
            stream_usage: self.stream_usage,
            refused: &refused,
        };
        let written = write_template(FORMAT, call.request, call.transcript, plan, &options);
        written.map_err(|error| {
            self.settings()
                .error(Kind::InvalidRequest)
                .with_source(error)
        })
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        template: BodyTemplate,
        plan: &MediaPlan,
    ) -> Result<AttemptOutcome, Refusal> {
        let input = estimate_input(template.text_len(), plan.sent());
        let lost = |error: ProviderError| match error.is_not_processed() {
            true => error,
            false => error.with_usage(input),
        };
        let progress = SendProgress::new();
        let settings = self.settings();
        let (silence, deadline) = (settings.first_byte_timeout, call.attempts.deadline());
        let answer = async {
            let mut response = self.send(call, template, plan, &progress).await?;
            if !response.status().is_success() {
                return Err(self.refusal(call, plan, response).await);
            }
            if call.request.mode == ResponseMode::Streaming && is_stream(&response) {
                let mut streaming = StreamingResponse::new(
                    settings.clone(),
                    call.model.to_owned(),
                    self.prices.clone(),
                    self.limits(),
                    call.media.sink(),
                    response,
                    input,
                )
                .with_deadline(call.request.budget.deadline());
                streaming.start(&progress).await?;
                return Ok(AnswerStart::Streaming(Box::new(streaming)));
            }
            let decode = |error: DecodeError| error.into_error(NAME);
            check_len(&response, self.limits()).map_err(decode)?;
            let first = next_chunk(NAME, &mut response).await?;
            Ok(AnswerStart::Complete(response, first))
        };
        let answer = wait_for_answer(answer, &progress, silence, deadline).await;
        let answer = answer.map_err(|phase| lost(settings.error(Kind::Timeout(phase))))?;
        let start = answer.map_err(|refusal| match refusal {
            Refusal::Final(error) => Refusal::Final(lost(error)),
            other => other,
        })?;
        match start {
            AnswerStart::Streaming(streaming) => Ok(AttemptOutcome::Streaming(streaming)),
            AnswerStart::Complete(response, first) => {
                let completion = self.read(call, response, first, plan, input).await;
                let completion = completion.map_err(lost)?;
                Ok(AttemptOutcome::Complete(Box::new(completion)))
            }
        }
    }

    async fn send(
        &self,
        call: &Call<'_>,
        template: BodyTemplate,
        plan: &MediaPlan,
        progress: &SendProgress,
    ) -> Result<reqwest::Response, Refusal> {
        let slot = FailureSlot::default();
        let body = SendBody::new(template, plan, call.media, slot.clone(), progress.clone());
        let accept = match call.request.mode {
            ResponseMode::Streaming => "text/event-stream, application/json",
            _ => "application/json",
        };
        let sent = self
            .http
            .post(&["chat", "completions"])
            .await?
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, accept)
            .body(reqwest::Body::wrap(body))
            .send()
            .await;
        let response = match (sent, slot.take()) {
            // An answer counts even where the body was not read to its end.
            (Ok(response), _) => response,
            (Err(_), Some(failed)) => return Err(Refusal::Unreadable(failed)),
            (Err(error), None) => return Err(transport_error(NAME, error).into()),
        };
        tracing::debug!(
            provider = NAME,
            model = call.model,
            status = response.status().as_u16(),
            "answered"
        );
        Ok(response)
    }

    async fn refusal(
        &self,
        call: &Call<'_>,
        plan: &MediaPlan,
        mut response: reqwest::Response,
    ) -> Refusal {
        let status = response.status().as_u16();
        let body = read_error_body(&mut response).await;
        classify(
            self.settings(),
            status,
            response.headers(),
            &body,
            call.transcript,
            plan,
        )
    }

    /// Reads a complete answer.
    async fn read(
        &self,
        call: &Call<'_>,
        mut response: reqwest::Response,
        first: Option<bytes::Bytes>,
        plan: &MediaPlan,
        input: TokenUsage,
    ) -> Result<Completion, ProviderError> {
        let settings = self.settings();
        let decode = |error: DecodeError| error.into_error(NAME);
        let mut decoder = ResponseDecoder::new(self.limits(), call.media.sink());
        let mut next = first;
        while let Some(chunk) = next {
            decoder.push(&chunk).await.map_err(decode)?;
            let more = next_chunk(NAME, &mut response);
            let deadline = Some(call.attempts.deadline());
            next = wait_idle(more, settings.idle_timeout, deadline)
                .await
                .map_err(|phase| settings.error(Kind::Timeout(phase)))??;
        }
        let mut decoded = decoder.finish().map_err(decode)?;
        let mut answer = ChatDecoder::new(input);
        let mut events = VecDeque::new();
        answer
            .push(settings, usize::MAX, &mut decoded, &mut events)
            .await?;
        if !answer.is_complete() {
            let error = settings.error(Kind::InvalidResponse);
            return Err(error.with_reason("the response has no choices"));
        }
        let omitted = plan.omitted_media();
        Ok(answer.finish(call.model, &self.prices, omitted, &mut events))
    }
}

/// An answer of which the first byte has come.
enum AnswerStart {
    Complete(reqwest::Response, Option<bytes::Bytes>),
    Streaming(Box<StreamingResponse>),
}

fn is_stream(response: &reqwest::Response) -> bool {
    // A server that does not say what it sends was asked for a stream.
    !response.headers().contains_key(CONTENT_TYPE) || is_event_stream(response)
}

#[async_trait]
impl Provider for OpenAiProvider {
    fn name(&self) -> &str {
        NAME
    }

    fn model(&self) -> &str {
        &self.model
    }

    async fn complete(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        let model = request.model.unwrap_or(&self.model);
        let opaque = LoadedOpaque::load(NAME, request.messages, media.loader()).await;
        let transcript = build_transcript(FORMAT, &request, &opaque);
        let capabilities = Arc::new(self.capabilities.for_model(model));
        let contents = transcript.media.iter().copied();
        let mut plan = media.plan(NAME, &capabilities, contents).await;
        for (index, content) in transcript.media.iter().enumerate() {
            if self.rejections.has_media(content) {
                plan.omit(index, OmissionReason::Refused, REFUSED);
            }
        }
        let mut call = Call {
            request: &request,
            transcript: &transcript,
            media,
            model,
            capabilities: &capabilities,
            attempts: Attempts::new(self.settings(), &request.budget),
        };
        let mut recovery = RecoveryState::default();
        let outcome = loop {
            let template = self.write(&call, &mut plan)?;
            call.attempts.begin()?;
            match self.attempt(&call, template, &plan).await {
                Ok(outcome) => break outcome,
                Err(Refusal::Final(error)) => call.attempts.wait(error).await?,
                Err(refusal) if !call.attempts.is_left() => return Err(refusal.into_error()),
                Err(refusal) => {
                    recovery
                        .repair_request(refusal, &mut plan, media, &self.rejections)
                        .await?;
                }
            }
        };
        recovery.remember(&self.rejections);
        Ok(match outcome {
            AttemptOutcome::Complete(completion) => ProviderResponse::complete(*completion),
            AttemptOutcome::Streaming(mut streaming) => {
                streaming.set_omitted(plan.omitted_media());
                ProviderResponse::from_events(streaming.into_events())
            }
        })
    }
}

impl fmt::Debug for OpenAiProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiProvider")
            .field("model", &self.model)
            .field("settings", self.settings())
            .finish_non_exhaustive()
    }
}
