//! Messages as they go out.

use std::borrow::Cow;

use conversation_types::{RawJson, Role, ToolCall};
use media_types::MediaContent;

/// The messages of a request; media by index.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Transcript<'a> {
    /// The messages, oldest first.
    pub messages: Vec<WireMessage<'a>>,
    /// The media items of all messages, by their indexes.
    pub media: Vec<&'a MediaContent>,
}

/// A message as it goes out.
#[derive(Debug)]
#[non_exhaustive]
pub struct WireMessage<'a> {
    /// The role of its author.
    pub role: Role,
    /// Text, media, opaque items and calls, in order.
    pub parts: Vec<WirePart<'a>>,
    /// The call that this message answers.
    pub answers: Option<WireCall<'a>>,
    /// Whether that call failed.
    pub is_error: bool,
}

/// A tool call, with the data of the API's family that goes back with it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WireCall<'a> {
    /// The call.
    pub call: &'a ToolCall,
    /// The id by which it goes out.
    pub id: Cow<'a, str>,
    /// The data of the API's family that goes back with it.
    pub data: Option<Cow<'a, RawJson>>,
}

/// A part of a message. Data is that of the API's family which goes back with the part.
#[derive(Debug)]
#[non_exhaustive]
pub enum WirePart<'a> {
    /// Text.
    Text {
        /// The text.
        text: Cow<'a, str>,
        /// What goes back with it.
        data: Option<Cow<'a, RawJson>>,
    },
    /// A media item.
    Media {
        /// Its index in the [`MediaPlan`](crate::MediaPlan).
        index: usize,
        /// What goes back with it.
        data: Option<Cow<'a, RawJson>>,
    },
    /// An item that stands for itself.
    Opaque {
        /// The item, which goes out as it is.
        item: &'a RawJson,
        /// Whether it is reasoning.
        is_reasoning: bool,
        /// Whether its API takes it only in the conversation and from the account that it was made for.
        is_signed: bool,
    },
    /// A call of a tool.
    Call(WireCall<'a>),
}

impl<'a> WirePart<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text {
            text: text.into(),
            data: None,
        }
    }

    /// Returns the text, where the part is text.
    pub fn as_text(&self) -> Option<&str> {
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
    pub fn calls(&self) -> impl Iterator<Item = &WireCall<'a>> {
        self.parts.iter().filter_map(|part| match part {
            WirePart::Call(call) => Some(call),
            _ => None,
        })
    }

    /// Returns all text, joined by line ends.
    pub fn joined_text(&self) -> String {
        let texts: Vec<&str> = self.parts.iter().filter_map(WirePart::as_text).collect();
        texts.join("\n")
    }

    /// Returns the id of the call that this message answers; an empty one where it answers none.
    pub fn answered_id(&self) -> &str {
        self.answers.as_ref().map_or("", |call| &call.id)
    }
}
