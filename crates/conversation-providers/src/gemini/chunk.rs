//! Pieces of answers, and complete ones, which have the same shape.
//!
//! Names of fields come in both spellings, each by itself.

use conversation_types::{RawJson, TokenUsage};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::answer::LossyString;

/// An answer or a piece of one.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) candidates: Option<Vec<Candidate>>,
    #[serde(default, rename = "promptFeedback", alias = "prompt_feedback")]
    pub(super) feedback: Option<Feedback>,
    #[serde(default, rename = "usageMetadata", alias = "usage_metadata")]
    pub(super) usage: Option<Value>,
    #[serde(default, rename = "modelVersion", alias = "model_version")]
    pub(super) model: Option<LossyString>,
    #[serde(default, rename = "responseId", alias = "response_id")]
    pub(super) id: Option<LossyString>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Candidate {
    #[serde(default)]
    pub(super) content: Option<Content>,
    #[serde(default, rename = "finishReason", alias = "finish_reason")]
    pub(super) finish_reason: Option<LossyString>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Content {
    #[serde(default)]
    pub(super) parts: Option<Vec<Box<RawValue>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Feedback {
    #[serde(default, rename = "blockReason", alias = "block_reason")]
    pub(super) block_reason: Option<LossyString>,
}

/// What of a part is understood.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PartHead {
    #[serde(default)]
    pub(super) text: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) thought: Option<bool>,
    #[serde(default, rename = "inlineData", alias = "inline_data")]
    pub(super) inline: Option<Blob>,
    #[serde(default, rename = "fileData", alias = "file_data")]
    pub(super) file: Option<File>,
    #[serde(default, rename = "functionCall", alias = "function_call")]
    pub(super) call: Option<Call>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Blob {
    /// The number of the media, put here by the decoder.
    #[serde(default)]
    pub(super) data: Option<LossyString>,
    #[serde(default, rename = "mimeType", alias = "mime_type")]
    pub(super) mime: Option<LossyString>,
}

#[derive(Debug, Deserialize)]
pub(super) struct File {
    #[serde(default, rename = "fileUri", alias = "file_uri")]
    pub(super) uri: Option<LossyString>,
    #[serde(default, rename = "mimeType", alias = "mime_type")]
    pub(super) mime: Option<LossyString>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Call {
    #[serde(default)]
    pub(super) id: Option<LossyString>,
    #[serde(default)]
    pub(super) name: Option<LossyString>,
    #[serde(default)]
    pub(super) args: Option<Box<RawValue>>,
}

/// The fields of a part that go back beside what messages hold of it: its signature, the id of a
/// call, and whatever is not known here. `None` where there are none.
pub(super) fn data_of(part: &str) -> Option<RawJson> {
    const HELD: [&str; 5] = ["text", "inlineData", "inline_data", "fileData", "file_data"];
    let mut fields: Map<String, Value> = serde_json::from_str(part).ok()?;
    for name in HELD {
        fields.remove(name);
    }
    let call = fields.remove("functionCall");
    if let Some(Value::Object(mut call)) = call.or_else(|| fields.remove("function_call")) {
        for name in ["name", "args"] {
            call.remove(name);
        }
        if !call.is_empty() {
            fields.insert("functionCall".to_owned(), call.into());
        }
    }
    if let Some(signature) = fields.remove("thought_signature") {
        fields.insert("thoughtSignature".to_owned(), signature);
    }
    (!fields.is_empty()).then(|| RawJson::from(Value::Object(fields)))
}

/// Returns the usage that a report contains; each replaces the one before.
pub(super) fn usage_of(report: &Value) -> Option<TokenUsage> {
    let count = |camel: &str, snake: &str| {
        let value = report.get(camel).or_else(|| report.get(snake))?;
        value.as_u64()
    };
    let input = count("promptTokenCount", "prompt_token_count");
    let answer = count("candidatesTokenCount", "candidates_token_count");
    input.or(answer)?;
    let tools = count("toolUsePromptTokenCount", "tool_use_prompt_token_count");
    let thoughts = count("thoughtsTokenCount", "thoughts_token_count").unwrap_or_default();
    let cached = count("cachedContentTokenCount", "cached_content_token_count");
    let sum = |one: Option<u64>, other: u64| one.unwrap_or_default().saturating_add(other);
    Some(
        TokenUsage::new(sum(input, tools.unwrap_or_default()), sum(answer, thoughts))
            .with_cached_input_tokens(cached.unwrap_or_default())
            .with_reasoning_tokens(thoughts),
    )
}
