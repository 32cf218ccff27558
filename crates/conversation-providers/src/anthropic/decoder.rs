//! From pieces of messages to events and the complete answer.

use std::collections::VecDeque;

use conversation_types::{FinishReason, OmittedMedia, TokenUsage};

use super::block::Block;
use super::error::ApiError;
use super::event::Event;
use super::names::NAME;
use super::usage::Counts;
use crate::accumulator::StreamAccumulator;
use crate::answer::{Decoded, LossyString, parse_tolerant};
use crate::completion::Completion;
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::HttpSettings;
use crate::http_provider::AnswerDecoder;
use crate::price::PriceTable;
use crate::response::ResponseEvent;

/// Most content blocks of one answer.
const MAX_BLOCKS: usize = 4096;
/// Longest reason for stopping that is kept, in characters.
const MAX_REASON_CHARS: usize = 80;

/// Turns the events of one answer, or a complete message, into events, and puts the answer together.
#[derive(Debug)]
pub(super) struct MessageDecoder {
    answer: StreamAccumulator,
    /// The block that has begun; blocks come one after the other.
    block: Option<Block>,
    blocks: usize,
    calls: usize,
    counts: Counts,
    stop_reason: Option<String>,
    model: Option<String>,
    id: Option<String>,
    ended: bool,
    bytes: usize,
}

impl MessageDecoder {
    fn emit(&mut self, event: ResponseEvent, events: &mut VecDeque<ResponseEvent>) {
        self.answer.push(&event);
        events.push_back(event);
    }

    fn head(&mut self, id: Option<LossyString>, model: Option<LossyString>) {
        self.id = id.map(|id| id.0).or(self.id.take());
        self.model = model.map(|model| model.0).or(self.model.take());
    }

    fn usage(&mut self, report: Option<&serde_json::Value>, events: &mut VecDeque<ResponseEvent>) {
        if let Some(usage) = self.counts.update(report) {
            self.emit(ResponseEvent::Usage(usage), events);
        }
    }

    fn begin(
        &mut self,
        settings: &HttpSettings,
        raw: &serde_json::value::RawValue,
        events: &mut VecDeque<ResponseEvent>,
    ) -> Result<(), ProviderError> {
        self.blocks += 1;
        if self.blocks > MAX_BLOCKS {
            return Err(invalid(
                settings,
                "the response has too many content blocks",
            ));
        }
        self.end(None, events);
        let (block, begun) = Block::begin(raw, &mut self.calls)
            .ok_or_else(|| invalid(settings, "a content block is not understood"))?;
        self.block = Some(block);
        begun.into_iter().for_each(|event| self.emit(event, events));
        Ok(())
    }

    fn end(
        &mut self,
        whole: Option<&serde_json::value::RawValue>,
        events: &mut VecDeque<ResponseEvent>,
    ) {
        if let Some(event) = self.block.take().and_then(|block| block.end(whole)) {
            self.emit(event, events);
        }
    }
}

impl AnswerDecoder for MessageDecoder {
    fn new(input: TokenUsage) -> Self {
        let mut answer = StreamAccumulator::new();
        answer.push(&ResponseEvent::Usage(input));
        Self {
            answer,
            block: None,
            blocks: 0,
            calls: 0,
            counts: Counts::default(),
            stop_reason: None,
            model: None,
            id: None,
            ended: false,
            bytes: 0,
        }
    }

    async fn push(
        &mut self,
        settings: &HttpSettings,
        max_json: usize,
        decoded: &mut Decoded,
        events: &mut VecDeque<ResponseEvent>,
    ) -> Result<(), ProviderError> {
        let len = decoded.json.trim_ascii().len();
        if len == 0 {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(len);
        if self.bytes > max_json {
            return Err(invalid(settings, "the response is too large"));
        }
        let event: Event = parse_tolerant(&mut decoded.json).map_err(|error| {
            invalid(settings, "the response is not one of the messages API").with_source(error)
        })?;
        let kind = event.kind.map(|kind| kind.0).unwrap_or_default();
        match kind.as_str() {
            "message_start" => {
                if let Some(message) = event.message {
                    self.head(message.id, message.model);
                    self.usage(message.usage.as_ref(), events);
                }
            }
            "content_block_start" => {
                if let Some(block) = event.content_block {
                    self.begin(settings, &block, events)?;
                }
            }
            "content_block_delta" => {
                let block = self.block.as_mut();
                let made = block.and_then(|block| block.push(event.delta?));
                if let Some(made) = made {
                    self.emit(made, events);
                }
            }
            "content_block_stop" => self.end(None, events),
            "message_delta" => {
                if let Some(reason) = event.delta.and_then(|delta| delta.stop_reason) {
                    self.stop_reason = Some(reason.0);
                }
                self.usage(event.usage.as_ref(), events);
            }
            "message_stop" => self.ended = true,
            "error" => {
                let error = event.error.unwrap_or_default();
                return Err(ApiError::from_value(&error).into_hidden_error(settings));
            }
            "message" => {
                self.head(event.id, event.model);
                self.usage(event.usage.as_ref(), events);
                for raw in event.content.into_iter().flatten() {
                    self.begin(settings, &raw, events)?;
                    self.end(Some(&raw), events);
                }
                let reason = event.stop_reason.map(|reason| reason.0);
                self.stop_reason = Some(reason.unwrap_or_default());
            }
            // Events that this version does not know are to be ignored.
            _ => {}
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    fn is_complete(&self) -> bool {
        self.ended || self.stop_reason.is_some()
    }

    fn finish(
        mut self,
        model: &str,
        prices: &PriceTable,
        omitted: Vec<OmittedMedia>,
        events: &mut VecDeque<ResponseEvent>,
    ) -> Completion {
        self.end(None, events);
        let answered = self.model.filter(|name| !name.is_empty());
        let answered = answered.unwrap_or_else(|| model.to_owned());
        let (content, mut calls, usage) = self.answer.into_parts();
        calls.retain(|call| !call.name.is_empty());
        let cost = prices
            .cost(&answered, &usage)
            .or_else(|| prices.cost(model, &usage));
        let finish = match self.stop_reason.as_deref().unwrap_or_default() {
            "" | "end_turn" | "stop_sequence" | "tool_use" => None,
            "max_tokens" | "model_context_window_exceeded" => Some(FinishReason::Length),
            "refusal" => Some(FinishReason::Refusal),
            "pause_turn" => Some(FinishReason::Pause),
            other => Some(FinishReason::Other(
                other.chars().take(MAX_REASON_CHARS).collect(),
            )),
        };
        let completion = Completion::new(content)
            .with_tool_calls(calls)
            .with_usage(usage, cost)
            .with_omitted_media(omitted)
            .with_origin(NAME, answered)
            .with_response_id(self.id);
        match finish {
            Some(finish) => completion.with_finish(finish),
            None => completion,
        }
    }
}

fn invalid(settings: &HttpSettings, reason: &'static str) -> ProviderError {
    settings.error(Kind::InvalidResponse).with_reason(reason)
}
