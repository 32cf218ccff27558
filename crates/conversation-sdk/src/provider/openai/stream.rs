//! An answer that comes in pieces.

use std::collections::VecDeque;
use std::time::Duration;

use futures_core::stream::BoxStream;
use futures_util::stream::{self, StreamExt};
use serde::Deserialize;
use serde_json::Value;

use super::failure::ApiError;
use super::reply::{Finished, arguments_of, new_call_id, picture, text_of, usage_of};
use crate::message::ToolCall;
use crate::provider::answer::intake::{EventIntake, Form, Taken};
use crate::provider::http::client::Settings;
use crate::provider::http::read;
use crate::provider::{
    MediaNote, PriceTable, ProviderError, ProviderErrorKind as Kind, ReplyEvent,
};
use crate::receive::MediaReceiver;

/// Most tool calls of one answer.
const MAX_CALLS: usize = 1024;

#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallDelta>>,
    #[serde(default)]
    images: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
struct CallDelta {
    #[serde(default)]
    index: Option<usize>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionDelta>,
}

#[derive(Debug, Deserialize)]
struct FunctionDelta {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<Value>,
}

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    finished: Finished,
    ended: bool,
    bytes: usize,
}

impl Gathered {
    /// Takes the data of one event and tells what there is to tell.
    pub(super) async fn take(
        &mut self,
        settings: &Settings,
        limit: usize,
        taken: &mut Taken,
        events: &mut VecDeque<ReplyEvent>,
    ) -> Result<(), ProviderError> {
        let data = &taken.json[..];
        if data.trim_ascii() == b"[DONE]" {
            self.ended = true;
            return Ok(());
        }
        if data.trim_ascii().is_empty() {
            return Ok(());
        }
        self.bytes += data.len();
        if self.bytes > limit {
            return Err(settings
                .error(Kind::InvalidResponse)
                .with_message(format!("the answer is larger than {limit} bytes")));
        }
        let chunk: Chunk = serde_json::from_slice(data).map_err(|error| {
            settings
                .error(Kind::InvalidResponse)
                .with_message("an event of the answer is not a piece of a chat completion")
                .with_source(error)
        })?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            let api = ApiError::from_value(&error);
            let status = api.status.unwrap_or(500);
            return Err(api.into_error(settings, status));
        }
        if let Some(usage) = usage_of(chunk.usage.as_ref()) {
            self.finished.usage = Some(usage);
        }
        let Some(choice) = chunk.choices.into_iter().flatten().next() else {
            return Ok(());
        };
        if choice.finish_reason.is_some() {
            self.finished.reason = choice.finish_reason;
        }
        let delta = choice.delta.unwrap_or_default();
        let words = text_of(delta.content.as_ref());
        if !words.is_empty() {
            self.finished.text.push_str(&words);
            events.push_back(ReplyEvent::TextDelta(words));
        }
        if let Some(words) = delta.refusal.filter(|words| !words.is_empty()) {
            self.finished.refusal.push_str(&words);
            events.push_back(ReplyEvent::TextDelta(words));
        }
        for image in delta.images.iter().flatten() {
            let Some(content) = picture(image, taken).await? else {
                continue;
            };
            self.finished.media.push(content.clone());
            events.push_back(ReplyEvent::Media(content));
        }
        for call in delta.tool_calls.into_iter().flatten() {
            self.take_call(settings, call)?;
        }
        Ok(())
    }

    fn take_call(&mut self, settings: &Settings, delta: CallDelta) -> Result<(), ProviderError> {
        let calls = &mut self.finished.calls;
        let id = delta.id.filter(|id| !id.is_empty());
        let index = match (delta.index, &id) {
            (Some(index), _) => index,
            // Without an index, an id that is new starts a call.
            (None, Some(id)) => calls
                .iter()
                .position(|call| call.id == *id)
                .unwrap_or(calls.len()),
            (None, None) => calls.len().saturating_sub(1),
        };
        if index >= MAX_CALLS {
            return Err(settings
                .error(Kind::InvalidResponse)
                .with_message("the answer calls too many tools"));
        }
        while calls.len() <= index {
            calls.push(ToolCall::new("", "", ""));
        }
        let call = &mut calls[index];
        if let Some(id) = id {
            call.id = id;
        }
        if let Some(function) = delta.function {
            // Some servers repeat the name with every piece.
            if let Some(name) = function.name
                && call.name != name
            {
                call.name.push_str(&name);
            }
            call.arguments.push_str(&arguments_of(function.arguments));
        }
        Ok(())
    }

    /// Whether the answer is complete: the server said so, or at least why the model stopped.
    pub(super) fn is_complete(&self) -> bool {
        self.ended || self.finished.reason.is_some()
    }

    pub(super) fn finish(mut self) -> Finished {
        self.finished.calls.retain(|call| !call.name.is_empty());
        for call in &mut self.finished.calls {
            if call.id.is_empty() {
                call.id = new_call_id();
            }
        }
        self.finished
    }
}

/// An answer on its way.
pub(super) struct Incoming {
    settings: Settings,
    model: String,
    prices: PriceTable,
    limit: usize,
    response: reqwest::Response,
    intake: EventIntake,
    gathered: Option<Gathered>,
    events: VecDeque<ReplyEvent>,
    /// What ended the answer, told after the events that came before it.
    failed: Option<ProviderError>,
    notes: Vec<MediaNote>,
}

impl Incoming {
    pub(super) fn new(
        settings: Settings,
        model: String,
        prices: PriceTable,
        form: Form,
        receiver: &MediaReceiver,
        response: reqwest::Response,
    ) -> Self {
        Self {
            settings,
            model,
            prices,
            limit: form.max_rest,
            response,
            intake: EventIntake::new(form, receiver),
            gathered: Some(Gathered::default()),
            events: VecDeque::new(),
            failed: None,
            notes: Vec::new(),
        }
    }

    pub(super) fn set_notes(&mut self, notes: Vec<MediaNote>) {
        self.notes = notes;
    }

    /// Reads until there is an event to tell or the answer is complete: what fails before that
    /// can be tried again without anybody having seen a part.
    pub(super) async fn first(&mut self) -> Result<(), ProviderError> {
        while self.events.is_empty() && self.gathered.is_some() {
            self.read().await?;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), ProviderError> {
        let Some(gathered) = self.gathered.as_mut() else {
            return Ok(());
        };
        let piece = read::next(self.settings.provider, &mut self.response).await;
        let piece = match piece {
            // What breaks off after its end has not broken off.
            Err(_) if gathered.is_complete() => None,
            other => other?,
        };
        let Some(piece) = piece else {
            if !gathered.is_complete() {
                return Err(self.settings.error(Kind::Interrupted));
            }
            self.done();
            return Ok(());
        };
        let mut piece = &piece[..];
        while !gathered.ended {
            let taken = self.intake.next(&mut piece).await;
            let taken = taken.map_err(|error| error.into_error(self.settings.provider))?;
            let Some(mut taken) = taken else {
                break;
            };
            gathered
                .take(&self.settings, self.limit, &mut taken, &mut self.events)
                .await?;
        }
        if gathered.ended {
            self.done();
        }
        Ok(())
    }

    fn done(&mut self) {
        if let Some(gathered) = self.gathered.take() {
            let completion = gathered.finish().into_completion(&self.model, &self.prices);
            let completion = completion.with_notes(std::mem::take(&mut self.notes));
            self.events
                .push_back(ReplyEvent::Done(Box::new(completion)));
        }
    }

    async fn next(&mut self, timeout: Duration) -> Option<Result<ReplyEvent, ProviderError>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(Ok(event));
            }
            if let Some(error) = self.failed.take() {
                return Some(Err(error));
            }
            self.gathered.as_ref()?;
            let outcome = match tokio::time::timeout(timeout, self.read()).await {
                Ok(outcome) => outcome,
                Err(_) => Err(self.settings.error(Kind::Timeout)),
            };
            if let Err(error) = outcome {
                self.gathered = None;
                self.failed = Some(error);
            }
        }
    }

    pub(super) fn into_events(self) -> BoxStream<'static, Result<ReplyEvent, ProviderError>> {
        let timeout = self.settings.timeout;
        stream::unfold(self, move |mut incoming| async move {
            let event = incoming.next(timeout).await?;
            Some((event, incoming))
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests;
