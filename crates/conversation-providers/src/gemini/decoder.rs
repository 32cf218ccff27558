//! From pieces of contents to events and the complete answer.

use conversation_types::{
    FinishReason, OmittedMedia, Part, ProviderData, RawJson, TextPart, TokenUsage,
};
use media_types::{MediaContent, MediaSource, MediaType, Mime, ProviderFile};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::chunk::{Blob, Call, Chunk, File, PartHead, data_of, usage_of};
use super::error::ApiError;
use super::request::NAME;
use crate::answer::{Decoded, LossyString, TextJoiner, parse_tolerant};
use crate::completion::Completion;
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::http::HttpSettings;
use crate::http_provider::{AnswerAssembly, AnswerDecoder, Events, invalid, other_reason};
use crate::pcm::PcmFormat;
use crate::price::PriceTable;
use crate::response::ResponseEvent;
use crate::sink::MediaSink;

/// Most parts of one answer.
const MAX_PARTS: usize = 64 * 1024;
/// Most tool calls of one answer.
const MAX_CALLS: usize = 1024;

/// Turns the pieces of one answer into events, and puts the answer together.
#[derive(Debug)]
pub(super) struct ContentsDecoder {
    answer: AnswerAssembly,
    text: TextJoiner,
    /// Whether text without a signature is the last part, and may grow.
    text_is_open: bool,
    /// The thought that has begun.
    thought: Option<Thought>,
    parts: usize,
    calls: usize,
    /// Images of thoughts so far.
    drafts: u32,
    finish: Option<String>,
}

#[derive(Debug, Default)]
struct Thought {
    joiner: TextJoiner,
    text: String,
}

impl ContentsDecoder {
    async fn part(
        &mut self,
        settings: &HttpSettings,
        raw: &RawValue,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(invalid(settings, "the response has too many parts"));
        }
        let head: PartHead =
            parse_tolerant(&mut raw.get().as_bytes().to_vec()).map_err(|error| {
                invalid(settings, "a part of the response is not understood").with_source(error)
            })?;
        let is_thought = head.thought == Some(true);
        if let Some(text) = head.text {
            match is_thought {
                true => self.thought(&text, raw, events),
                false => self.text(&text, raw, events),
            }
            return Ok(());
        }
        self.close(events);
        let data = data_of(raw.get());
        match head {
            PartHead {
                inline: Some(blob), ..
            } if is_thought => self.draft(blob, decoded, events).await,
            PartHead { file: Some(_), .. } if is_thought => Ok(()),
            PartHead {
                inline: Some(blob), ..
            } => self.media(blob, data, decoded, events).await,
            PartHead {
                file: Some(file), ..
            } => {
                self.file(file, data, events);
                Ok(())
            }
            PartHead {
                call: Some(call), ..
            } => self.call(settings, call, data, events),
            // What runs at the provider, and what is not known here, goes back as it is.
            _ if data.is_some() => {
                let item = RawJson::from_text(raw.get()).ok();
                let item = item.map(|item| ResponseEvent::ItemDone(Part::opaque(NAME, item)));
                item.into_iter()
                    .for_each(|event| self.answer.emit(event, events));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Text in pieces is one part. Text with a signature is a part by itself: it is never merged,
    /// and kept also where it is empty.
    fn text(&mut self, text: &RawValue, raw: &RawValue, events: &mut Events) {
        self.close_thought(None, events);
        let data = data_of(raw.get());
        let Some(data) = data else {
            let text = self.text.push(text).unwrap_or_default();
            self.text_is_open |= !text.is_empty();
            self.answer.emit_text(text, events);
            return;
        };
        self.close_text(events);
        let mut joiner = TextJoiner::default();
        let mut text = joiner.push(text).unwrap_or_default();
        text.push_str(joiner.finish());
        self.answer.emit_text(text.clone(), events);
        let data = ProviderData::new().with(NAME, data);
        let part = Part::Text(TextPart::new(text).with_provider_data(data));
        self.answer.emit(ResponseEvent::ItemDone(part), events);
    }

    /// Thoughts in pieces are one part, up to a signature.
    fn thought(&mut self, text: &RawValue, raw: &RawValue, events: &mut Events) {
        self.close_text(events);
        let thought = self.thought.get_or_insert_default();
        let text = thought.joiner.push(text).unwrap_or_default();
        thought.text.push_str(&text);
        self.answer.emit_reasoning(text, events);
        let data = data_of(raw.get());
        let data = data.and_then(|data| data.parse::<Map<String, Value>>().ok());
        if let Some(data) = data.filter(|data| data.keys().any(|name| name != "thought")) {
            self.close_thought(Some(data), events);
        }
    }

    fn close_thought(&mut self, data: Option<Map<String, Value>>, events: &mut Events) {
        let Some(mut thought) = self.thought.take() else {
            return;
        };
        let rest = thought.joiner.finish();
        thought.text.push_str(rest);
        self.answer.emit_reasoning(rest, events);
        let mut part = data.unwrap_or_default();
        part.insert("text".to_owned(), thought.text.as_str().into());
        part.insert("thought".to_owned(), true.into());
        let item = RawJson::from(Value::Object(part));
        let part = Part::reasoning(thought.text, Some((NAME.to_owned(), item.into())));
        self.answer.emit(ResponseEvent::ItemDone(part), events);
    }

    /// Ends text that may grow, so that what follows does not replace it.
    fn close_text(&mut self, events: &mut Events) {
        let rest = self.text.finish();
        self.answer.emit_text(rest, events);
        if std::mem::take(&mut self.text_is_open)
            && let Some(part @ Part::Text(_)) = self.answer.content().last()
        {
            let part = part.clone();
            self.answer.emit(ResponseEvent::ItemDone(part), events);
        }
    }

    fn close(&mut self, events: &mut Events) {
        self.close_thought(None, events);
        self.close_text(events);
    }

    async fn media(
        &mut self,
        blob: Blob,
        data: Option<RawJson>,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        let number = blob.data.map(|number| number.0).unwrap_or_default();
        let pcm = blob
            .mime
            .as_ref()
            .and_then(|mime| PcmFormat::from_mime(&mime.0));
        let mime = mime_of(blob.mime);
        if let Some(content) = self.answer.receive(&number, &mime, decoded).await? {
            let content = match pcm.filter(|_| *content.mime() == mime) {
                Some(format) => format.attach_to(content),
                None => content,
            };
            self.emit_media(content, data, events);
        }
        Ok(())
    }

    /// An image that the model made while it thought: for eyes, no media of the answer.
    async fn draft(
        &mut self,
        blob: Blob,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        let number = blob.data.map(|number| number.0).unwrap_or_default();
        let mime = mime_of(blob.mime);
        let index = self.drafts;
        let image = self
            .answer
            .preview(&number, String::new(), index, &mime, decoded)
            .await?;
        if let Some(image) = image.filter(|image| image.mime.media_type() == MediaType::Image) {
            self.drafts += 1;
            self.answer.emit(ResponseEvent::PartialImage(image), events);
        }
        Ok(())
    }

    /// A file that the provider keeps for a while.
    fn file(&mut self, file: File, data: Option<RawJson>, events: &mut Events) {
        let uri = file.uri.map(|uri| uri.0).unwrap_or_default();
        if let Ok(kept) = ProviderFile::new(NAME, uri) {
            let content = MediaContent::new(mime_of(file.mime), MediaSource::ProviderFile(kept));
            self.emit_media(content, data, events);
        }
    }

    fn emit_media(&mut self, content: MediaContent, data: Option<RawJson>, events: &mut Events) {
        let content = match data {
            Some(data) => ProviderData::new().with(NAME, data).attach_to(content),
            None => content,
        };
        self.answer.emit(ResponseEvent::Media(content), events);
    }

    /// A call comes whole.
    fn call(
        &mut self,
        settings: &HttpSettings,
        call: Call,
        data: Option<RawJson>,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        let index = self.calls;
        self.calls += 1;
        if self.calls > MAX_CALLS {
            return Err(invalid(settings, "the response has too many tool calls"));
        }
        let id = call.id.map(|id| id.0).filter(|id| !id.is_empty());
        let started = ResponseEvent::ToolCallStarted {
            index,
            id: id.unwrap_or_else(|| format!("call_{}", uuid::Uuid::new_v4().simple())),
            name: call.name.map(|name| name.0).unwrap_or_default(),
        };
        self.answer.emit(started, events);
        let arguments = call
            .args
            .map_or("{}".to_owned(), |args| args.get().to_owned());
        let arguments = ResponseEvent::ToolCallDelta { index, arguments };
        self.answer.emit(arguments, events);
        if let Some(data) = data {
            let data = ProviderData::new().with(NAME, data);
            let event = ResponseEvent::ToolCallData { index, data };
            self.answer.emit(event, events);
        }
        Ok(())
    }

    async fn chunk(
        &mut self,
        settings: &HttpSettings,
        chunk: Chunk,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(ApiError::from_value(&error).into_hidden_error(settings));
        }
        let text = |text: LossyString| text.0;
        self.answer
            .set_origin(chunk.id.map(text), chunk.model.map(text));
        if let Some(usage) = chunk.usage.as_ref().and_then(usage_of) {
            self.answer.emit(ResponseEvent::Usage(usage), events);
        }
        let blocked = chunk.feedback.and_then(|feedback| feedback.block_reason);
        if let Some(reason) = blocked {
            return Err(settings.error(Kind::Refused).with_code(reason.0));
        }
        let Some(candidate) = chunk.candidates.into_iter().flatten().next() else {
            return Ok(());
        };
        let parts = candidate.content.and_then(|content| content.parts);
        for raw in parts.into_iter().flatten() {
            self.part(settings, &raw, decoded, events).await?;
        }
        if let Some(reason) = candidate.finish_reason {
            self.close(events);
            self.finish = Some(reason.0);
        }
        Ok(())
    }
}

/// The declared type; what is not one says nothing.
fn mime_of(mime: Option<LossyString>) -> Mime {
    mime.and_then(|mime| mime.0.parse().ok())
        .unwrap_or(Mime::OCTET_STREAM)
}

impl AnswerDecoder for ContentsDecoder {
    fn new(input: TokenUsage, _: &MediaSink) -> Self {
        Self {
            answer: AnswerAssembly::new(NAME, input).with_marked_calls(NAME),
            text: TextJoiner::default(),
            text_is_open: false,
            thought: None,
            parts: 0,
            calls: 0,
            drafts: 0,
            finish: None,
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
        let is_array = data.starts_with(b"[");
        let parsed = match is_array {
            true => parse_tolerant(&mut decoded.json),
            false => parse_tolerant(&mut decoded.json).map(|chunk| vec![chunk]),
        };
        let chunks: Vec<Chunk> = parsed.map_err(|error| {
            invalid(settings, "the response is not one of the contents API").with_source(error)
        })?;
        for chunk in chunks {
            self.chunk(settings, chunk, decoded, events).await?;
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        // Nothing says so but the end of the stream: usage may come after the last part.
        false
    }

    fn is_complete(&self) -> bool {
        self.finish.is_some()
    }

    fn finish(
        mut self,
        model: &str,
        prices: &PriceTable,
        omitted: Vec<OmittedMedia>,
        events: &mut Events,
    ) -> Completion {
        self.close(events);
        let finish = match self.finish.as_deref().unwrap_or_default() {
            "" | "STOP" | "FINISH_REASON_UNSPECIFIED" => None,
            "MAX_TOKENS" => Some(FinishReason::Length),
            "CONTINUATION" => Some(FinishReason::Pause),
            "SAFETY"
            | "RECITATION"
            | "LANGUAGE"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "IMAGE_SAFETY"
            | "IMAGE_PROHIBITED_CONTENT"
            | "IMAGE_RECITATION"
            | "MODEL_ARMOR" => Some(FinishReason::Refusal),
            other => Some(other_reason(other)),
        };
        self.answer.finish(model, prices, omitted, finish)
    }
}
