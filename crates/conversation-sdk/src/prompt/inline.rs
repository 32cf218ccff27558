//! Prompts that are kept with the conversation instead of in a pack.

use prompt_pack::PackRef;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The prompt of a conversation without a pack, as it is kept with it, or what is preferred beside one of a pack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct InlinePrompt {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) system: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tools: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) parameters: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// Whether a prompt built in code belongs to the conversation: resuming needs it again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) built_in_code: bool,
}

/// The field of a record's prompt that distinguishes an inline prompt from a reference to a pack.
const FIELD: &str = "inline";

impl InlinePrompt {
    /// Returns the JSON that a record keeps.
    pub(crate) fn to_record(&self) -> Option<Value> {
        let value = serde_json::to_value(self).ok()?;
        Some(Value::Object(Map::from_iter([(FIELD.to_owned(), value)])))
    }

    /// Returns the JSON that a record keeps of a prompt of a pack: its reference, and this beside it.
    pub(crate) fn beside(&self, reference: &PackRef) -> Option<Value> {
        let mut value = serde_json::to_value(reference).ok()?;
        let beside = serde_json::to_value(self).ok()?;
        value.as_object_mut()?.extend(beside.as_object()?.clone());
        Some(value)
    }

    /// Reads what a record keeps, if it is an inline prompt or nothing at all.
    pub(crate) fn from_record(prompt: Option<&Value>) -> Option<Self> {
        match prompt {
            None => Some(Self::default()),
            Some(value) => Self::deserialize(value.get(FIELD)?).ok(),
        }
    }
}
