//! Messages as they go out.

use std::borrow::Cow;

use conversation_types::{RawJson, Role, ToolCall};
use media_types::MediaContent;

/// The messages of a request; media by index.
#[derive(Debug, Default)]
pub(crate) struct Transcript<'a> {
    pub(crate) messages: Vec<WireMessage<'a>>,
    pub(crate) media: Vec<&'a MediaContent>,
}

#[derive(Debug)]
pub(crate) struct WireMessage<'a> {
    pub(crate) role: Role,
    /// Text, media, opaque items and calls, in order.
    pub(crate) parts: Vec<WirePart<'a>>,
    /// The call that this message answers.
    pub(crate) answers: Option<WireCall<'a>>,
    /// Whether that call failed.
    pub(crate) is_error: bool,
}

/// A tool call, with the data of the API's family that goes back with it.
#[derive(Clone, Debug)]
pub(crate) struct WireCall<'a> {
    pub(crate) call: &'a ToolCall,
    /// The id by which it goes out.
    pub(crate) id: Cow<'a, str>,
    pub(crate) data: Option<Cow<'a, RawJson>>,
}

/// A part of a message. Data is that of the API's family which goes back with the part.
#[derive(Debug)]
pub(crate) enum WirePart<'a> {
    Text {
        text: Cow<'a, str>,
        data: Option<Cow<'a, RawJson>>,
    },
    Media {
        index: usize,
        data: Option<Cow<'a, RawJson>>,
    },
    /// An item that stands for itself.
    Opaque {
        item: &'a RawJson,
        is_reasoning: bool,
        /// Whether its API takes it only in the conversation and from the account that it was made for.
        is_signed: bool,
    },
    Call(WireCall<'a>),
}

impl<'a> WirePart<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text {
            text: text.into(),
            data: None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text { text, .. } => Some(text),
            _ => None,
        }
    }
}

impl Transcript<'_> {
    /// Returns the media that stands in messages of the model.
    pub(crate) fn media_of_answers(&self) -> impl Iterator<Item = usize> {
        let answers = self.messages.iter();
        let answers = answers.filter(|message| message.role == Role::Assistant);
        let parts = answers.flat_map(|message| &message.parts);
        parts.filter_map(|part| match part {
            WirePart::Media { index, .. } => Some(*index),
            _ => None,
        })
    }
}

impl<'a> WireMessage<'a> {
    /// Returns the calls of the message.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &WireCall<'a>> {
        self.parts.iter().filter_map(|part| match part {
            WirePart::Call(call) => Some(call),
            _ => None,
        })
    }

    /// Returns all text, joined by line ends.
    pub(crate) fn joined_text(&self) -> String {
        let texts: Vec<&str> = self.parts.iter().filter_map(WirePart::as_text).collect();
        texts.join("\n")
    }

    /// Returns the id of the call that this message answers.
    pub(crate) fn answered_id(&self) -> &str {
        self.answers.as_ref().map_or("", |call| &call.id)
    }
}
