//! From pieces of chat completions to events and the complete answer.

use std::collections::VecDeque;

use conversation_types::{FinishReason, OmittedMedia, TokenUsage};
use media_types::{MediaContent, MediaType, Mime};
use serde_json::Value;
use serde_json::value::RawValue;

use super::api_error::ApiError;
use super::calls::OpenCalls;
use super::delta::{Audio, Chunk, ContentPart, Delta};
use super::names::NAME;
use super::usage::usage_of;
use crate::accumulator::StreamAccumulator;
use crate::answer::{DecodeError, Decoded, TextJoiner, extracted_media, parse_tolerant};
use crate::completion::Completion;
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::HttpSettings;
use crate::http_provider::AnswerDecoder;
use crate::price::PriceTable;
use crate::response::ResponseEvent;

/// Longest reason for stopping that is kept, in characters.
const MAX_REASON_CHARS: usize = 80;

/// Turns the pieces of one answer into events, and puts the answer together.
#[derive(Debug)]
pub(super) struct ChatDecoder {
    answer: StreamAccumulator,
    text: TextJoiner,
    refusal: TextJoiner,
    reasoning: TextJoiner,
    calls: OpenCalls,
    has_text: bool,
    is_refused: bool,
    finish: Option<String>,
    model: Option<String>,
    id: Option<String>,
    /// Whether the server said that there is no more.
    ended: bool,
    bytes: usize,
}

impl ChatDecoder {
    fn emit(&mut self, event: ResponseEvent, events: &mut VecDeque<ResponseEvent>) {
        self.answer.push(&event);
        events.push_back(event);
    }

    /// Half of a character that waits for its other half does not wait for anything else.
    fn flush_text(&mut self, events: &mut VecDeque<ResponseEvent>) {
        let rest = self.text.finish();
        if !rest.is_empty() {
            self.emit(ResponseEvent::TextDelta(rest.to_owned()), events);
        }
    }

    fn emit_text(&mut self, text: Option<String>, events: &mut VecDeque<ResponseEvent>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.has_text = true;
            self.emit(ResponseEvent::TextDelta(text), events);
        }
    }

    async fn delta(
        &mut self,
        settings: &HttpSettings,
        delta: Delta,
        decoded: &mut Decoded,
        events: &mut VecDeque<ResponseEvent>,
    ) -> Result<(), ProviderError> {
        if let Some(raw) = delta.reasoning_content.or(delta.reasoning)
            && let Some(text) = self.reasoning.push(&raw).filter(|text| !text.is_empty())
        {
            self.emit(ResponseEvent::ReasoningDelta(text), events);
        }
        if let Some(raw) = delta.content {
            self.content(&raw, decoded, events).await?;
        }
        if let Some(raw) = delta.refusal
            && let Some(text) = self.refusal.push(&raw).filter(|text| !text.is_empty())
        {
            self.is_refused = true;
            self.emit(ResponseEvent::TextDelta(text), events);
        }
        if let Some(audio) = delta.audio {
            self.audio(audio, decoded, events).await?;
        }
        for image in delta.images.iter().flatten() {
            let image = image.pointer("/image_url/url").and_then(Value::as_str);
            self.image(image, decoded, events).await?;
        }
        for call in delta.tool_calls.into_iter().flatten() {
            self.flush_text(events);
            let pushed = self.calls.push(call);
            let pushed =
                pushed.ok_or_else(|| invalid(settings, "the response has too many tool calls"))?;
            for event in pushed {
                self.emit(event, events);
            }
        }
        Ok(())
    }

    async fn content(
        &mut self,
        raw: &RawValue,
        decoded: &mut Decoded,
        events: &mut VecDeque<ResponseEvent>,
    ) -> Result<(), ProviderError> {
        if !raw.get().starts_with('[') {
            let text = self.text.push(raw);
            self.emit_text(text, events);
            return Ok(());
        }
        let parts: Vec<ContentPart> =
            parse_tolerant(&mut raw.get().as_bytes().to_vec()).unwrap_or_default();
        for part in parts {
            let text = part.text.and_then(|raw| self.text.push(&raw));
            self.emit_text(text, events);
            let image = part.image_url.as_ref();
            let url = image.and_then(|image| image.as_str().or_else(|| image.get("url")?.as_str()));
            self.image(url, decoded, events).await?;
        }
        Ok(())
    }

    async fn audio(
        &mut self,
        audio: Audio,
        decoded: &mut Decoded,
        events: &mut VecDeque<ResponseEvent>,
    ) -> Result<(), ProviderError> {
        let transcript = audio.transcript.map(|text| text.0).unwrap_or_default();
        let number = audio.data.map(|number| number.0).unwrap_or_default();
        let Some(content) = received(&number, &Mime::AUDIO_PCM, decoded).await? else {
            return Ok(());
        };
        if !self.has_text {
            self.emit_text(Some(transcript.clone()), events);
        }
        let content = match transcript.is_empty() {
            true => content,
            false => content.with_transcript(transcript),
        };
        self.emit(ResponseEvent::Media(content), events);
        Ok(())
    }

    /// An image that a gateway puts beside or into the text: a `data:` URI or a URL.
    async fn image(
        &mut self,
        url: Option<&str>,
        decoded: &mut Decoded,
        events: &mut VecDeque<ResponseEvent>,
    ) -> Result<(), ProviderError> {
        let content = match url.map(|url| (url, extracted_media(url))) {
            None => None,
            Some((_, Some((number, mime)))) => {
                // What claims to be no image, and shows nothing else, is not made active content
                // here.
                let mime = mime.filter(|mime| mime.media_type() == MediaType::Image);
                received(number, &mime.unwrap_or(Mime::IMAGE_PNG), decoded).await?
            }
            Some((url, None)) => {
                let url = url.parse().ok();
                url.map(|url| MediaContent::from_url(Mime::IMAGE_PNG, url))
            }
        };
        if let Some(content) = content {
            self.flush_text(events);
            self.emit(ResponseEvent::Media(content), events);
        }
        Ok(())
    }
}

impl AnswerDecoder for ChatDecoder {
    fn new(input: TokenUsage) -> Self {
        let mut answer = StreamAccumulator::new();
        answer.push(&ResponseEvent::Usage(input));
        Self {
            answer,
            text: TextJoiner::default(),
            refusal: TextJoiner::default(),
            reasoning: TextJoiner::default(),
            calls: OpenCalls::default(),
            has_text: false,
            is_refused: false,
            finish: None,
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
        let data = decoded.json.trim_ascii();
        if data == b"[DONE]" {
            self.ended = true;
            return Ok(());
        }
        if data.is_empty() {
            return Ok(());
        }
        self.bytes += data.len();
        if self.bytes > max_json {
            return Err(invalid(settings, "the response is too large"));
        }
        let chunk: Chunk = parse_tolerant(&mut decoded.json).map_err(|error| {
            invalid(settings, "the response is not a chat completion").with_source(error)
        })?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(ApiError::from_value(&error).into_hidden_error(settings));
        }
        self.model = chunk.model.map(|name| name.0).or(self.model.take());
        self.id = chunk.id.map(|id| id.0).or(self.id.take());
        if let Some(usage) = usage_of(chunk.usage.as_ref()) {
            self.emit(ResponseEvent::Usage(usage), events);
        }
        let Some(choice) = chunk.choices.into_iter().flatten().next() else {
            return Ok(());
        };
        if let Some(reason) = choice.finish_reason {
            self.finish = Some(reason.0);
        }
        if let Some(mut message) = choice.message {
            // A complete message is an end by itself, and its calls are in order.
            self.finish.get_or_insert_default();
            for (position, call) in message.tool_calls.iter_mut().flatten().enumerate() {
                call.index = Some(position);
            }
            self.delta(settings, message, decoded, events).await?;
        }
        if let Some(delta) = choice.delta {
            self.delta(settings, delta, decoded, events).await?;
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    fn is_complete(&self) -> bool {
        self.ended || self.finish.is_some()
    }

    fn finish(
        mut self,
        model: &str,
        prices: &PriceTable,
        omitted: Vec<OmittedMedia>,
        events: &mut VecDeque<ResponseEvent>,
    ) -> Completion {
        self.flush_text(events);
        let answered = self.model.filter(|name| !name.is_empty());
        let answered = answered.unwrap_or_else(|| model.to_owned());
        let (content, mut calls, usage) = self.answer.into_parts();
        calls.retain(|call| !call.name.is_empty());
        let cost = prices
            .cost(&answered, &usage)
            .or_else(|| prices.cost(model, &usage));
        let finish = match self.finish.as_deref() {
            _ if self.is_refused => Some(FinishReason::Refusal),
            // Servers that end a round of calls with `stop` are many: the calls tell.
            None | Some("stop" | "tool_calls" | "function_call" | "") => None,
            Some("length") => Some(FinishReason::Length),
            Some("content_filter") => Some(FinishReason::Refusal),
            Some(other) => Some(FinishReason::Other(
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

/// The media item of a number; `None` where it has no bytes.
async fn received(
    number: &str,
    declared: &Mime,
    decoded: &mut Decoded,
) -> Result<Option<MediaContent>, ProviderError> {
    let Some(writer) = decoded.take_media(number) else {
        return Ok(None);
    };
    let content = writer.finish(declared).await;
    let content = content.map_err(|error| DecodeError::Sink(error).into_error(NAME))?;
    Ok(Some(content))
}

#[cfg(test)]
mod tests;
