//! An answer while it arrives.

use std::collections::VecDeque;

use conversation_types::{OmittedMedia, TokenUsage};
use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::api::AnswerDecoder;
use super::unwanted::{Forget, Unwanted, is_of_answer};
use crate::answer::{DecodeLimits, EventDecoder};
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::{HttpSettings, SendProgress, next_chunk, wait_idle};
use crate::price::PriceTable;
use crate::response::ResponseEvent;
use crate::sink::MediaSink;

/// An answer that arrives in pieces.
pub(super) struct StreamingResponse<D> {
    settings: HttpSettings,
    model: String,
    prices: PriceTable,
    /// Longest JSON of all events, in bytes.
    max_answer: usize,
    /// The deadline of the caller.
    deadline: Option<Instant>,
    response: reqwest::Response,
    events: EventDecoder,
    /// `None` once the answer has ended.
    decoder: Option<D>,
    ready: VecDeque<ResponseEvent>,
    /// What ended the answer, reported after the events that came before it.
    failed: Option<ProviderError>,
    omitted: Vec<OmittedMedia>,
    /// Whether anything has arrived.
    started: bool,
    unwanted: Unwanted,
}

impl<D: AnswerDecoder> StreamingResponse<D> {
    pub(super) fn new(
        settings: HttpSettings,
        model: String,
        prices: PriceTable,
        limits: DecodeLimits,
        sink: &MediaSink,
        response: reqwest::Response,
        input: TokenUsage,
    ) -> Self {
        let price = prices.price(&model).map(ResponseEvent::Price);
        let ready = std::iter::once(ResponseEvent::Usage(input)).chain(price);
        Self {
            settings,
            model,
            prices,
            max_answer: limits.max_media,
            deadline: None,
            response,
            events: EventDecoder::new(limits, sink),
            decoder: Some(D::new(input, sink)),
            ready: ready.collect(),
            failed: None,
            omitted: Vec::new(),
            started: false,
            unwanted: Unwanted::new(None),
        }
    }

    /// Sets what forgets the answer at its provider if nothing of it comes.
    pub(super) fn with_forget(mut self, forget: Option<Forget>) -> Self {
        self.unwanted = Unwanted::new(forget);
        self
    }

    pub(super) fn with_deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    pub(super) fn set_omitted(&mut self, omitted: Vec<OmittedMedia>) {
        self.omitted = omitted;
    }

    /// Reads until something of an answer has arrived: an error that comes before can be handled
    /// without anybody having seen a part. One that comes behind a part in the same bytes is reported
    /// after it, like any later one: what has come is kept, and not asked for again.
    pub(super) async fn start(&mut self, progress: &SendProgress) -> Result<(), ProviderError> {
        while !self.started && self.decoder.is_some() {
            if let Err(error) = self.read().await {
                self.cut().await;
                if !self.ready.iter().any(is_of_answer) {
                    return Err(error);
                }
                self.failed = Some(error);
            }
            // Comments come from a server that is at work.
            progress.mark();
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), ProviderError> {
        let Some(decoder) = self.decoder.as_mut() else {
            return Ok(());
        };
        let chunk = next_chunk(self.settings.provider, &mut self.response).await;
        let chunk = match chunk {
            // What breaks after its end is not broken.
            Err(_) if decoder.is_complete() => None,
            other => other?,
        };
        let Some(chunk) = chunk else {
            if !decoder.is_complete() {
                return Err(self.settings.error(Kind::Interrupted));
            }
            self.done();
            return Ok(());
        };
        let mut chunk = &chunk[..];
        while !decoder.has_ended() {
            if let Some(paths) = decoder.media_paths() {
                self.events.set_paths(paths);
            }
            let decoded = self.events.next(&mut chunk).await;
            let decoded = decoded.map_err(|error| error.into_error(self.settings.provider))?;
            let Some(mut decoded) = decoded else {
                break;
            };
            decoder
                .push(
                    &self.settings,
                    self.max_answer,
                    &mut decoded,
                    &mut self.ready,
                )
                .await?;
            self.unwanted.arrived(&self.ready);
            self.started = true;
        }
        if decoder.has_ended() {
            self.done();
        }
        Ok(())
    }

    fn done(&mut self) {
        if let Some(decoder) = self.decoder.take() {
            let omitted = std::mem::take(&mut self.omitted);
            let completion = decoder.finish(&self.model, &self.prices, omitted, &mut self.ready);
            self.ready
                .push_back(ResponseEvent::Done(Box::new(completion)));
        }
    }

    /// Ends an answer that goes no further with what came of it.
    async fn cut(&mut self) {
        if let Some(mut decoder) = self.decoder.take() {
            decoder.cut(&self.settings, &mut self.ready).await;
        }
    }

    async fn next(&mut self) -> Option<Result<ResponseEvent, ProviderError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.unwanted.seen(&event);
                return Some(Ok(event));
            }
            if let Some(error) = self.failed.take() {
                return Some(Err(error));
            }
            self.decoder.as_ref()?;
            let (silence, deadline) = (self.settings.idle_timeout, self.deadline);
            let outcome = match wait_idle(self.read(), silence, deadline).await {
                Ok(outcome) => outcome,
                // Some servers keep the connection open behind a complete answer.
                Err(_) if self.decoder.as_ref().is_some_and(D::is_complete) => {
                    self.done();
                    Ok(())
                }
                Err(phase) => Err(self.settings.error(Kind::Timeout(phase))),
            };
            if let Err(error) = outcome {
                self.cut().await;
                self.failed = Some(error);
            }
        }
    }

    pub(super) fn into_events(self) -> BoxStream<'static, Result<ResponseEvent, ProviderError>> {
        stream::unfold(self, |mut answer| async move {
            let event = answer.next().await?;
            Some((event, answer))
        })
        .boxed()
    }
}
