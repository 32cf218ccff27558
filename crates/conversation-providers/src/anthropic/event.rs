//! Pieces of answers.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::answer::LossyString;

/// An event of a stream, or a complete message.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(default, rename = "type")]
    pub(super) kind: Option<LossyString>,
    /// The message that begins, in a stream.
    #[serde(default)]
    pub(super) message: Option<MessageHead>,
    #[serde(default)]
    pub(super) content_block: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) delta: Option<Delta>,
    #[serde(default)]
    pub(super) error: Option<Value>,
    /// The blocks of a complete message.
    #[serde(default)]
    pub(super) content: Option<Vec<Box<RawValue>>>,
    #[serde(default)]
    pub(super) id: Option<LossyString>,
    #[serde(default)]
    pub(super) model: Option<LossyString>,
    #[serde(default)]
    pub(super) stop_reason: Option<LossyString>,
    #[serde(default)]
    pub(super) usage: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct MessageHead {
    #[serde(default)]
    pub(super) id: Option<LossyString>,
    #[serde(default)]
    pub(super) model: Option<LossyString>,
    #[serde(default)]
    pub(super) usage: Option<Value>,
}

/// What an event adds to a block, or to the message.
#[derive(Debug, Deserialize)]
pub(super) struct Delta {
    #[serde(default)]
    pub(super) text: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) thinking: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) signature: Option<LossyString>,
    #[serde(default)]
    pub(super) partial_json: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) citation: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) stop_reason: Option<LossyString>,
}

/// A content block.
#[derive(Debug, Deserialize)]
pub(super) struct BlockHead {
    #[serde(default, rename = "type")]
    pub(super) kind: Option<LossyString>,
    #[serde(default)]
    pub(super) text: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) thinking: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) signature: Option<LossyString>,
    #[serde(default)]
    pub(super) id: Option<LossyString>,
    #[serde(default)]
    pub(super) name: Option<LossyString>,
    #[serde(default)]
    pub(super) input: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) citations: Option<Vec<Box<RawValue>>>,
}
