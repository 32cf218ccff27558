//! One request.

use std::collections::VecDeque;

use bytes::Bytes;
use conversation_types::TokenUsage;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::api::{AnswerDecoder, Api, FailedResponse};
use super::complaint::complaint;
use super::core::HttpProvider;
use super::failure::{Complaint, Failure};
use super::refusal::Refusal;
use super::stake::Stake;
use super::streaming::StreamingResponse;
use crate::answer::{DecodeError, DecodeLimits, ResponseDecoder};
use crate::body::write_template;
use crate::capability::ApiCapabilities;
use crate::codec::CodecOptions;
use crate::completion::Completion;
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::{
    Attempts, FailureSlot, HttpSettings, SendBody, SendProgress, check_len, is_event_stream,
    next_chunk, read_error_body, transport_error, wait_for_answer, wait_idle,
};
use crate::media::{MediaContext, MediaPlan, RequestPlan};
use crate::request::{ProviderRequest, ResponseMode};
use crate::template::BodyTemplate;
use crate::transcript::Transcript;
use crate::usage::estimate_input;

/// Longest JSON of an answer around its media, or of one of its events, in bytes.
const MAX_JSON: usize = 16 * 1024 * 1024;

/// What the attempts of one request have in common.
pub(super) struct Call<'a, A> {
    pub(super) provider: &'a HttpProvider<A>,
    pub(super) request: &'a ProviderRequest<'a>,
    pub(super) transcript: &'a Transcript<'a>,
    pub(super) media: &'a MediaContext,
    pub(super) model: &'a str,
    pub(super) capabilities: &'a ApiCapabilities,
    pub(super) attempts: Attempts<'a>,
    /// Whether signatures are left out.
    pub(super) unsigned: bool,
}

pub(super) enum AttemptOutcome<D> {
    Complete(Box<Completion>),
    Streaming(Box<StreamingResponse<D>>),
}

impl<A: Api> Call<'_, A> {
    fn settings(&self) -> &HttpSettings {
        &self.provider.http.settings
    }

    fn limits(&self) -> DecodeLimits {
        DecodeLimits {
            paths: A::FORMAT.spec().media,
            max_json: self.provider.max_answer.min(MAX_JSON),
            max_media: self.provider.max_answer,
        }
    }

    fn options<'o>(&'o self, refused: &'o [String]) -> CodecOptions<'o> {
        CodecOptions {
            model: self.model,
            capabilities: self.capabilities,
            stream_usage: self.provider.stream_usage,
            refused,
            unsigned: self.unsigned,
        }
    }

    pub(super) fn write(&self, plan: &mut RequestPlan) -> Result<BodyTemplate, ProviderError> {
        let refused = self.provider.rejections.parameters(self.model);
        let options = self.options(&refused);
        let written = write_template(
            A::FORMAT.spec(),
            self.request,
            self.transcript,
            plan,
            &options,
        );
        written.map_err(|error| {
            self.settings()
                .error(Kind::InvalidRequest)
                .with_source(error)
        })
    }

    /// Sends the request once, and waits until its answer is complete or has begun to arrive.
    pub(super) async fn attempt(
        &self,
        template: BodyTemplate,
        plan: &MediaPlan,
    ) -> Result<AttemptOutcome<A::Decoder>, Failure> {
        let input = estimate_input(template.text_len(), plan.sent());
        let progress = SendProgress::new();
        let cost = self.provider.prices.cost(self.model, &input);
        let stake = Stake::new(&self.request.budget, progress.clone(), (input, cost));
        let outcome = self.attempt_once(template, plan, input, &progress).await;
        stake.settle();
        outcome
    }

    async fn attempt_once(
        &self,
        template: BodyTemplate,
        plan: &MediaPlan,
        input: TokenUsage,
        progress: &SendProgress,
    ) -> Result<AttemptOutcome<A::Decoder>, Failure> {
        let lost = |error: ProviderError| match error.is_not_processed() {
            true => error,
            false => error
                .with_usage(input)
                .with_cost(self.provider.prices.cost(self.model, &input)),
        };
        let settings = self.settings();
        let (silence, deadline) = (
            settings.first_byte_timeout(self.model),
            self.attempts.deadline(),
        );
        let answer = async {
            let mut response = self.send(template, plan, progress).await?;
            if !response.status().is_success() {
                return Err(self.refusal(plan, response).await);
            }
            if self.request.mode == ResponseMode::Streaming && is_stream(&response) {
                let mut streaming = StreamingResponse::new(
                    settings.clone(),
                    self.model.to_owned(),
                    self.provider.prices.clone(),
                    self.limits(),
                    self.media.sink(),
                    response,
                    input,
                )
                .with_deadline(self.request.budget.deadline())
                .with_forget(
                    self.provider
                        .forget
                        .of(&self.provider.http, &self.request.parameters),
                );
                streaming.start(progress).await?;
                return Ok(AnswerStart::Streaming(Box::new(streaming)));
            }
            let decode = |error: DecodeError| error.into_error(A::NAME);
            check_len(&response, self.limits()).map_err(decode)?;
            let first = next_chunk(A::NAME, &mut response).await?;
            Ok(AnswerStart::Complete(response, first))
        };
        let answer = wait_for_answer(answer, progress, silence, deadline).await;
        let answer = answer.map_err(|phase| lost(settings.error(Kind::Timeout(phase))))?;
        let start = answer.map_err(|refusal| refusal.map_final(lost))?;
        match start {
            AnswerStart::Streaming(streaming) => Ok(AttemptOutcome::Streaming(streaming)),
            AnswerStart::Complete(response, first) => {
                let completion = self.read(response, first, plan, input).await;
                let completion = completion.map_err(lost)?;
                Ok(AttemptOutcome::Complete(Box::new(completion)))
            }
        }
    }

    async fn send(
        &self,
        template: BodyTemplate,
        plan: &MediaPlan,
        progress: &SendProgress,
    ) -> Result<reqwest::Response, Failure> {
        let slot = FailureSlot::default();
        let body = SendBody::new(template, plan, self.media, slot.clone(), progress.clone());
        let accept = match self.request.mode {
            ResponseMode::Streaming => "text/event-stream, application/json",
            _ => "application/json",
        };
        let endpoint = self.provider.api.endpoint(self.model, self.request.mode);
        let own = self.provider.api.headers(self.settings(), plan);
        let headers = self.provider.http.own_headers(own)?;
        let sent = self
            .provider
            .http
            .post(&endpoint.path, endpoint.query)
            .await?
            .headers(headers)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, accept)
            .body(reqwest::Body::wrap(body))
            .send()
            .await;
        let response = match (sent, slot.take()) {
            // An answer counts even where the body was not read to its end.
            (Ok(response), _) => response,
            (Err(_), Some(failed)) => return Err(Failure::Unreadable(failed)),
            (Err(error), None) => return Err(transport_error(A::NAME, error).into()),
        };
        tracing::debug!(
            provider = A::NAME,
            model = self.model,
            status = response.status().as_u16(),
            "answered"
        );
        Ok(response)
    }

    async fn refusal(&self, plan: &MediaPlan, mut response: reqwest::Response) -> Failure {
        let status = response.status().as_u16();
        let body = read_error_body(&mut response).await;
        let media_at = |path: &[&str]| {
            let options = self.options(&[]);
            (A::FORMAT.spec().render)(self.request, self.transcript, plan, &options).media_at(path)
        };
        let failed = FailedResponse {
            status,
            headers: response.headers(),
            body: &body,
            plan,
            media_at: &media_at,
        };
        let refusal = self.provider.api.refusal(self.settings(), &failed);
        match (refusal, complaint(&failed)) {
            // What the API names by its own rules, unless the error is about all media of a kind.
            (
                refusal @ Refusal::Media { certain: true, .. },
                None | Some(Complaint::Items(_) | Complaint::Some(_) | Complaint::Size),
            ) => Failure::Refused(refusal),
            (Refusal::Final(error), Some(Complaint::Size)) if !may_be_size(error.kind()) => {
                Failure::from(error)
            }
            (Refusal::Final(error) | Refusal::Media { error, .. }, Some(complaint)) => {
                Failure::Complaint { complaint, error }
            }
            (refusal, _) => Failure::Refused(refusal),
        }
    }

    /// Reads a complete answer.
    async fn read(
        &self,
        mut response: reqwest::Response,
        first: Option<Bytes>,
        plan: &MediaPlan,
        input: TokenUsage,
    ) -> Result<Completion, ProviderError> {
        let settings = self.settings();
        let decode = |error: DecodeError| error.into_error(A::NAME);
        let mut decoder = ResponseDecoder::new(self.limits(), self.media.sink());
        let mut next = first;
        while let Some(chunk) = next {
            decoder.push(&chunk).await.map_err(decode)?;
            let more = next_chunk(A::NAME, &mut response);
            let deadline = Some(self.attempts.deadline());
            next = wait_idle(more, settings.idle_timeout, deadline)
                .await
                .map_err(|phase| settings.error(Kind::Timeout(phase)))??;
        }
        let mut decoded = decoder.finish().map_err(decode)?;
        let mut answer = A::Decoder::new(input, self.media.sink());
        let mut events = VecDeque::new();
        answer
            .push(settings, usize::MAX, &mut decoded, &mut events)
            .await?;
        if !answer.is_complete() {
            let error = settings.error(Kind::InvalidResponse);
            return Err(error.with_reason("the response holds no answer"));
        }
        let omitted = plan.omitted_media();
        Ok(answer.finish(self.model, &self.provider.prices, omitted, &mut events))
    }
}

/// An answer of which the first byte has come.
enum AnswerStart<D> {
    Complete(reqwest::Response, Option<Bytes>),
    Streaming(Box<StreamingResponse<D>>),
}

/// Whether an error may be about the size of a request: some have its status and are about something else.
fn may_be_size(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Authentication
            | Kind::ContextLength
            | Kind::Overloaded
            | Kind::Quota
            | Kind::RateLimited
            | Kind::Refused
    )
}

fn is_stream(response: &reqwest::Response) -> bool {
    // A server that does not say what it sends was asked for a stream.
    !response.headers().contains_key(CONTENT_TYPE) || is_event_stream(response)
}
