//! Chat completions.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use media_types::MediaContent;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::failure::{ApiError, Failure, classify};
use super::learned::Learned;
use super::reply::{self, Finished};
use super::stream::Incoming;
use super::{BASE_URL, NAME};
use crate::provider::answer::form::places;
use crate::provider::answer::intake::{Form, Intake, IntakeError};
use crate::provider::capability::{ApiCapabilities, Capabilities};
use crate::provider::http::body::{FailureSlot, SendBody};
use crate::provider::http::client::{Http, Settings};
use crate::provider::http::settings::http_setters;
use crate::provider::http::{failure, read};
use crate::provider::media::{MediaContext, MediaPlan};
use crate::provider::note::NoteCause;
use crate::provider::price::PriceTable;
use crate::provider::skeleton::Skeleton;
use crate::provider::wire::{Options, Transcript, WireForm, chat};
use crate::provider::{
    Completion, Delivery, Provider, ProviderError, ProviderErrorKind as Kind, ProviderRequest,
    Reply,
};

const API: &str = "openai.chat";
/// Longest JSON of an answer around its media, in bytes.
const MAX_JSON: usize = 16 * 1024 * 1024;

/// How many times a request is changed because of what the server said.
const MAX_CHANGES: u32 = 6;

/// Chat completions of OpenAI, or of a server that speaks the same.
///
/// Media goes out as pictures, sound (`wav`, `mp3`) and files (PDF). Its base64 is streamed from
/// where the media is into the request: memory does not depend on its size. Media of tools and of
/// the model's own answers follows in a user message, since other roles take text only. Sound in an
/// answer, and pictures that gateways put beside its words, are decoded as they arrive and go to
/// the turn's [receiver](crate::receive::MediaReceiver).
///
/// What does not get through is tried again where that can help: rate limits and server errors
/// after a wait; media that the server refuses, or that cannot be read, once more with a note in
/// its place ([`Completion::notes`](crate::provider::Completion::notes)); a tuning parameter that
/// the model does not take (as reasoning models refuse `temperature`), without it. Refused
/// media and parameters are remembered until the provider is dropped.
///
/// ```
/// use conversation_sdk::provider::OpenAiProvider;
/// let provider = OpenAiProvider::new("sk-...", "gpt-4o");
/// assert!(!format!("{provider:?}").contains("sk-..."));
/// ```
#[derive(Clone)]
pub struct OpenAiProvider {
    http: Http,
    model: String,
    capabilities: Arc<ApiCapabilities>,
    prices: PriceTable,
    learned: Learned,
    stream_usage: bool,
    max_answer: usize,
}

impl OpenAiProvider {
    /// A model by its name, with the key of an account; an empty key sends none.
    pub fn new(key: impl AsRef<str>, model: impl Into<String>) -> Self {
        let model = model.into();
        let api = Capabilities::builtin().api(API).unwrap_or_default();
        Self {
            http: Http::new(Settings::new(NAME, key.as_ref(), BASE_URL)),
            capabilities: Arc::new(api.for_model(&model)),
            model,
            prices: PriceTable::builtin(),
            learned: Learned::default(),
            stream_usage: true,
            max_answer: 64 * 1024 * 1024,
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

    /// Prices for [`Completion::cost`](crate::provider::Completion::cost). Default: the built-in
    /// table.
    #[must_use]
    pub fn with_price_table(mut self, prices: PriceTable) -> Self {
        self.prices = prices;
        self
    }

    /// What the API takes, by its entry `openai.chat`; without that entry no media is sent.
    /// Default: the built-in file.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: &Capabilities) -> Self {
        let api = capabilities.api(API).unwrap_or_default();
        self.capabilities = Arc::new(api.for_model(&self.model));
        self
    }

    /// Whether a streamed answer is asked to tell its usage; some older compatible servers refuse
    /// to be asked. Default: it is.
    #[must_use]
    pub fn with_stream_usage(mut self, ask: bool) -> Self {
        self.stream_usage = ask;
        self
    }

    /// Largest answer in bytes: of its media, decoded, and of the JSON around it, which may have
    /// 16 MiB at most. Default: 64 MiB.
    #[must_use]
    pub fn with_max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    fn settings(&self) -> &Settings {
        &self.http.settings
    }

    fn write(
        &self,
        request: &ProviderRequest<'_>,
        transcript: &Transcript<'_>,
        plan: &MediaPlan,
    ) -> Result<Skeleton, ProviderError> {
        let refused = self.learned.parameters();
        let options = Options {
            model: &self.model,
            capabilities: &self.capabilities,
            stream_usage: self.stream_usage,
            refused: &refused,
        };
        let json = chat::render(request, transcript, plan, &options);
        Skeleton::write(&json).map_err(|error| {
            self.settings()
                .error(Kind::InvalidRequest)
                .with_source(error)
        })
    }

    async fn attempt(
        &self,
        skeleton: Skeleton,
        transcript: &Transcript<'_>,
        plan: &MediaPlan,
        media: &MediaContext,
        delivery: Delivery,
    ) -> Result<Answered, Failure> {
        let slot = FailureSlot::default();
        let body = SendBody::new(skeleton, plan, media, slot.clone());
        let accept = match delivery {
            Delivery::Whole => "application/json",
            Delivery::Deltas => "text/event-stream, application/json",
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
        let mut response = match (sent, slot.take()) {
            // An answer counts even where the body was not read to its end.
            (Ok(response), _) => response,
            (Err(_), Some(failed)) => return Err(Failure::Media(failed)),
            (Err(error), None) => return Err(failure::of_transport(NAME, error).into()),
        };
        let status = response.status();
        tracing::debug!(
            provider = NAME,
            model = self.model,
            status = status.as_u16(),
            "answered"
        );
        if !status.is_success() {
            let body = read::start_of_error(&mut response).await;
            return Err(classify(
                self.settings(),
                status.as_u16(),
                response.headers(),
                &body,
                transcript,
                plan,
            ));
        }
        let form = Form {
            places: places(WireForm::OpenAiChat),
            max_rest: self.max_answer.min(MAX_JSON),
            max_media: self.max_answer,
        };
        if delivery == Delivery::Deltas && is_event_stream(&response) {
            let mut incoming = Incoming::new(
                self.settings().clone(),
                self.model.clone(),
                self.prices.clone(),
                form,
                media.receiver(),
                response,
            );
            incoming.first().await?;
            return Ok(Answered::Incoming(Box::new(incoming)));
        }
        let trouble = |error: IntakeError| error.into_error(NAME);
        read::check_len(&response, form).map_err(trouble)?;
        let mut intake = Intake::new(form, media.receiver());
        while let Some(piece) = read::next(NAME, &mut response).await? {
            intake.push(&piece).await.map_err(trouble)?;
        }
        let mut taken = intake.finish().map_err(trouble)?;
        let mut answer = reply::parse(NAME, &taken.json)?;
        if let Some(error) = answer.error.take().filter(|error| !error.is_null()) {
            let api = ApiError::from_value(&error);
            let status = api.status.unwrap_or(500);
            return Err(api.into_error(self.settings(), status).into());
        }
        let finished = Finished::from_answer(answer, &mut taken).await?;
        let finished = finished.ok_or_else(|| {
            self.settings()
                .error(Kind::InvalidResponse)
                .with_message("the answer has no choices")
        })?;
        let completion = finished.into_completion(&self.model, &self.prices);
        Ok(Answered::Whole(Box::new(completion)))
    }

    /// Changes the request so that the next attempt may succeed; gives the error back where there
    /// is nothing to change.
    async fn change(
        &self,
        failed: Failure,
        plan: &mut MediaPlan,
        media: &MediaContext,
        tried: &mut Tried,
    ) -> Result<(), ProviderError> {
        tried.changes += 1;
        if tried.changes > MAX_CHANGES {
            return Err(failed.into_error());
        }
        match failed {
            Failure::Media(failed) => {
                tried.unreadable += 1;
                tracing::warn!(provider = NAME, %failed, "media failed while it was sent");
                match tried.unreadable {
                    1 => plan.amend(&failed),
                    // One after the other would send the same again and again.
                    2 => plan.check(media).await,
                    _ => return Err(Failure::Media(failed).into_error()),
                }
                Ok(())
            }
            Failure::Refused {
                media,
                named,
                error,
            } => {
                tracing::warn!(provider = NAME, %error, "media was refused; trying without it");
                // An address that the provider could not fetch is no bad picture.
                let by_url = media.iter().filter(|i| plan.bytes_instead_of_url(**i));
                if by_url.count() == 0 {
                    tried.refused += 1;
                    self.leave_out(&media, named, &error, plan, tried)
                        .ok_or(error)?;
                }
                Ok(())
            }
            Failure::Parameter { name, error } => {
                // Whether another request has learned it meanwhile says nothing about this one.
                if !tried.parameters.insert(name.clone()) {
                    return Err(error);
                }
                tracing::warn!(
                    provider = NAME,
                    model = self.model,
                    name,
                    "the model does not take this parameter; trying without it"
                );
                self.learned.refuse_parameter(&name);
                Ok(())
            }
            Failure::Plain(error) => Err(error),
        }
    }

    /// Puts notes in place of refused media: of what was named first, then of all; `None` where
    /// that was done already.
    fn leave_out(
        &self,
        refused: &[usize],
        named: bool,
        error: &ProviderError,
        plan: &mut MediaPlan,
        tried: &mut Tried,
    ) -> Option<()> {
        let (cause, reason) = match error.kind() {
            Kind::TooLarge => (NoteCause::TooLarge, "it is too large for openai"),
            _ => (NoteCause::Refused, REFUSED),
        };
        let all: Vec<usize>;
        let refused = match tried.refused {
            1 => refused,
            2 => {
                all = (0..plan.len()).filter(|i| plan.is_sent(*i)).collect();
                &all
            }
            _ => return None,
        };
        for index in refused {
            if let Some((content, _)) = plan.get(*index)
                && named
                && tried.refused == 1
                && cause == NoteCause::Refused
            {
                tried.to_blame.push(content.clone());
            }
            plan.note(*index, cause, reason);
        }
        Some(())
    }
}

const REFUSED: &str = "it was refused by openai";

/// What was changed for the sake of one request.
#[derive(Debug, Default)]
struct Tried {
    changes: u32,
    unreadable: u32,
    refused: u32,
    /// Parameters that were left out.
    parameters: BTreeSet<String>,
    /// Media without which the request may succeed: if it does, that media is remembered.
    to_blame: Vec<MediaContent>,
}

enum Answered {
    Whole(Box<Completion>),
    Incoming(Box<Incoming>),
}

fn is_event_stream(response: &reqwest::Response) -> bool {
    // A server that does not say what it sends was asked for a stream.
    !response.headers().contains_key(CONTENT_TYPE) || read::is_events(response)
}

#[async_trait]
impl Provider for OpenAiProvider {
    fn name(&self) -> &str {
        NAME
    }

    fn model(&self) -> &str {
        &self.model
    }

    async fn respond(
        &self,
        request: ProviderRequest<'_>,
        media: &MediaContext,
    ) -> Result<Reply, ProviderError> {
        let transcript = Transcript::of(WireForm::OpenAiChat, &request);
        let contents = transcript.media.iter().copied();
        let mut plan = media.plan(NAME, &self.capabilities, contents).await;
        for (index, content) in transcript.media.iter().enumerate() {
            if self.learned.is_refused(content) {
                plan.note(index, NoteCause::Refused, REFUSED);
            }
        }
        let settings = self.settings();
        let mut attempts = settings.retry.start(NAME, settings.deadline);
        let mut tried = Tried::default();
        let answered = loop {
            let skeleton = self.write(&request, &transcript, &plan)?;
            let attempt = self.attempt(skeleton, &transcript, &plan, media, request.delivery);
            match attempts.run(settings.timeout, attempt).await {
                Ok(answered) => break answered,
                Err(Failure::Plain(error)) => attempts.again(error).await?,
                Err(other) => self.change(other, &mut plan, media, &mut tried).await?,
            }
        };
        for content in &tried.to_blame {
            self.learned.refuse_media(content);
        }
        Ok(match answered {
            Answered::Whole(completion) => Reply::whole(completion.with_notes(plan.notes())),
            Answered::Incoming(mut incoming) => {
                incoming.set_notes(plan.notes());
                Reply::from_events(incoming.into_events())
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
