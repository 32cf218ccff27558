//! The answer that a decoder puts together.

use std::collections::VecDeque;

use conversation_types::{FinishReason, OmittedMedia, Part, TokenUsage};
use media_types::{MediaContent, Mime};

use crate::accumulator::StreamAccumulator;
use crate::answer::{DecodeError, Decoded};
use crate::completion::Completion;
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::HttpSettings;
use crate::partial_image::PartialImage;
use crate::price::PriceTable;
use crate::response::ResponseEvent;
use crate::transcript::call_marker;

/// Longest reason for stopping that is kept, in characters.
const MAX_REASON_CHARS: usize = 80;

/// The events that an answer has made and nobody has taken.
pub type Events = VecDeque<ResponseEvent>;

/// The answer so far, with what every API says about it.
#[derive(Debug)]
pub struct AnswerAssembly {
    provider: &'static str,
    /// The family for which the places of calls are marked, where parts follow them.
    marks_calls: Option<&'static str>,
    /// Calls that no part has followed.
    last_calls: Vec<String>,
    answer: StreamAccumulator,
    model: Option<String>,
    id: Option<String>,
    bytes: usize,
}

impl AnswerAssembly {
    /// Begins an answer of a provider to a request whose input was estimated.
    pub fn new(provider: &'static str, input: TokenUsage) -> Self {
        let mut answer = StreamAccumulator::new();
        answer.push(&ResponseEvent::Usage(input));
        Self {
            provider,
            marks_calls: None,
            last_calls: Vec::new(),
            answer,
            model: None,
            id: None,
            bytes: 0,
        }
    }

    /// Keeps the order of calls and parts for a family of APIs. Defaults to calls behind all parts.
    #[must_use]
    pub fn with_marked_calls(mut self, family: &'static str) -> Self {
        self.marks_calls = Some(family);
        self
    }

    /// Counts JSON of the answer.
    ///
    /// # Errors
    /// `InvalidResponse` beyond the largest answer.
    pub fn count(
        &mut self,
        settings: &HttpSettings,
        len: usize,
        max_answer: usize,
    ) -> Result<(), ProviderError> {
        self.bytes = self.bytes.saturating_add(len);
        match self.bytes > max_answer {
            true => Err(invalid(settings, "the response is too large")),
            false => Ok(()),
        }
    }

    /// Takes an event and passes it on.
    pub fn emit(&mut self, event: ResponseEvent, events: &mut Events) {
        use ResponseEvent as E;
        match (&event, self.marks_calls) {
            (E::ToolCallStarted { id, .. }, Some(_)) => self.last_calls.push(id.clone()),
            (
                E::TextDelta(_) | E::ReasoningDelta(_) | E::Media(_) | E::ItemDone(_),
                Some(family),
            ) => {
                for id in std::mem::take(&mut self.last_calls) {
                    let marker = call_marker(family, &id).map(E::ItemDone);
                    marker
                        .into_iter()
                        .for_each(|event| self.pass(event, events));
                }
            }
            _ => {}
        }
        self.pass(event, events);
    }

    fn pass(&mut self, event: ResponseEvent, events: &mut Events) {
        self.answer.push(&event);
        events.push_back(event);
    }

    /// Takes text, unless it is empty.
    pub fn emit_text(&mut self, text: impl Into<String>, events: &mut Events) {
        let text = text.into();
        if !text.is_empty() {
            self.emit(ResponseEvent::TextDelta(text), events);
        }
    }

    /// Takes reasoning, unless it is empty.
    pub fn emit_reasoning(&mut self, text: impl Into<String>, events: &mut Events) {
        let text = text.into();
        if !text.is_empty() {
            self.emit(ResponseEvent::ReasoningDelta(text), events);
        }
    }

    /// Takes the media item of a number; `None` where it has no bytes.
    ///
    /// # Errors
    /// `Spool`.
    pub async fn receive(
        &self,
        number: &str,
        declared: &Mime,
        decoded: &mut Decoded,
    ) -> Result<Option<MediaContent>, ProviderError> {
        let Some(writer) = decoded.take_media(number) else {
            return Ok(None);
        };
        let content = writer.finish(declared).await;
        let content =
            content.map_err(|error| DecodeError::Sink(error).into_error(self.provider))?;
        Ok(Some(content))
    }

    /// Returns a preview that an event has; `None` where it has none, or one that is too large.
    ///
    /// # Errors
    /// `Spool`.
    pub async fn preview(
        &self,
        number: &str,
        item: String,
        index: u32,
        declared: &Mime,
        decoded: &mut Decoded,
    ) -> Result<Option<PartialImage>, ProviderError> {
        let Some(writer) = decoded.take_media(number) else {
            return Ok(None);
        };
        let read = writer
            .finish_unkept(declared, PartialImage::MAX_BYTES)
            .await;
        let read = read.map_err(|error| DecodeError::Sink(error).into_error(self.provider))?;
        Ok(read.map(|(mime, bytes)| PartialImage::new(item, index, mime, bytes)))
    }

    /// Takes the id of the answer and the model that gives it, where they are known.
    pub fn set_origin(&mut self, id: Option<String>, model: Option<String>) {
        self.id = id.or(self.id.take());
        self.model = model.or(self.model.take());
    }

    /// Returns whether the id of the answer is known.
    pub(crate) fn has_id(&self) -> bool {
        self.id.is_some()
    }

    /// Returns the parts so far.
    pub fn content(&self) -> &[Part] {
        self.answer.content()
    }

    /// Returns the complete answer. Without a reason for stopping, the model has said everything
    /// or calls tools.
    pub fn finish(
        self,
        model: &str,
        prices: &PriceTable,
        omitted: Vec<OmittedMedia>,
        finish: Option<FinishReason>,
    ) -> Completion {
        let answered = self.model.filter(|name| !name.is_empty());
        let answered = answered.unwrap_or_else(|| model.to_owned());
        let (content, mut calls, usage) = self.answer.into_parts();
        calls.retain(|call| !call.name.is_empty());
        let cost = prices
            .cost(&answered, &usage)
            .or_else(|| prices.cost(model, &usage));
        let completion = Completion::new(content)
            .with_tool_calls(calls)
            .with_usage(usage, cost)
            .with_omitted_media(omitted)
            .with_origin(self.provider, answered)
            .with_response_id(self.id);
        match finish {
            Some(finish) => completion.with_finish(finish),
            None => completion,
        }
    }
}

/// A reason for stopping that has no name here.
pub(crate) fn other_reason(reason: &str) -> FinishReason {
    FinishReason::Other(reason.chars().take(MAX_REASON_CHARS).collect())
}

/// The error of an answer that is not what the API promises.
pub(crate) fn invalid(settings: &HttpSettings, reason: &'static str) -> ProviderError {
    settings.error(Kind::InvalidResponse).with_reason(reason)
}
