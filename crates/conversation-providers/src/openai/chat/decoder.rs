//! From pieces of chat completions to events and the complete answer.

use conversation_types::{FinishReason, OmittedMedia, ProviderData, TokenUsage};
use media_types::readable::causes;
use media_types::{MediaContent, MediaType, Mime};
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::api_error::ApiError;
use super::super::names::NAME;
use super::super::usage::usage_of;
use super::audio::AudioPieces;
use super::calls::OpenCalls;
use super::delta::{Audio, Chunk, ContentPart, Delta};
use crate::answer::{Decoded, TextJoiner, extracted_media, parse_tolerant};
use crate::completion::Completion;
use crate::error::ProviderError;
use crate::files::account_of;
use crate::http::HttpSettings;
use crate::http_provider::{AnswerAssembly, AnswerDecoder, Events, invalid, other_reason};
use crate::price::PriceTable;
use crate::response::ResponseEvent;
use crate::sink::MediaSink;
use crate::transcript::SpokenAudio;

/// Turns the pieces of one answer into events, and puts the answer together.
#[derive(Debug)]
pub(super) struct ChatDecoder {
    answer: AnswerAssembly,
    text: TextJoiner,
    refusal: TextJoiner,
    reasoning: TextJoiner,
    calls: OpenCalls,
    audio: AudioPieces,
    /// The id of the audio, and when the provider forgets it.
    spoken: (Option<String>, Option<i64>),
    has_text: bool,
    is_refused: bool,
    finish: Option<String>,
    /// Whether the server said that there is no more.
    ended: bool,
}

impl ChatDecoder {
    /// Half of a character that waits for its other half does not wait for anything else.
    fn flush_text(&mut self, events: &mut Events) {
        let rest = self.text.finish();
        self.answer.emit_text(rest, events);
    }

    fn emit_text(&mut self, text: Option<String>, events: &mut Events) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.has_text = true;
            self.answer.emit_text(text, events);
        }
    }

    async fn delta(
        &mut self,
        settings: &HttpSettings,
        delta: Delta,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        if let Some(raw) = delta.reasoning_content.or(delta.reasoning)
            && let Some(text) = self.reasoning.push(&raw)
        {
            self.answer.emit_reasoning(text, events);
        }
        if let Some(raw) = delta.content {
            self.content(&raw, decoded, events).await?;
        }
        if let Some(raw) = delta.refusal
            && let Some(text) = self.refusal.push(&raw).filter(|text| !text.is_empty())
        {
            self.is_refused = true;
            self.answer.emit_text(text, events);
        }
        if let Some(audio) = delta.audio {
            self.audio(audio, settings, decoded, events).await?;
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
                self.answer.emit(event, events);
            }
        }
        Ok(())
    }

    async fn content(
        &mut self,
        raw: &RawValue,
        decoded: &mut Decoded,
        events: &mut Events,
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
        mut audio: Audio,
        settings: &HttpSettings,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        self.name_audio(&mut audio);
        let transcript = audio.transcript.map(|text| text.0).unwrap_or_default();
        let number = audio.data.map(|number| number.0).unwrap_or_default();
        let Some(content) = self
            .answer
            .receive(&number, &Mime::AUDIO_PCM, decoded)
            .await?
        else {
            return Ok(());
        };
        if !self.has_text {
            self.emit_text(Some(transcript.clone()), events);
        }
        self.emit_audio(content, transcript, settings, events);
        Ok(())
    }

    /// A piece of audio in a stream, whose base64 may be cut anywhere. What is said comes as text,
    /// so that it can be read while the audio arrives.
    async fn audio_piece(
        &mut self,
        mut audio: Audio,
        settings: &HttpSettings,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        self.name_audio(&mut audio);
        if let Some(transcript) = audio.transcript {
            self.audio.push_transcript(&transcript.0);
            self.answer.emit_text(transcript.0, events);
        }
        match audio.data {
            Some(data) => self.audio.push(data.0.as_bytes(), settings).await,
            None => Ok(()),
        }
    }

    /// Ends the audio of a stream.
    async fn end_audio(
        &mut self,
        settings: &HttpSettings,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        if let Some((content, transcript)) = self.audio.finish(settings).await? {
            self.emit_audio(content, transcript, settings, events);
        }
        Ok(())
    }

    /// Takes what names the audio.
    fn name_audio(&mut self, audio: &mut Audio) {
        let (id, end) = &mut self.spoken;
        *id = audio.id.take().map(|id| id.0).or(id.take());
        *end = audio.expires_at.or(*end);
    }

    /// The audio with what names it at its account.
    fn named(&mut self, content: MediaContent, settings: &HttpSettings) -> MediaContent {
        let (Some(id), Some(end)) = std::mem::take(&mut self.spoken) else {
            return content;
        };
        let (base_url, account) = account_of(settings);
        let audio = SpokenAudio::new(id, end, format!("{base_url} {account}"));
        match audio.into_data() {
            Some(data) => ProviderData::new().with(NAME, data).attach_to(content),
            None => content,
        }
    }

    fn emit_audio(
        &mut self,
        content: MediaContent,
        transcript: String,
        settings: &HttpSettings,
        events: &mut Events,
    ) {
        let content = self.named(content, settings);
        let content = match transcript.is_empty() {
            true => content,
            false => content.with_transcript(transcript),
        };
        self.flush_text(events);
        self.answer.emit(ResponseEvent::Media(content), events);
    }

    /// An image that a gateway puts beside or into the text: a `data:` URI or a URL.
    async fn image(
        &mut self,
        url: Option<&str>,
        decoded: &mut Decoded,
        events: &mut Events,
    ) -> Result<(), ProviderError> {
        let content = match url.map(|url| (url, extracted_media(url))) {
            None => None,
            Some((_, Some((number, mime)))) => {
                // What claims to be no image, and shows nothing else, is not made active content
                // here.
                let mime = mime.filter(|mime| mime.media_type() == MediaType::Image);
                self.answer
                    .receive(number, &mime.unwrap_or(Mime::IMAGE_PNG), decoded)
                    .await?
            }
            Some((url, None)) => {
                let url = url.parse().ok();
                url.map(|url| MediaContent::from_url(Mime::IMAGE_PNG, url))
            }
        };
        if let Some(content) = content {
            self.flush_text(events);
            self.answer.emit(ResponseEvent::Media(content), events);
        }
        Ok(())
    }
}

impl AnswerDecoder for ChatDecoder {
    fn new(input: TokenUsage, sink: &MediaSink) -> Self {
        Self {
            answer: AnswerAssembly::new(NAME, input),
            text: TextJoiner::default(),
            refusal: TextJoiner::default(),
            reasoning: TextJoiner::default(),
            calls: OpenCalls::default(),
            audio: AudioPieces::new(sink),
            spoken: (None, None),
            has_text: false,
            is_refused: false,
            finish: None,
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
        let data = decoded.json.trim_ascii();
        if data == b"[DONE]" {
            self.ended = true;
            return self.end_audio(settings, events).await;
        }
        if data.is_empty() {
            return Ok(());
        }
        self.answer.count(settings, data.len(), max_answer)?;
        let chunk: Chunk = parse_tolerant(&mut decoded.json).map_err(|error| {
            invalid(settings, "the response is not a chat completion").with_source(error)
        })?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(ApiError::from_value(&error).into_hidden_error(settings));
        }
        self.answer
            .set_origin(chunk.id.map(|id| id.0), chunk.model.map(|name| name.0));
        if let Some(usage) = usage_of(chunk.usage.as_ref()) {
            self.answer.emit(ResponseEvent::Usage(usage), events);
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
        if let Some(mut delta) = choice.delta {
            let audio = delta.audio.take();
            self.delta(settings, delta, decoded, events).await?;
            if let Some(audio) = audio {
                self.audio_piece(audio, settings, events).await?;
            }
        }
        if self.finish.is_some() {
            self.end_audio(settings, events).await?;
        }
        Ok(())
    }

    async fn cut(&mut self, settings: &HttpSettings, events: &mut Events) {
        // The provider need not know audio that it did not end.
        self.spoken = (None, None);
        match self.audio.cut().await {
            Ok(Some((content, transcript))) => {
                self.emit_audio(content, transcript, settings, events);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(provider = NAME, error = %causes(&error), "the audio of a cut answer is lost");
            }
        }
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
        events: &mut Events,
    ) -> Completion {
        self.flush_text(events);
        let finish = match self.finish.as_deref() {
            _ if self.is_refused => Some(FinishReason::Refusal),
            // Servers that end a round of calls with `stop` are many: the calls tell.
            None | Some("stop" | "tool_calls" | "function_call" | "") => None,
            Some("length") => Some(FinishReason::Length),
            Some("content_filter") => Some(FinishReason::Refusal),
            Some(other) => Some(other_reason(other)),
        };
        self.answer.finish(model, prices, omitted, finish)
    }
}

#[cfg(test)]
mod tests;
