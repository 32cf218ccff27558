//! The conversation in the order and the roles that chat completions want.
//!
//! Pictures, sound and files may stand in messages of users only. Those of tools and of the model
//! itself follow in a user message of their own, once all calls of the round are answered.

use std::collections::HashSet;

use media_types::MediaContent;

use crate::message::{Message, Part, Role, ToolCall};
use crate::provider::ProviderRequest;

/// What the model is told in place of a part that does not read: without it, an answer that speaks
/// of that part would come out of nothing.
const UNREADABLE: &str = "[a part that cannot be read]";

/// Messages as they go out; media by number.
#[derive(Debug, Default)]
pub(super) struct Transcript<'a> {
    pub(super) messages: Vec<WireMessage<'a>>,
    pub(super) media: Vec<&'a MediaContent>,
}

#[derive(Debug)]
pub(super) struct WireMessage<'a> {
    pub(super) role: &'static str,
    pub(super) parts: Vec<WirePart<'a>>,
    pub(super) calls: &'a [ToolCall],
    pub(super) answers: Option<&'a str>,
}

#[derive(Debug)]
pub(super) enum WirePart<'a> {
    Text(std::borrow::Cow<'a, str>),
    Media(usize),
}

impl<'a> Transcript<'a> {
    pub(super) fn of(request: &ProviderRequest<'a>) -> Self {
        let mut builder = Builder::default();
        if let Some(system) = request.system {
            builder.push("system", vec![WirePart::Text(system.into())]);
        }
        for message in request.messages {
            builder.message(message);
        }
        builder.flush();
        builder.transcript
    }
}

#[derive(Default)]
struct Builder<'a> {
    transcript: Transcript<'a>,
    /// Media that waits for a user message of its own.
    waiting: Vec<WirePart<'a>>,
    /// Stored media that is in the transcript: a picture that a tool made may also be part of the
    /// answer that followed.
    seen: HashSet<&'a str>,
}

impl<'a> Builder<'a> {
    fn push(&mut self, role: &'static str, parts: Vec<WirePart<'a>>) {
        self.transcript.messages.push(WireMessage {
            role,
            parts,
            calls: &[],
            answers: None,
        });
    }

    fn message(&mut self, message: &'a Message) {
        if message.role != Role::Tool {
            self.flush();
        }
        match message.role {
            Role::User => {
                let parts = message.content.iter().map(|part| match part {
                    Part::Text(text) => WirePart::Text(text.as_str().into()),
                    Part::Media(content) => WirePart::Media(self.add(content)),
                    Part::Unreadable(_) => WirePart::Text(UNREADABLE.into()),
                });
                let parts = parts.collect();
                self.push("user", parts);
            }
            Role::System => self.words_then_media("system", message, "Media of the instructions:"),
            Role::Assistant => {
                self.words_then_media(
                    "assistant",
                    message,
                    "Media of the assistant's message above:",
                );
            }
            Role::Tool => {
                let id = message.tool_call_id.as_deref().unwrap_or_default();
                let lead = match self.caller(id) {
                    Some(name) => format!("Media that the call {id} of {name} returned:"),
                    None => format!("Media that the call {id} returned:"),
                };
                self.words_then_media("tool", message, &lead);
            }
        }
    }

    /// Name of the tool that this call called.
    fn caller(&self, id: &str) -> Option<&'a str> {
        let messages = self.transcript.messages.iter().rev();
        let mut calls = messages.flat_map(|message| message.calls);
        calls
            .find(|call| call.id == id)
            .map(|call| call.name.as_str())
    }

    fn words_then_media(&mut self, role: &'static str, message: &'a Message, lead: &str) {
        let texts = message.content.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Unreadable(_) => Some(UNREADABLE),
            Part::Media(_) => None,
        });
        let mut parts: Vec<WirePart<'a>> = texts.map(|t| WirePart::Text(t.into())).collect();
        let start = self.waiting.len();
        for content in message.media() {
            let seen = content
                .reference()
                .is_some_and(|reference| self.seen.contains(reference.id()));
            if !seen {
                let part = WirePart::Media(self.add(content));
                self.waiting.push(part);
            }
        }
        if self.waiting.len() > start {
            self.waiting
                .insert(start, WirePart::Text(lead.to_owned().into()));
            if role == "tool" && parts.is_empty() {
                parts.push(WirePart::Text("The media follows.".into()));
            }
        }
        self.transcript.messages.push(WireMessage {
            role,
            parts,
            calls: &message.tool_calls,
            answers: message.tool_call_id.as_deref(),
        });
    }

    fn add(&mut self, content: &'a MediaContent) -> usize {
        if let Some(reference) = content.reference() {
            self.seen.insert(reference.id());
        }
        self.transcript.media.push(content);
        self.transcript.media.len() - 1
    }

    fn flush(&mut self) {
        if !self.waiting.is_empty() {
            let parts = std::mem::take(&mut self.waiting);
            self.push("user", parts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_told_of_parts_that_do_not_read() {
        let content = r#"[{"type":"text","text":"see"},{"type":"hologram","secret":1}]"#;
        let content: Vec<Part> = serde_json::from_str(content).unwrap();
        let messages = [
            Message::new(Role::User, content.clone()),
            Message::new(Role::Assistant, content[1..].to_vec()),
            Message::tool("call_1", content),
        ];
        let request = ProviderRequest::new(&messages);
        let transcript = Transcript::of(&request);
        let sent: Vec<Vec<&str>> = transcript
            .messages
            .iter()
            .map(|message| {
                let parts = message.parts.iter();
                parts
                    .map(|part| match part {
                        WirePart::Text(text) => text.as_ref(),
                        WirePart::Media(_) => panic!("{part:?}"),
                    })
                    .collect()
            })
            .collect();
        let both = vec!["see", UNREADABLE];
        assert_eq!(sent, [both.clone(), vec![UNREADABLE], both]);
    }
}
