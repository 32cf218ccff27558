//! Tools that a pack defines and the policy under which a prompt uses them.

use std::num::NonZeroU64;

use conversation_types::{ToolChoice, ToolDefinition};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value, json};

use crate::fault::Fault;
use crate::names;
use crate::path::escape_for_display;

/// A tool in the file of a pack.
#[derive(Debug, Deserialize)]
pub(crate) struct ToolFile {
    name: Option<String>,
    #[serde(default)]
    description: String,
    parameters: Option<Map<String, Value>>,
}

impl ToolFile {
    /// Makes the definition of the tool that the pack lists under `key`. Its schema always is of
    /// type `object`, and has no properties where the pack gives no parameters.
    pub(crate) fn define(self, key: &str) -> Result<ToolDefinition, Fault> {
        names::check_identifier(key, "a tool name")?;
        if let Some(name) = self.name.filter(|name| name != key) {
            return Err(Fault::new(format!(
                "the tool `{key}` is named `{}` in its definition",
                escape_for_display(&name)
            ))
            .about(key)
            .in_key("name"));
        }
        let mut schema = self.parameters.unwrap_or_default();
        match schema.get("type") {
            None | Some(Value::Null) => {}
            Some(Value::String(kind)) if kind == "object" => {}
            Some(_) => {
                return Err(Fault::new(format!(
                    "the parameters of the tool `{key}` are not of type `object`"
                ))
                .about(key)
                .in_key("parameters"));
            }
        }
        schema.insert("type".to_owned(), json!("object"));
        schema.entry("properties").or_insert_with(|| json!({}));
        Ok(ToolDefinition::new(
            key,
            self.description,
            Value::Object(schema),
        ))
    }
}

/// How the tools of a prompt may be used.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ToolPolicy {
    /// Whether the model may, must or must not call tools. Defaults to [`ToolChoice::Auto`].
    #[serde(deserialize_with = "read_choice")]
    pub tool_choice: ToolChoice,
    /// The largest number of rounds of model, tools, model in one turn. Defaults to 5.
    pub max_rounds: NonZeroU64,
    /// The largest number of tool calls in one turn. Defaults to 10.
    pub max_tool_calls_per_turn: NonZeroU64,
    /// Tools that may not be called, even if the prompt lists them; at most 1,000.
    pub blocklist: Vec<String>,
}

impl Default for ToolPolicy {
    fn default() -> Self {
        Self {
            tool_choice: ToolChoice::Auto,
            max_rounds: NonZeroU64::MIN.saturating_add(4),
            max_tool_calls_per_turn: NonZeroU64::MIN.saturating_add(9),
            blocklist: Vec::new(),
        }
    }
}

impl ToolPolicy {
    /// Whether a tool of this name may be called: tools are not switched off, and it is not
    /// blocked.
    #[must_use]
    pub fn allows(&self, tool: &str) -> bool {
        self.tool_choice != ToolChoice::None
            && !self.blocklist.iter().any(|blocked| blocked == tool)
    }
}

/// Packs write a choice as one word, and the specification knows three.
fn read_choice<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ToolChoice, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_str() {
        "auto" => Ok(ToolChoice::Auto),
        "required" => Ok(ToolChoice::Required),
        "none" => Ok(ToolChoice::None),
        other => Err(de::Error::custom(format_args!(
            "expected `auto`, `required` or `none`, found `{}`",
            escape_for_display(other)
        ))),
    }
}
