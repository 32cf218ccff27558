//! The provider of Responses.

use async_trait::async_trait;
use chrono::Utc;
use conversation_types::{FinishReason, Message, Part};
use futures_util::stream::{self, StreamExt};
use media_types::MediaContent;
use serde_json::{Value, json};

use super::super::names::{BASE_URL, NAME};
use super::super::refusal::classify;
use super::chain::{HistoryHash, last_response};
use super::decoder::ResponsesDecoder;
use super::unwanted::{PATH, deletions, forgetting};
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::format::ApiFormat;
use crate::http::HttpSettings;
use crate::http_provider::{
    Api, Endpoint, FailedResponse, ForgetRule, HttpProvider, Refusal, provider_over_http,
};
use crate::kept_answers::KeptAnswers;
use crate::media::{MediaContext, hash_inline};
use crate::request::{ProviderRequest, ResponseMode};
use crate::response::{ProviderResponse, ResponseEvent};

/// What the provider is asked for, so that reasoning can go back to it.
const REASONING: &str = "reasoning.encrypted_content";

/// Responses of OpenAI, or of a compatible server.
///
/// Media goes out as images and files, also in results of tools; its base64 is streamed from where
/// the media is into the request. Reasoning, messages with their phase and every other item are kept
/// with the answer and sent back unchanged, in order. Images that the model made are decoded as they
/// arrive, go to the [sink](crate::sink) of the request once, and back byte for byte.
///
/// The provider keeps nothing unless it is asked to ([`with_stored_responses`]): each request holds
/// the whole conversation, and asks for reasoning that can go back.
///
/// A request that was not carried out is sent again where that can help: after a wait for rate
/// limits and overload; once more without media that the server refuses or that cannot be read
/// ([`Completion::omitted_media`](crate::Completion::omitted_media)); without a tuning parameter that
/// the model does not accept; once more without reasoning that the server cannot decrypt.
///
/// ```
/// use conversation_providers::ResponsesProvider;
/// let provider = ResponsesProvider::new("sk-...", "gpt-5");
/// assert!(!format!("{provider:?}").contains("sk-..."));
/// ```
///
/// [`with_stored_responses`]: Self::with_stored_responses
#[derive(Clone)]
pub struct ResponsesProvider(HttpProvider<ResponsesApi>);

provider_over_http!(
    ResponsesProvider,
    ResponsesApi,
    "`https://api.openai.com/v1`",
    "`openai.responses`",
    respond
);

impl ResponsesProvider {
    /// Creates a provider of a model, with the key of an account; an empty key sends none.
    pub fn new(key: impl AsRef<str>, model: impl Into<String>) -> Self {
        let mut provider = HttpProvider::new(ResponsesApi { is_stored: false }, key, model);
        // Clones of the provider share it.
        let at_once = deletions();
        provider.forget = ForgetRule::new(move |http, parameters| {
            // The API keeps what it is not told otherwise about.
            let is_kept = parameters.get("store") != Some(&json!(false));
            is_kept.then(|| forgetting(http, &at_once))
        });
        Self(provider)
    }

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

    /// Sets whether the provider keeps its answers, for 30 days. Defaults to false.
    ///
    /// Then the next request names the last answer (`previous_response_id`) and holds only what came
    /// after it, so that media is sent once. That is done only if the answer was complete and the
    /// conversation up to it is still the same; else, and where the provider has forgotten the
    /// answer, the whole conversation goes out. What the provider keeps is deleted by
    /// [`KeptAnswers::delete`] with [`Completion::response_id`](crate::Completion::response_id); a
    /// manager of conversations does that when one is deleted, also where this was set before and
    /// is not any more.
    #[must_use]
    pub fn with_stored_responses(mut self, stored: bool) -> Self {
        self.0.api.is_stored = stored;
        self
    }

    fn kept(&self) -> Option<&dyn KeptAnswers> {
        Some(self)
    }

    async fn respond(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<ProviderResponse, ProviderError> {
        let request = self.prepared(request);
        let names_state = |name: &str| request.parameters.contains_key(name);
        if !self.0.api.is_stored
            || names_state("previous_response_id")
            || names_state("conversation")
        {
            return self.0.respond(&request, media).await;
        }
        hash_inline(&media_of(request.messages)).await;
        let history = HistoryHash::of(request.messages);
        if let Some(last) = last_response(request.messages, Utc::now().timestamp()) {
            let mut next = request.clone();
            next.known = last.known;
            let id = Value::from(last.id);
            next.parameters
                .insert("previous_response_id".to_owned(), id);
            match self.0.respond(&next, media).await {
                Err(error) if is_forgotten(&error) => {
                    tracing::info!(provider = NAME, "the last answer is no longer kept");
                }
                answer => return answer.map(|answer| linked(answer, history)),
            }
        }
        let answer = self.0.respond(&request, media).await;
        answer.map(|answer| linked(answer, history))
    }

    /// The request with what is asked of the provider beside it, unless the caller has said so.
    fn prepared<'a>(&self, mut request: ProviderRequest<'a>) -> ProviderRequest<'a> {
        let is_stored = Value::from(self.0.api.is_stored);
        let store = request.parameters.entry("store").or_insert(is_stored);
        if *store == json!(false) {
            let include = request.parameters.entry("include");
            if let Value::Array(names) = include.or_insert_with(|| json!([]))
                && !names.contains(&json!(REASONING))
            {
                names.push(REASONING.into());
            }
        }
        request
    }
}

fn is_no_method(error: &ProviderError) -> bool {
    matches!(error.status(), Some(405 | 501))
}

fn media_of(messages: &[Message]) -> Vec<&MediaContent> {
    let parts = messages.iter().flat_map(|message| &message.content);
    let media = parts.filter_map(|part| match part {
        Part::Media(media) => Some(media),
        _ => None,
    });
    media.collect()
}

fn is_forgotten(error: &ProviderError) -> bool {
    let says = |text: &str| {
        error
            .message()
            .is_some_and(|message| message.contains(text))
    };
    error.code() == Some("previous_response_not_found")
        || matches!(error.kind(), Kind::NotFound | Kind::InvalidRequest)
            && (says("Previous response") || says("previous_response_id"))
}

/// An answer behind whose parts stands what the next request needs to name it.
fn linked(answer: ProviderResponse, history: HistoryHash) -> ProviderResponse {
    let events = answer.into_events().flat_map(move |event| {
        let Ok(ResponseEvent::Done(mut done)) = event else {
            return stream::iter(vec![event]);
        };
        let is_whole = matches!(done.finish, FinishReason::Stop | FinishReason::ToolCalls);
        let id = done.response_id.as_deref().filter(|_| is_whole);
        let link = id.and_then(|id| {
            let answer = Message::assistant(done.content.clone());
            let answer = answer.with_tool_calls(done.tool_calls.clone());
            history.clone().link(id, &answer, Utc::now().timestamp())
        });
        let mut events = Vec::new();
        if let Some(link) = link {
            done.content.push(link.clone());
            events.push(Ok(ResponseEvent::ItemDone(link)));
        }
        events.push(Ok(ResponseEvent::Done(done)));
        stream::iter(events)
    });
    ProviderResponse::from_events(events.boxed())
}

#[async_trait]
impl KeptAnswers for ResponsesProvider {
    fn place(&self) -> &'static str {
        "openai responses"
    }

    fn may_keep(&self, response_id: &str) -> bool {
        response_id.starts_with("resp_")
    }

    async fn delete(&self, response_id: &str) -> Result<bool, ProviderError> {
        match self.0.http.delete(&[PATH, response_id]).await {
            // A compatible server that keeps nothing may have no such method.
            Err(error) if !self.0.api.is_stored && is_no_method(&error) => Ok(false),
            other => other,
        }
    }
}

/// Responses as an API.
#[derive(Clone, Debug)]
struct ResponsesApi {
    /// Whether the provider keeps its answers.
    is_stored: bool,
}

impl Api for ResponsesApi {
    type Decoder = ResponsesDecoder;

    const NAME: &'static str = NAME;

    const FORMAT: ApiFormat = ApiFormat::OPENAI_RESPONSES;

    const BASE_URL: &'static str = BASE_URL;

    fn endpoint(&self, _: &str, _: ResponseMode) -> Endpoint {
        Endpoint::new([PATH])
    }

    fn refusal(&self, settings: &HttpSettings, failed: &FailedResponse<'_>) -> Refusal {
        classify(settings, failed)
    }
}
