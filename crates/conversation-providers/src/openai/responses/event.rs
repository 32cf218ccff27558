//! Events of streamed answers, and complete answers.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::answer::LossyString;

/// An event, or a complete answer.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(default, rename = "type")]
    pub(super) kind: Option<LossyString>,
    /// The answer so far.
    #[serde(default)]
    pub(super) response: Option<Response>,
    #[serde(default)]
    pub(super) item: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) delta: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) output_index: Option<u64>,
    #[serde(default)]
    pub(super) content_index: Option<u64>,
    #[serde(default)]
    pub(super) summary_index: Option<u64>,
    #[serde(default)]
    pub(super) item_id: Option<LossyString>,
    /// The number of a preview, put here by the decoder.
    #[serde(default)]
    pub(super) partial_image_b64: Option<LossyString>,
    #[serde(default)]
    pub(super) partial_image_index: Option<u32>,
    #[serde(default)]
    pub(super) output_format: Option<LossyString>,
    /// A content part of a message.
    #[serde(default)]
    pub(super) part: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Response {
    #[serde(default)]
    pub(super) id: Option<LossyString>,
    #[serde(default)]
    pub(super) model: Option<LossyString>,
    #[serde(default)]
    pub(super) status: Option<LossyString>,
    #[serde(default)]
    pub(super) output: Option<Vec<Box<RawValue>>>,
    #[serde(default)]
    pub(super) usage: Option<Value>,
    #[serde(default)]
    pub(super) error: Option<Value>,
    #[serde(default)]
    pub(super) incomplete_details: Option<Incomplete>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Incomplete {
    #[serde(default)]
    pub(super) reason: Option<LossyString>,
}
