//! From pieces of messages to events and the complete answer.

use conversation_types::{FinishReason, OmittedMedia, TokenUsage};
use serde_json::value::RawValue;

use super::block::Block;
use super::cited::CitedText;
use super::error::ApiError;
use super::event::Event;
use super::names::NAME;
use super::usage::Counts;
use crate::answer::{Decoded, LossyString, parse_tolerant};
use crate::completion::Completion;
use crate::error::ProviderError;
use crate::http::HttpSettings;
use crate::http_provider::{AnswerAssembly, AnswerDecoder, Events, invalid, other_reason};
use crate::price::PriceTable;
use crate::response::ResponseEvent;
use crate::sink::MediaSink;

/// Most content blocks of one answer.
const MAX_BLOCKS: usize = 4096;

/// Turns the events of one answer, or a complete message, into events, and puts the answer together.
#[derive(Debug)]
pub(super) struct MessageDecoder {
    answer: AnswerAssembly,
    /// The block that has begun; blocks come one after the other.
    block: Option<Block>,
    blocks: usize,
    /// The text blocks directly before, and the one that has begun.
    cited: CitedText,
    calls: usize,
    counts: Counts,
    stop_reason: Option<String>,
    ended: bool,
}

impl MessageDecoder {
    fn head(&mut self, id: Option<LossyString>, model: Option<LossyString>) {
        let text = |text: LossyString| text.0;
        self.answer.set_origin(id.map(text), model.map(text));
    }

    fn usage(&mut self, report: Option<&serde_json::Value>, events: &mut Events) {
        if let Some(usage) = self.counts.update(report) {
            self.answer.emit(ResponseEvent::Usage(usage), events);
        }
    }

    fn begin(
        &mut self,
        settings: &HttpSettings,
        raw: &RawValue,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        self.blocks += 1;
        if self.blocks > MAX_BLOCKS {
            return Err(invalid(
                settings,
                "the response has too many content blocks",
            ));
        }
        self.end(None, events);
        let (mut block, begun) = Block::begin(raw, &mut self.calls)
            .ok_or_else(|| invalid(settings, "a content block is not understood"))?;
        match &mut block {
            Block::Text { citations, .. } => self.cited.begin(std::mem::take(citations)),
            _ => self.end_text(events),
        }
        self.block = Some(block);
        for event in begun {
            self.emit(event, events);
        }
        Ok(())
    }

    fn emit(&mut self, event: ResponseEvent, events: &mut Events) {
        if let ResponseEvent::TextDelta(text) = &event {
            self.cited.push(text);
        }
        self.answer.emit(event, events);
    }

    /// Ends text that blocks of text alone have made.
    fn end_text(&mut self, events: &mut Events) {
        if let Some(part) = self.cited.finish() {
            self.answer.emit(ResponseEvent::ItemDone(part), events);
        }
    }

    fn end(&mut self, whole: Option<&RawValue>, events: &mut Events) {
        if let Some(event) = self.block.take().and_then(|block| block.end(whole)) {
            self.emit(event, events);
        }
    }
}

impl AnswerDecoder for MessageDecoder {
    fn new(input: TokenUsage, _: &MediaSink) -> Self {
        Self {
            answer: AnswerAssembly::new(NAME, input).with_marked_calls(NAME),
            block: None,
            blocks: 0,
            cited: CitedText::default(),
            calls: 0,
            counts: Counts::default(),
            stop_reason: None,
            ended: false,
        }
    }

    async fn push(
        &mut self,
        settings: &HttpSettings,
        max_answer: usize,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        let len = decoded.json.trim_ascii().len();
        if len == 0 {
            return Ok(());
        }
        self.answer.count(settings, len, max_answer)?;
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
                let (mut delta, block) = (event.delta, self.block.as_mut());
                let citation = delta.as_mut().and_then(|delta| delta.citation.take());
                if let (Some(citation), Some(Block::Text { .. })) = (citation, &block) {
                    self.cited.cite(citation);
                }
                let made = block.and_then(|block| block.push(delta?));
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
        events: &mut Events,
    ) -> Completion {
        self.end(None, events);
        self.end_text(events);
        let finish = match self.stop_reason.as_deref().unwrap_or_default() {
            "" | "end_turn" | "stop_sequence" | "tool_use" => None,
            "max_tokens" | "model_context_window_exceeded" => Some(FinishReason::Length),
            "refusal" => Some(FinishReason::Refusal),
            "pause_turn" => Some(FinishReason::Pause),
            other => Some(other_reason(other)),
        };
        self.answer.finish(model, prices, omitted, finish)
    }
}
