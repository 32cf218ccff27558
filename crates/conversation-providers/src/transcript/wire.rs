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
    pub(crate) parts: Vec<WirePart<'a>>,
    pub(crate) calls: Vec<WireCall<'a>>,
    /// The call that this message answers.
    pub(crate) answers: Option<&'a ToolCall>,
}

/// A tool call, with the data of the API's family that goes back with it.
#[derive(Debug)]
pub(crate) struct WireCall<'a> {
    pub(crate) call: &'a ToolCall,
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
    Opaque(&'a RawJson),
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

impl WireMessage<'_> {
    /// Returns all text, joined by line ends.
    pub(crate) fn joined_text(&self) -> String {
        let texts: Vec<&str> = self.parts.iter().filter_map(WirePart::as_text).collect();
        texts.join("\n")
    }

    /// Returns the id of the call that this message answers.
    pub(crate) fn answered_id(&self) -> &str {
        self.answers.map_or("", |call| &call.id)
    }
}
