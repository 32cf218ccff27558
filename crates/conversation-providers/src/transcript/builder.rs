//! Where text, media and opaque items of the conversation stand in a request.
//!
//! Where media may stand depends on the API: everywhere in messages of users, in some also in the
//! results of tools or in messages of the model. Elsewhere it follows in a user message of its own,
//! once all calls of the round have their results.

use std::borrow::Cow;
use std::collections::HashSet;

use conversation_types::{Message, Part, ProviderData, RawJson, Role, ToolCall};
use media_types::MediaContent;

use super::opaque::LoadedOpaque;
use super::rounds::{Step, arrange};
use super::wire::{Transcript, WireCall, WireMessage, WirePart};
use crate::format::ApiFormat;
use crate::request::ProviderRequest;

/// The result of a call whose own never came.
const MISSING_RESULT: &str = "[no result: the call was interrupted]";

/// The field in which version 0.1 kept data of a call.
const LEGACY_DATA: &str = "provider_data";

/// Returns the conversation of a request in the order that an API wants.
pub(crate) fn build_transcript<'a>(
    format: ApiFormat,
    request: &ProviderRequest<'a>,
    opaque: &'a LoadedOpaque,
) -> Transcript<'a> {
    let mut builder = Builder {
        format,
        opaque,
        transcript: Transcript::default(),
        waiting: Vec::new(),
        seen: HashSet::new(),
    };
    if let Some(system) = request.system
        && format == ApiFormat::OpenAiChat
    {
        builder.push(Role::System, vec![WirePart::text(system)]);
    }
    for step in arrange(request.messages) {
        match step {
            Step::Message(message, calls) => builder.message(message, &calls),
            Step::Result(message, call) => builder.result(message, call),
            Step::MissingResult(call) => builder.missing_result(call),
        }
    }
    builder.flush();
    builder.transcript
}

/// Whether media stands in place in messages of a role.
fn takes_media(format: ApiFormat, role: Role) -> bool {
    match role {
        Role::User => true,
        Role::Tool => matches!(
            format,
            ApiFormat::OpenAiResponses | ApiFormat::AnthropicMessages
        ),
        Role::Assistant => format == ApiFormat::GeminiContents,
        _ => false,
    }
}

struct Builder<'a> {
    format: ApiFormat,
    opaque: &'a LoadedOpaque,
    transcript: Transcript<'a>,
    /// Media that waits for a user message of its own.
    waiting: Vec<WirePart<'a>>,
    /// Stored media that is in the transcript: an image that a tool made may also be part of the
    /// answer that followed.
    seen: HashSet<&'a str>,
}

impl<'a> Builder<'a> {
    fn push(&mut self, role: Role, parts: Vec<WirePart<'a>>) {
        self.transcript.messages.push(WireMessage {
            role,
            parts,
            calls: Vec::new(),
            answers: None,
        });
    }

    fn flush(&mut self) {
        if !self.waiting.is_empty() {
            let parts = std::mem::take(&mut self.waiting);
            self.push(Role::User, parts);
        }
    }

    fn message(&mut self, message: &'a Message, calls: &[&'a ToolCall]) {
        self.flush();
        let lead = match message.role {
            Role::System => "Media of the instructions:",
            _ => "Media of the assistant's message above:",
        };
        let mut parts = self.parts(message, lead);
        if calls.is_empty() {
            // Reasoning without what it led to is refused.
            while let Some((WirePart::Opaque(_), true)) = parts.last() {
                parts.pop();
            }
        }
        let parts: Vec<_> = parts.into_iter().map(|(part, _)| part).collect();
        if parts.is_empty() && calls.is_empty() {
            return;
        }
        let calls = calls.iter().map(|call| self.call(call)).collect();
        self.transcript.messages.push(WireMessage {
            role: message.role,
            parts,
            calls,
            answers: None,
        });
    }

    fn result(&mut self, message: &'a Message, call: &'a ToolCall) {
        let (id, name) = (&call.id, &call.name);
        let lead = format!("Media that the call {id} of {name} returned:");
        let waiting = self.waiting.len();
        let parts = self.parts(message, &lead);
        let mut parts: Vec<_> = parts.into_iter().map(|(part, _)| part).collect();
        if parts.is_empty() && self.waiting.len() > waiting {
            parts.push(WirePart::text("The media follows."));
        }
        self.answer(call, parts);
    }

    fn missing_result(&mut self, call: &'a ToolCall) {
        self.answer(call, vec![WirePart::text(MISSING_RESULT)]);
    }

    fn answer(&mut self, call: &'a ToolCall, parts: Vec<WirePart<'a>>) {
        self.transcript.messages.push(WireMessage {
            role: Role::Tool,
            parts,
            calls: Vec::new(),
            answers: Some(call),
        });
    }

    /// The parts of a message that go out, and whether each is reasoning. Media that may not stand
    /// in it waits, after a text that says where it is from.
    fn parts(&mut self, message: &'a Message, lead: &str) -> Vec<(WirePart<'a>, bool)> {
        let in_place = takes_media(self.format, message.role);
        // What the model shows may be what a tool has shown.
        let may_repeat = message.role == Role::Assistant || !in_place;
        let mut parts = Vec::with_capacity(message.content.len());
        let start = self.waiting.len();
        for part in &message.content {
            match part {
                Part::Text(text) => {
                    let data = data_of(self.format, self.opaque, &text.provider_data);
                    let data = data.map(Cow::Borrowed);
                    if !text.text.is_empty() || data.is_some() {
                        let text = text.text.as_str().into();
                        parts.push((WirePart::Text { text, data }, false));
                    }
                }
                Part::Media(content) if may_repeat && self.has(content) => {}
                Part::Media(content) => {
                    let media = self.media(content);
                    match in_place {
                        true => parts.push((media, false)),
                        false => self.waiting.push(media),
                    }
                }
                Part::Reasoning {
                    opaque: Some((api, item)),
                    ..
                } if self.takes(api) => {
                    let item = self.opaque.json(item);
                    parts.extend(item.map(|item| (WirePart::Opaque(item), true)));
                }
                Part::Opaque { api, item, .. } if self.takes(api) => {
                    let item = self.opaque.json(item);
                    parts.extend(item.map(|item| (WirePart::Opaque(item), false)));
                }
                Part::Omitted(omitted) => parts.push((WirePart::text(omitted.text()), false)),
                _ => {}
            }
        }
        if self.waiting.len() > start {
            let lead = WirePart::text(lead.to_owned());
            self.waiting.insert(start, lead);
        }
        parts
    }

    fn takes(&self, api: &str) -> bool {
        api == self.format.family() && self.format.takes_opaque_items()
    }

    fn call(&self, call: &'a ToolCall) -> WireCall<'a> {
        let family = self.format.family();
        let data = match call.provider_data.get(family) {
            Some(data) => self.opaque.json(data),
            // Version 0.1 kept the data of one family only.
            None if family == "gemini" => call.extra.get(LEGACY_DATA),
            None => None,
        };
        WireCall {
            call,
            data: data.map(Cow::Borrowed),
        }
    }

    fn has(&self, content: &MediaContent) -> bool {
        content
            .reference()
            .is_some_and(|reference| self.seen.contains(reference.id()))
    }

    fn media(&mut self, content: &'a MediaContent) -> WirePart<'a> {
        if let Some(reference) = content.reference() {
            self.seen.insert(reference.id());
        }
        let data = ProviderData::of_media(content);
        let data = data_of(self.format, self.opaque, &data).cloned();
        self.transcript.media.push(content);
        WirePart::Media {
            index: self.transcript.media.len() - 1,
            data: data.map(Cow::Owned),
        }
    }
}

/// The data of the API's family.
fn data_of<'d>(
    format: ApiFormat,
    opaque: &'d LoadedOpaque,
    data: &'d ProviderData,
) -> Option<&'d RawJson> {
    opaque.json(data.get(format.family())?)
}

#[cfg(test)]
mod tests;
