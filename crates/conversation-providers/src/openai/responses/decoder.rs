//! From events to the events of an answer and the complete answer.

use std::collections::BTreeSet;

use conversation_types::{FinishReason, OmittedMedia, Part, ProviderData, RawJson, TokenUsage};
use media_types::Mime;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::api_error::ApiError;
use super::super::names::NAME;
use super::super::usage::responses_usage_of;
use super::event::{Event, Response};
use super::item::{Item, OpenCall, call_data, contents, reasoning_part, text, text_part};
use super::request::{MEDIA_AT_START, MEDIA_ONCE};
use crate::answer::{Decoded, JsonPath, LossyString, TextJoiner, parse_tolerant};
use crate::completion::Completion;
use crate::error::ProviderError;
use crate::http::HttpSettings;
use crate::http_provider::{AnswerAssembly, AnswerDecoder, Events, invalid, other_reason};
use crate::price::PriceTable;
use crate::response::ResponseEvent;
use crate::sink::MediaSink;

/// Most items of one answer.
const MAX_ITEMS: usize = 4096;

/// Turns the events of one answer, or a complete one, into events, and puts the answer together.
#[derive(Debug)]
pub(super) struct ResponsesDecoder {
    answer: AnswerAssembly,
    text: TextJoiner,
    reasoning: TextJoiner,
    /// The message that has begun, without its content, and how much of its content has ended.
    message: Option<(Item, usize)>,
    /// The newest content part of the message, once it has ended.
    content: Option<Item>,
    calls: Vec<OpenCall>,
    arguments: TextJoiner,
    /// The places of the items that have ended.
    ended: BTreeSet<u64>,
    is_refused: bool,
    /// The status of the answer and the reason for which it is incomplete.
    end: Option<(String, String)>,
}

impl ResponsesDecoder {
    fn flush_text(&mut self, events: &mut Events) {
        let rest = self.text.finish();
        self.answer.emit_text(rest, events);
        let rest = self.reasoning.finish();
        self.answer.emit_reasoning(rest, events);
    }

    /// An item begins. What it says may be incomplete.
    fn begin(&mut self, at: u64, item: Item, events: &mut Events) {
        self.flush_text(events);
        match text(&item, "type") {
            "function_call" => {
                self.start_call(at, &item, events);
            }
            "message" => {
                self.message = Some((item, 0));
                self.content = None;
            }
            _ => {}
        }
    }

    fn start_call(&mut self, at: u64, item: &Item, events: &mut Events) -> usize {
        let id = text(item, "call_id").to_owned();
        let is_it = |call: &OpenCall| call.at == at && call.id == id;
        if let Some(known) = self.calls.iter().position(is_it) {
            return known;
        }
        let index = self.calls.len();
        self.calls.push(OpenCall::new(at, id.clone()));
        self.arguments = TextJoiner::default();
        let started = ResponseEvent::ToolCallStarted {
            index,
            id,
            name: text(item, "name").to_owned(),
        };
        self.answer.emit(started, events);
        index
    }

    fn arguments(&mut self, at: u64, piece: &RawValue, events: &mut Events) {
        let call = self.calls.iter_mut().enumerate();
        let call = call.rev().find(|(_, call)| call.at == at);
        if let Some((index, call)) = call
            && let Some(arguments) = self.arguments.push(piece)
            && !arguments.is_empty()
        {
            call.has_pieces = true;
            let delta = ResponseEvent::ToolCallDelta { index, arguments };
            self.answer.emit(delta, events);
        }
    }

    /// Another content part of a message begins: the one before has ended.
    fn next_content(&mut self, events: &mut Events) {
        self.flush_text(events);
        if let (Some((message, ended)), Some(content)) = (&mut self.message, self.content.take()) {
            *ended += 1;
            let mut message = message.clone();
            message.insert("status".to_owned(), "incomplete".into());
            let part = text_part(&message, &content);
            self.answer.emit(ResponseEvent::ItemDone(part), events);
        }
    }

    /// An item has ended, and says all that it has.
    async fn end(
        &mut self,
        settings: &HttpSettings,
        at: u64,
        raw: &RawValue,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        if !self.ended.insert(at) {
            self.ended.insert(self.ended.len() as u64);
        }
        if self.ended.len() > MAX_ITEMS {
            return Err(invalid(settings, "the response has too many items"));
        }
        self.flush_text(events);
        let not_an_item = |error| {
            invalid(settings, "an item of the response is not understood").with_source(error)
        };
        let item: Item = parse_tolerant(&mut raw.get().as_bytes().to_vec()).map_err(not_an_item)?;
        match text(&item, "type") {
            "message" => self.end_message(&item, events),
            "reasoning" => {
                let raw = RawJson::from_text(raw.get()).map_err(not_an_item)?;
                let part = reasoning_part(&item, raw);
                self.answer.emit(ResponseEvent::ItemDone(part), events);
            }
            "function_call" => self.end_call(at, item, events),
            "image_generation_call" if item.get("result").is_some_and(Value::is_string) => {
                self.image(item, decoded, events).await?;
            }
            _ => {
                let raw = RawJson::from_text(raw.get()).map_err(not_an_item)?;
                let part = Part::opaque(NAME, raw);
                self.answer.emit(ResponseEvent::ItemDone(part), events);
            }
        }
        Ok(())
    }

    fn end_message(&mut self, item: &Item, events: &mut Events) {
        let ended = self.message.take().map_or(0, |(_, ended)| ended);
        self.content = None;
        for content in contents(item).into_iter().skip(ended) {
            self.is_refused |= text(&content, "type") == "refusal";
            let part = text_part(item, &content);
            self.answer.emit(ResponseEvent::ItemDone(part), events);
        }
    }

    fn end_call(&mut self, at: u64, item: Item, events: &mut Events) {
        let index = self.start_call(at, &item, events);
        let has_pieces = self.calls.get(index).is_some_and(|call| call.has_pieces);
        let arguments = text(&item, "arguments").to_owned();
        if !has_pieces && !arguments.is_empty() {
            let delta = ResponseEvent::ToolCallDelta { index, arguments };
            self.answer.emit(delta, events);
        }
        if let Some(data) = call_data(item) {
            let data = ResponseEvent::ToolCallData { index, data };
            self.answer.emit(data, events);
        }
    }

    async fn image(
        &mut self,
        mut item: Item,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        let number = text(&item, "result").to_owned();
        let mime = Mime::from_extension(text(&item, "output_format")).unwrap_or(Mime::IMAGE_PNG);
        let Some(content) = self.answer.receive(&number, &mime, decoded).await? else {
            return Ok(());
        };
        item.remove("result");
        let content = match text(&item, "revised_prompt") {
            "" => content,
            prompt => content.with_caption(prompt.to_owned()),
        };
        let data = RawJson::from(Value::Object(item));
        let content = ProviderData::new().with(NAME, data).attach_to(content);
        self.answer.emit(ResponseEvent::Media(content), events);
        Ok(())
    }

    /// Takes what is said about the whole answer.
    fn head(&mut self, response: &mut Response, events: &mut Events) {
        let id = response.id.take().map(|id| id.0);
        let model = response.model.take().map(|model| model.0);
        if let Some(id) = id.clone().filter(|_| !self.answer.has_id()) {
            self.answer.emit(ResponseEvent::ResponseId(id), events);
        }
        self.answer.set_origin(id, model);
        if let Some(usage) = responses_usage_of(response.usage.as_ref()) {
            self.answer.emit(ResponseEvent::Usage(usage), events);
        }
    }

    async fn finish_response(
        &mut self,
        settings: &HttpSettings,
        mut response: Response,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        self.head(&mut response, events);
        let status = response.status.map(|status| status.0).unwrap_or_default();
        if status == "failed" {
            let error = response.error.unwrap_or_default();
            return Err(ApiError::from_value(&error).into_hidden_error(settings));
        }
        // Items come once: as events before, or here.
        let output = response.output.unwrap_or_default();
        for (at, raw) in (0_u64..).zip(&output) {
            if !self.ended.contains(&at) {
                self.end(settings, at, raw, decoded, events).await?;
            }
        }
        let details = response.incomplete_details;
        let reason = details.and_then(|details| details.reason);
        let reason = reason.map(|reason| reason.0).unwrap_or_default();
        self.end = Some((status, reason));
        Ok(())
    }
}

impl AnswerDecoder for ResponsesDecoder {
    fn new(input: TokenUsage, _: &MediaSink) -> Self {
        Self {
            answer: AnswerAssembly::new(NAME, input).with_marked_calls(NAME),
            text: TextJoiner::default(),
            reasoning: TextJoiner::default(),
            message: None,
            content: None,
            calls: Vec::new(),
            arguments: TextJoiner::default(),
            ended: BTreeSet::new(),
            is_refused: false,
            end: None,
        }
    }

    async fn push(
        &mut self,
        settings: &HttpSettings,
        max_answer: usize,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        let data = decoded.json.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        self.answer.count(settings, data.len(), max_answer)?;
        let unknown = |error| {
            invalid(settings, "the response is not one of the Responses API").with_source(error)
        };
        let event: Event = parse_tolerant(&mut decoded.json).map_err(unknown)?;
        let kind = event.kind.map(|kind| kind.0).unwrap_or_default();
        let at = event.output_index.unwrap_or_default();
        match kind.as_str() {
            "response.created" | "response.in_progress" | "response.queued" => {
                if let Some(mut response) = event.response {
                    self.head(&mut response, events);
                }
            }
            "response.output_item.added" => {
                let item = event.item.map(|raw| raw.get().as_bytes().to_vec());
                let item = item.and_then(|mut item| parse_tolerant(&mut item).ok());
                if let Some(item) = item {
                    self.begin(at, item, events);
                }
            }
            "response.output_item.done" => {
                if let Some(raw) = event.item {
                    self.end(settings, at, &raw, decoded, events).await?;
                }
            }
            "response.content_part.added" if event.content_index > Some(0) => {
                self.next_content(events);
            }
            "response.content_part.done" => self.content = event.part,
            "response.output_text.delta" | "response.refusal.delta" => {
                let text = event.delta.and_then(|raw| self.text.push(&raw));
                self.answer.emit_text(text.unwrap_or_default(), events);
            }
            "response.reasoning_summary_part.added" if event.summary_index > Some(0) => {
                self.answer.emit_reasoning("\n\n", events);
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                let text = event.delta.and_then(|raw| self.reasoning.push(&raw));
                self.answer.emit_reasoning(text.unwrap_or_default(), events);
            }
            "response.function_call_arguments.delta" => {
                if let Some(piece) = event.delta {
                    self.arguments(at, &piece, events);
                }
            }
            "response.image_generation_call.partial_image" => {
                let text = |text: Option<LossyString>| text.map(|text| text.0).unwrap_or_default();
                let number = text(event.partial_image_b64);
                let index = event.partial_image_index.unwrap_or_default();
                let (item, format) = (text(event.item_id), text(event.output_format));
                let declared = Mime::from_extension(&format).unwrap_or(Mime::IMAGE_PNG);
                let preview = self
                    .answer
                    .preview(&number, item, index, &declared, decoded)
                    .await?;
                if let Some(preview) = preview {
                    self.answer
                        .emit(ResponseEvent::PartialImage(preview), events);
                }
            }
            "response.completed" | "response.incomplete" | "response.failed" => {
                if let Some(response) = event.response {
                    self.finish_response(settings, response, decoded, events)
                        .await?;
                }
            }
            "error" => {
                let error: Value = parse_tolerant(&mut decoded.json).map_err(unknown)?;
                let error = error.get("error").unwrap_or(&error);
                return Err(ApiError::from_value(error).into_hidden_error(settings));
            }
            // A complete answer.
            "" => {
                let response: Response = parse_tolerant(&mut decoded.json).map_err(unknown)?;
                if let Some(error) = response.error.as_ref().filter(|error| !error.is_null()) {
                    return Err(ApiError::from_value(error).into_hidden_error(settings));
                }
                if response.output.is_some() {
                    self.finish_response(settings, response, decoded, events)
                        .await?;
                }
            }
            // What runs at the provider tells how it is going; its items say the rest.
            _ => {}
        }
        Ok(())
    }

    fn media_paths(&self) -> Option<&'static [JsonPath]> {
        Some(match self.ended.is_empty() {
            true => MEDIA_AT_START,
            false => MEDIA_ONCE,
        })
    }

    fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    fn is_complete(&self) -> bool {
        self.end.is_some()
    }

    fn finish(
        mut self,
        model: &str,
        prices: &PriceTable,
        omitted: Vec<OmittedMedia>,
        events: &mut Events,
    ) -> Completion {
        self.flush_text(events);
        let (status, reason) = self.end.unwrap_or_default();
        let finish = match (status.as_str(), reason.as_str()) {
            _ if self.is_refused => Some(FinishReason::Refusal),
            (_, "max_output_tokens") => Some(FinishReason::Length),
            (_, "content_filter") => Some(FinishReason::Refusal),
            ("" | "completed", "") => None,
            (status, "") => Some(other_reason(status)),
            (_, reason) => Some(other_reason(reason)),
        };
        self.answer.finish(model, prices, omitted, finish)
    }
}
