//! Answers as they arrive.

use std::fmt;

use conversation_types::{Part, ProviderData, TokenUsage};
use futures_core::stream::BoxStream;
use media_types::MediaContent;

use crate::completion::Completion;
use crate::error::ProviderError;
use crate::partial_image::PartialImage;
use crate::price::ModelPrice;

/// A piece of an answer. `Debug` prints sizes, never text.
///
/// Together the events but previews hold everything of an answer: whoever keeps them
/// ([`StreamAccumulator`](crate::StreamAccumulator) does) has lost nothing when the stream breaks.
#[derive(Clone)]
#[non_exhaustive]
pub enum ResponseEvent {
    /// The id of the answer, from an API that may keep it: what the provider keeps of an answer that breaks
    /// is found by it.
    ResponseId(String),
    /// More text.
    TextDelta(String),
    /// More reasoning that may be shown.
    ReasoningDelta(String),
    /// A preview of an image that is still being made; no part of the answer.
    PartialImage(PartialImage),
    /// A media item, complete.
    Media(MediaContent),
    /// A tool call begins, or its id or name is known better than before.
    ToolCallStarted {
        /// The position of the call in the answer.
        index: usize,
        /// The id of the call.
        id: String,
        /// The name of the tool; empty where it comes later.
        name: String,
    },
    /// More of the arguments of a tool call.
    ToolCallDelta {
        /// The position of the call in the answer.
        index: usize,
        /// JSON text that continues what came before.
        arguments: String,
    },
    /// Data that the provider wants back with a tool call.
    ToolCallData {
        /// The position of the call in the answer.
        index: usize,
        /// The data.
        data: ProviderData,
    },
    /// A part that the API has closed: an opaque item, or reasoning or text with the data that
    /// goes back with it. It replaces the text or reasoning that the deltas before it built.
    ItemDone(Part),
    /// What is known of the consumption so far; it replaces what was known before. An estimate of
    /// the input comes before the first byte of an answer.
    Usage(TokenUsage),
    /// What the model costs, where that is known: what an answer cost that ended early. It comes before the
    /// first byte of an answer.
    Price(ModelPrice),
    /// The end, with the whole answer.
    Done(Box<Completion>),
}

impl fmt::Debug for ResponseEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResponseId(id) => f.debug_tuple("ResponseId").field(id).finish(),
            Self::TextDelta(text) => write!(f, "TextDelta({} bytes)", text.len()),
            Self::ReasoningDelta(text) => write!(f, "ReasoningDelta({} bytes)", text.len()),
            Self::PartialImage(image) => image.fmt(f),
            Self::Media(media) => f.debug_tuple("Media").field(media).finish(),
            Self::ToolCallStarted { index, id, name } => f
                .debug_struct("ToolCallStarted")
                .field("index", index)
                .field("id", id)
                .field("name", name)
                .finish(),
            Self::ToolCallDelta { index, arguments } => {
                write!(f, "ToolCallDelta({index}, {} bytes)", arguments.len())
            }
            Self::ToolCallData { index, .. } => write!(f, "ToolCallData({index})"),
            Self::ItemDone(part) => f.debug_tuple("ItemDone").field(part).finish(),
            Self::Usage(usage) => f.debug_tuple("Usage").field(usage).finish(),
            Self::Price(price) => f.debug_tuple("Price").field(price).finish(),
            Self::Done(completion) => f.debug_tuple("Done").field(completion).finish(),
        }
    }
}

/// An answer: a stream of events, the last of which is [`ResponseEvent::Done`] or an error.
///
/// A stream that ends without either was cut off. Dropping it ends the request.
pub struct ProviderResponse {
    events: BoxStream<'static, Result<ResponseEvent, ProviderError>>,
}

impl ProviderResponse {
    /// Creates an answer that arrives in pieces.
    pub fn from_events(events: BoxStream<'static, Result<ResponseEvent, ProviderError>>) -> Self {
        Self { events }
    }

    /// Creates an answer that is complete already.
    pub fn complete(completion: Completion) -> Self {
        let event = Ok(ResponseEvent::Done(Box::new(completion)));
        Self::from_events(Box::pin(futures_util::stream::iter([event])))
    }

    /// Returns the events.
    pub fn into_events(self) -> BoxStream<'static, Result<ResponseEvent, ProviderError>> {
        self.events
    }
}

impl fmt::Debug for ProviderResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderResponse").finish_non_exhaustive()
    }
}
