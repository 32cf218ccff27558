//! One request.

use std::time::Duration;

use media_types::Mime;
use media_types::readable::causes;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use tokio::time::Instant;

use super::super::api_error::ApiError;
use super::super::names::NAME;
use super::super::refusal::classify_images;
use super::form::ImagesBody;
use super::response::{ImagesResponse, ImagesResponseReader};
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::{
    FailureSlot, HttpClient, SendBody, SendProgress, is_event_stream, next_chunk, read_error_body,
    transport_error, wait_for_answer, wait_idle,
};
use crate::http_provider::{FailedResponse, Failure, Stake};
use crate::image::ImageRequest;
use crate::price::PriceTable;
use crate::usage::estimate_input;

/// What an attempt needs to know.
pub(super) struct Attempt<'a> {
    pub(super) http: &'a HttpClient,
    pub(super) model: &'a str,
    pub(super) prices: &'a PriceTable,
    pub(super) max_answer: usize,
    pub(super) request: &'a ImageRequest,
    /// The type of images whose answer says none.
    pub(super) asked: &'a Mime,
    /// The longest wait for the first byte.
    pub(super) silence: Duration,
    pub(super) deadline: Instant,
}

impl Attempt<'_> {
    /// Sends the request once, and reads its answer.
    pub(super) async fn run(&self, body: &ImagesBody) -> Result<ImagesResponse, Failure> {
        let input = estimate_input(body.body.text_len(), body.body.plan().sent());
        let cost = self.prices.cost(self.model, &input);
        let progress = SendProgress::new();
        let stake = Stake::new(self.request.budget(), progress.clone(), (input, cost));
        let outcome = self.answer(body, &progress).await;
        stake.settle();
        outcome.map_err(|failure| {
            failure.map_final(|error| match error.is_not_processed() {
                true => error,
                false => error.with_usage(input).with_cost(cost),
            })
        })
    }

    async fn answer(
        &self,
        body: &ImagesBody,
        progress: &SendProgress,
    ) -> Result<ImagesResponse, Failure> {
        let settings = &self.http.settings;
        let request = self.request;
        let answer = async {
            let mut response = self.send(body, progress).await?;
            let first = next_chunk(NAME, &mut response).await?;
            Ok::<_, Failure>((response, first))
        };
        let answer = wait_for_answer(answer, progress, self.silence, self.deadline).await;
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
                next = match wait_idle(more, settings.idle_timeout, Some(self.deadline)).await {
                    // What breaks, or stays open, after its end is not broken.
                    Err(_) | Ok(Err(_)) if reader.is_complete(count) => None,
                    other => other.map_err(timeout)??,
                };
            }
            Ok::<_, ProviderError>(())
        };
        let ended = read.await.err();
        let mut images = reader.finish(self.asked, count, ended).await?;
        if let Some(error) = images.error.take() {
            let error = ApiError::from_value(&error).into_hidden_error(settings);
            images.ended = Some(error);
        }
        match images.ended.take() {
            Some(error) if images.images.is_empty() => Err(error.into()),
            // They are paid for, and would be paid for again.
            Some(error) => {
                tracing::warn!(provider = NAME, error = %causes(&error), "an answer ended early; its images are kept");
                images.ended = Some(error);
                Ok(images)
            }
            None => Ok(images),
        }
    }

    async fn send(
        &self,
        body: &ImagesBody,
        progress: &SendProgress,
    ) -> Result<reqwest::Response, Failure> {
        let slot = FailureSlot::default();
        let (template, plan, media) = body.body.sending();
        let sent = SendBody::new(template, plan, media, slot.clone(), progress.clone());
        let request = self.http.post(&body.path, None).await?;
        let request = request
            .header(CONTENT_TYPE, body.body.content_type())
            .header(ACCEPT, "application/json")
            .body(reqwest::Body::wrap(sent));
        let mut response = match (request.send().await, slot.take()) {
            // An answer counts even where the body was not read to its end.
            (Ok(response), _) => response,
            (Err(_), Some(failed)) => return Err(Failure::Unreadable(failed)),
            (Err(error), None) => return Err(transport_error(NAME, error).into()),
        };
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
        let said = read_error_body(&mut response).await;
        let failed = FailedResponse {
            status: status.as_u16(),
            headers: response.headers(),
            body: &said,
            plan,
            // No error names a place in a form.
            media_at: &|_| Vec::new(),
        };
        let refusal = classify_images(&self.http.settings, &failed);
        Err(Failure::Refused(refusal))
    }
}
