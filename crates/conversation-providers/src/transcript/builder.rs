//! Where text, media and opaque items of the conversation stand in a request.
//!
//! Where media may stand depends on the API: everywhere in messages of users, in some also in the
//! results of tools or in messages of the model. Elsewhere it follows in a user message of its own,
//! once all calls of the round have their results.

use std::borrow::Cow;
use std::collections::HashSet;

use conversation_types::{Message, Part, ProviderData, RawJson, Role};
use media_types::MediaContent;

use super::marker::{ItemKind, is_compaction, kind_of_item};
use super::opaque::LoadedOpaque;
use super::rounds::{SentCall, Step, arrange};
use super::rules::TranscriptRules;
use super::server_calls::{AnsweredCalls, pop_reasoning};
use super::wire::{Transcript, WireCall, WireMessage, WirePart};
use crate::request::ProviderRequest;

/// The result of a call whose own never came.
const MISSING_RESULT: &str = "[no result: the call was interrupted]";

/// The field in which version 0.1 kept data of a call.
const LEGACY_DATA: &str = "provider_data";

/// The metadata of a result that says that its call failed.
const IS_ERROR: &str = "is_error";

/// Returns the conversation of a request in the order that an API wants.
pub(crate) fn build_transcript<'a>(
    rules: &'static TranscriptRules,
    model: &str,
    request: &ProviderRequest<'a>,
    opaque: &'a LoadedOpaque,
) -> Transcript<'a> {
    let answered = match rules.takes_opaque_items {
        true => AnsweredCalls::of(rules.family, request.messages, |item| opaque.json(item)),
        false => AnsweredCalls::default(),
    };
    let mut builder = Builder {
        rules,
        answered,
        media_in_results: (rules.media_in_results)(model),
        opaque,
        is_bare: false,
        transcript: Transcript::default(),
        waiting: Vec::new(),
        seen: HashSet::new(),
    };
    if let Some(system) = request.system
        && rules.system_is_message
    {
        builder.push(Role::System, vec![WirePart::text(system)]);
    }
    let call_ids = rules.call_ids.at(opaque.account());
    for step in arrange(request.messages, call_ids, request.known) {
        if let Step::Message(at, ..) = step {
            builder.is_bare = opaque.is_bare(at);
        }
        match step {
            // The provider has it, but not what was missing when its newest message came.
            Step::Message(at, ..) | Step::Result(at, ..) if at < request.known => {}
            Step::MissingResult(at, _) if at + 1 < request.known => {}
            Step::Message(at, message, calls) => builder.message(at, message, &calls),
            Step::Result(at, message, call) => builder.result(at, message, call),
            Step::MissingResult(_, call) => builder.missing_result(call),
        }
    }
    builder.flush();
    builder.transcript
}

struct Builder<'a> {
    rules: &'static TranscriptRules,
    media_in_results: bool,
    opaque: &'a LoadedOpaque,
    /// The calls among the opaque items that have results.
    answered: AnsweredCalls,
    /// Whether the message that is gone through goes without its opaque data, and so do its calls where they
    /// are answered.
    is_bare: bool,
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
            answers: None,
            is_error: false,
        });
    }

    fn flush(&mut self) {
        if !self.waiting.is_empty() {
            let parts = std::mem::take(&mut self.waiting);
            self.push(Role::User, parts);
        }
    }

    fn message(&mut self, at: usize, message: &'a Message, calls: &[SentCall<'a>]) {
        self.flush();
        let lead = match message.role {
            Role::System => "Media of the instructions:",
            _ => "Media of the assistant's message above:",
        };
        let mut parts = self.parts(at, message, calls, lead);
        self.answered.remove_open(&mut parts, at, message.status);
        pop_reasoning(&mut parts);
        if !parts.is_empty() {
            self.push(message.role, parts);
        }
    }

    fn result(&mut self, at: usize, message: &'a Message, call: SentCall<'a>) {
        let (id, name) = (&call.id, &call.call.name);
        let lead = format!("Media that the call {id} of {name} returned:");
        let waiting = self.waiting.len();
        let mut parts = self.parts(at, message, &[], &lead);
        if parts.is_empty() && self.waiting.len() > waiting {
            parts.push(WirePart::text("The media follows."));
        }
        let is_error = message.metadata.get(IS_ERROR);
        self.answer(call, parts, is_error.is_some_and(|value| *value == true));
    }

    fn missing_result(&mut self, call: SentCall<'a>) {
        self.answer(call, vec![WirePart::text(MISSING_RESULT)], false);
    }

    fn answer(&mut self, call: SentCall<'a>, parts: Vec<WirePart<'a>>, is_error: bool) {
        self.transcript.messages.push(WireMessage {
            role: Role::Tool,
            parts,
            answers: Some(self.call(call)),
            is_error,
        });
    }

    /// The parts of a message that go out, calls in their places or last. Media that may not stand
    /// in it waits, after a text that says where it is from.
    fn parts(
        &mut self,
        at: usize,
        message: &'a Message,
        calls: &[SentCall<'a>],
        lead: &str,
    ) -> Vec<WirePart<'a>> {
        let mut calls: Vec<Option<SentCall<'a>>> = calls.iter().cloned().map(Some).collect();
        let mut parts = Vec::with_capacity(message.content.len() + calls.len());
        let start = self.waiting.len();
        for (index, part) in message.content.iter().enumerate() {
            match part {
                Part::Text(text) => {
                    let data = self.data(&text.provider_data).map(Cow::Borrowed);
                    if !text.text.is_empty() || data.is_some() {
                        let text = text.text.as_str().into();
                        parts.push(WirePart::Text { text, data });
                    }
                }
                Part::Media(_) if self.opaque.text((at, index)).is_some() => {
                    let words = self.opaque.text((at, index)).unwrap_or_default();
                    parts.push(WirePart::text(words));
                }
                Part::Media(content)
                    if message.role == Role::Assistant
                        && let Some(data) = self.named_audio(content) =>
                {
                    let text = content.transcript().unwrap_or_default().into();
                    let data = Some(Cow::Owned(data));
                    parts.push(WirePart::Text { text, data });
                }
                Part::Media(content) => {
                    let data = ProviderData::of_media(content);
                    let data = self.data(&data).cloned();
                    let in_place = self.takes_media(message.role, data.as_ref());
                    // What the model shows may be what a tool has shown.
                    let may_repeat = message.role == Role::Assistant || !in_place;
                    if may_repeat && data.is_none() && self.has(content) {
                        continue;
                    }
                    let media = self.media(content, data);
                    match in_place {
                        true => parts.push(media),
                        false => self.waiting.push(media),
                    }
                }
                Part::Reasoning {
                    opaque: Some((api, item)),
                    ..
                } if self.takes(api) && !self.is_bare => {
                    parts.extend(self.opaque.json(item).map(|item| WirePart::Opaque {
                        item,
                        is_reasoning: true,
                        is_signed: true,
                    }));
                }
                Part::Opaque { api, item, .. } if self.takes(api) => {
                    let Some(item) = self.opaque.json(item) else {
                        continue;
                    };
                    match kind_of_item(item) {
                        ItemKind::Ours => {}
                        ItemKind::Verbatim if self.is_bare => {}
                        ItemKind::Verbatim => parts.push(WirePart::Opaque {
                            item,
                            is_reasoning: false,
                            is_signed: is_compaction(item),
                        }),
                        ItemKind::Call(id) => {
                            let is_it = |call: &&mut Option<SentCall<'a>>| {
                                call.as_ref().is_some_and(|call| call.call.id == id)
                            };
                            let call = calls.iter_mut().find(is_it).and_then(Option::take);
                            parts.extend(call.map(|call| WirePart::Call(self.call(call))));
                        }
                    }
                }
                Part::Omitted(omitted) => parts.push(WirePart::text(omitted.text())),
                _ => {}
            }
        }
        let last = calls.into_iter().flatten();
        parts.extend(last.map(|call| WirePart::Call(self.call(call))));
        if self.waiting.len() > start {
            let lead = WirePart::text(lead.to_owned());
            self.waiting.insert(start, lead);
        }
        parts
    }

    /// The data of audio of the model that goes back by its id.
    fn named_audio(&self, content: &MediaContent) -> Option<RawJson> {
        if !self.rules.names_audio {
            return None;
        }
        let data = ProviderData::of_media(content);
        self.opaque.named_audio(data.get(self.rules.family))
    }

    /// Whether media stands in place in messages of a role.
    fn takes_media(&self, role: Role, data: Option<&RawJson>) -> bool {
        match role {
            Role::User => true,
            Role::Tool => self.media_in_results,
            Role::Assistant => (self.rules.media_in_answers)(data),
            _ => false,
        }
    }

    fn takes(&self, api: &str) -> bool {
        api == self.rules.family && self.rules.takes_opaque_items
    }

    fn call(&self, sent: SentCall<'a>) -> WireCall<'a> {
        let SentCall { call, id } = sent;
        let family = self.rules.family;
        let data = match call.provider_data.get(family) {
            _ if self.is_bare => None,
            Some(data) => self.opaque.json(data),
            // Version 0.1 kept the data of one family only.
            None if family == "gemini" => call.extra.get(LEGACY_DATA),
            None => None,
        };
        WireCall {
            call,
            id,
            data: data.map(Cow::Borrowed),
        }
    }

    fn has(&self, content: &MediaContent) -> bool {
        content
            .reference()
            .is_some_and(|reference| self.seen.contains(reference.id()))
    }

    fn media(&mut self, content: &'a MediaContent, data: Option<RawJson>) -> WirePart<'a> {
        if let Some(reference) = content.reference() {
            self.seen.insert(reference.id());
        }
        self.transcript.media.push(content);
        WirePart::Media {
            index: self.transcript.media.len() - 1,
            data: data.map(Cow::Owned),
        }
    }

    /// The data of the API's family.
    fn data<'d>(&self, data: &'d ProviderData) -> Option<&'d RawJson>
    where
        'a: 'd,
    {
        let data = data.get(self.rules.family)?;
        self.opaque
            .json(data)
            .filter(|_| self.rules.takes_opaque_items && !self.is_bare)
    }
}
