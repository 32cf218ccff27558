//! The conversation in the order that an API wants, its media by number.
//!
//! Where media may stand depends on the API: everywhere in messages of users, in some also in the
//! answers of tools or in what the model said. Elsewhere it follows in a user message of its own,
//! once all calls of the round are answered.

use std::collections::HashSet;

use media_types::MediaContent;

use super::WireForm;
use crate::message::{Message, Part, Role, ToolCall};
use crate::provider::ProviderRequest;

/// What the model is told in place of a part that does not read: without it, an answer that speaks
/// of that part would come out of nothing.
const UNREADABLE: &str = "[a part that cannot be read]";

/// Messages as they go out; media by number.
#[derive(Debug, Default)]
pub(crate) struct Transcript<'a> {
    pub(crate) messages: Vec<WireMessage<'a>>,
    pub(crate) media: Vec<&'a MediaContent>,
}

#[derive(Debug)]
pub(crate) struct WireMessage<'a> {
    pub(crate) role: Role,
    pub(crate) parts: Vec<WirePart<'a>>,
    pub(crate) calls: &'a [ToolCall],
    /// The call that this answers.
    pub(crate) answers: Option<&'a str>,
    /// The tool that was called, where the call is known.
    pub(crate) tool: Option<&'a str>,
}

impl WireMessage<'_> {
    /// All words, joined by line ends.
    pub(crate) fn words(&self) -> String {
        let texts: Vec<&str> = self.parts.iter().filter_map(WirePart::as_text).collect();
        texts.join("\n")
    }
}

#[derive(Debug)]
pub(crate) enum WirePart<'a> {
    Text(std::borrow::Cow<'a, str>),
    Media(usize),
}

impl WirePart<'_> {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Media(_) => None,
        }
    }
}

impl<'a> Transcript<'a> {
    pub(crate) fn of(form: WireForm, request: &ProviderRequest<'a>) -> Self {
        let mut builder = Builder {
            form,
            transcript: Self::default(),
            waiting: Vec::new(),
            seen: HashSet::new(),
        };
        if let Some(system) = request.system
            && form == WireForm::OpenAiChat
        {
            builder.push(Role::System, vec![WirePart::Text(system.into())]);
        }
        for message in request.messages {
            builder.message(message);
        }
        builder.flush();
        builder.transcript
    }
}

/// Whether media stands where it was said, in what this role says.
fn in_place(form: WireForm, role: Role) -> bool {
    match role {
        Role::User => true,
        Role::Tool => matches!(
            form,
            WireForm::OpenAiResponses | WireForm::AnthropicMessages
        ),
        Role::Assistant => form == WireForm::GeminiContents,
        Role::System => false,
    }
}

struct Builder<'a> {
    form: WireForm,
    transcript: Transcript<'a>,
    /// Media that waits for a user message of its own.
    waiting: Vec<WirePart<'a>>,
    /// Stored media that is in the transcript: a picture that a tool made may also be part of the
    /// answer that followed.
    seen: HashSet<&'a str>,
}

impl<'a> Builder<'a> {
    fn push(&mut self, role: Role, parts: Vec<WirePart<'a>>) {
        self.transcript.messages.push(WireMessage {
            role,
            parts,
            calls: &[],
            answers: None,
            tool: None,
        });
    }

    fn message(&mut self, message: &'a Message) {
        if message.role != Role::Tool {
            self.flush();
        }
        if in_place(self.form, message.role) {
            return self.as_said(message);
        }
        match message.role {
            Role::User => self.as_said(message),
            Role::System => self.words_then_media(message, "Media of the instructions:"),
            Role::Assistant => {
                self.words_then_media(message, "Media of the assistant's message above:");
            }
            Role::Tool => {
                let id = message.tool_call_id.as_deref().unwrap_or_default();
                let lead = match self.caller(id) {
                    Some(name) => format!("Media that the call {id} of {name} returned:"),
                    None => format!("Media that the call {id} returned:"),
                };
                self.words_then_media(message, &lead);
            }
        }
    }

    fn as_said(&mut self, message: &'a Message) {
        let mut parts = Vec::with_capacity(message.content.len());
        for part in &message.content {
            parts.push(match part {
                Part::Text(text) => WirePart::Text(text.as_str().into()),
                Part::Unreadable(_) => WirePart::Text(UNREADABLE.into()),
                // The model's picture may be one that a tool has shown already.
                Part::Media(content) if message.role == Role::Assistant && self.has(content) => {
                    continue;
                }
                Part::Media(content) => WirePart::Media(self.add(content)),
            });
        }
        self.finish(message, parts);
    }

    /// Name of the tool that this call called.
    fn caller(&self, id: &str) -> Option<&'a str> {
        let messages = self.transcript.messages.iter().rev();
        let mut calls = messages.flat_map(|message| message.calls);
        calls
            .find(|call| call.id == id)
            .map(|call| call.name.as_str())
    }

    fn words_then_media(&mut self, message: &'a Message, lead: &str) {
        let texts = message.content.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Unreadable(_) => Some(UNREADABLE),
            Part::Media(_) => None,
        });
        let mut parts: Vec<WirePart<'a>> = texts.map(|t| WirePart::Text(t.into())).collect();
        let start = self.waiting.len();
        for content in message.media() {
            if !self.has(content) {
                let part = WirePart::Media(self.add(content));
                self.waiting.push(part);
            }
        }
        if self.waiting.len() > start {
            self.waiting
                .insert(start, WirePart::Text(lead.to_owned().into()));
            if message.role == Role::Tool && parts.is_empty() {
                parts.push(WirePart::Text("The media follows.".into()));
            }
        }
        self.finish(message, parts);
    }

    fn finish(&mut self, message: &'a Message, parts: Vec<WirePart<'a>>) {
        let answers = message.tool_call_id.as_deref();
        let tool = answers.and_then(|id| self.caller(id));
        self.transcript.messages.push(WireMessage {
            role: message.role,
            parts,
            calls: &message.tool_calls,
            answers,
            tool,
        });
    }

    fn has(&self, content: &MediaContent) -> bool {
        content
            .reference()
            .is_some_and(|reference| self.seen.contains(reference.id()))
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
            self.push(Role::User, parts);
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
        let transcript = Transcript::of(WireForm::OpenAiChat, &request);
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
