//! Pieces of chat completions, and complete ones, which have the same shape.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::answer::LossyString;

/// An answer or a piece of one. Everything is optional: compatible servers leave out what they do
/// not have, and write `null`.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) id: Option<LossyString>,
    #[serde(default)]
    pub(super) model: Option<LossyString>,
    #[serde(default)]
    pub(super) choices: Option<Vec<Choice>>,
    #[serde(default)]
    pub(super) usage: Option<Value>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    /// What a stream adds.
    #[serde(default)]
    pub(super) delta: Option<Delta>,
    /// What a complete answer holds.
    #[serde(default)]
    pub(super) message: Option<Delta>,
    #[serde(default)]
    pub(super) finish_reason: Option<LossyString>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta {
    /// Text, or an array of parts.
    #[serde(default)]
    pub(super) content: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) refusal: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) reasoning_content: Option<Box<RawValue>>,
    /// The same in the word of other servers.
    #[serde(default)]
    pub(super) reasoning: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) tool_calls: Option<Vec<CallDelta>>,
    #[serde(default)]
    pub(super) images: Option<Vec<Value>>,
    #[serde(default)]
    pub(super) audio: Option<Audio>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CallDelta {
    #[serde(default)]
    pub(super) index: Option<usize>,
    #[serde(default)]
    pub(super) id: Option<LossyString>,
    #[serde(default)]
    pub(super) function: Option<FunctionDelta>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FunctionDelta {
    #[serde(default)]
    pub(super) name: Option<LossyString>,
    /// Text; some servers send the object itself.
    #[serde(default)]
    pub(super) arguments: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Audio {
    #[serde(default)]
    pub(super) id: Option<LossyString>,
    #[serde(default)]
    pub(super) expires_at: Option<i64>,
    /// The number of the audio, put here by the decoder.
    #[serde(default)]
    pub(super) data: Option<LossyString>,
    #[serde(default)]
    pub(super) transcript: Option<LossyString>,
}

/// A part of content that is an array.
#[derive(Debug, Deserialize)]
pub(super) struct ContentPart {
    #[serde(default)]
    pub(super) text: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) image_url: Option<Value>,
}
