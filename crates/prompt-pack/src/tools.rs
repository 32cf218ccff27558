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
pub struct ToolPolicy {
    #[serde(rename = "tool_choice", deserialize_with = "read_choice")]
    choice: ToolChoice,
    max_rounds: NonZeroU64,
    #[serde(rename = "max_tool_calls_per_turn")]
    max_calls_per_turn: NonZeroU64,
    blocklist: Vec<String>,
}

const DEFAULT_ROUNDS: NonZeroU64 = NonZeroU64::MIN.saturating_add(4);
const DEFAULT_CALLS: NonZeroU64 = NonZeroU64::MIN.saturating_add(9);
/// Names in a blocklist are looked up for each tool, so the lengths of both lists multiply.
const MAX_BLOCKED: usize = 1000;

impl Default for ToolPolicy {
    /// Returns the defaults of the specification: the model decides, 5 rounds and 10 calls a turn,
    /// nothing blocked.
    fn default() -> Self {
        Self {
            choice: ToolChoice::Auto,
            max_rounds: DEFAULT_ROUNDS,
            max_calls_per_turn: DEFAULT_CALLS,
            blocklist: Vec::new(),
        }
    }
}

impl ToolPolicy {
    /// Creates a policy with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether the model may, must or must not call tools. Defaults to [`ToolChoice::Auto`].
    #[must_use]
    pub fn with_choice(mut self, choice: ToolChoice) -> Self {
        self.choice = choice;
        self
    }

    /// Sets the largest number of rounds of model, tools, model in one turn; 0 counts as 1.
    /// Defaults to 5.
    #[must_use]
    pub fn with_max_rounds(mut self, rounds: u64) -> Self {
        self.max_rounds = NonZeroU64::new(rounds).unwrap_or(NonZeroU64::MIN);
        self
    }

    /// Sets the largest number of tool calls in one turn; 0 counts as 1. Defaults to 10.
    #[must_use]
    pub fn with_max_calls_per_turn(mut self, calls: u64) -> Self {
        self.max_calls_per_turn = NonZeroU64::new(calls).unwrap_or(NonZeroU64::MIN);
        self
    }

    /// Sets the tools that may not be called, even if the prompt lists them; at most 1,000.
    /// Defaults to none.
    #[must_use]
    pub fn with_blocklist<S: Into<String>>(mut self, tools: impl IntoIterator<Item = S>) -> Self {
        self.blocklist = tools.into_iter().map(Into::into).collect();
        self
    }

    /// Returns whether the model may, must or must not call tools.
    #[must_use]
    pub fn choice(&self) -> &ToolChoice {
        &self.choice
    }

    /// Returns the largest number of rounds of model, tools, model in one turn; at least 1.
    #[must_use]
    pub fn max_rounds(&self) -> u64 {
        self.max_rounds.get()
    }

    /// Returns the largest number of tool calls in one turn; at least 1.
    #[must_use]
    pub fn max_calls_per_turn(&self) -> u64 {
        self.max_calls_per_turn.get()
    }

    /// Returns the tools that may not be called.
    #[must_use]
    pub fn blocklist(&self) -> &[String] {
        &self.blocklist
    }

    /// Whether a tool of this name may be called: tools are not switched off, and it is not
    /// blocked.
    #[must_use]
    pub fn allows(&self, tool: &str) -> bool {
        self.choice != ToolChoice::None && !self.blocks(tool)
    }

    pub(crate) fn blocks(&self, tool: &str) -> bool {
        self.blocklist.iter().any(|blocked| blocked == tool)
    }

    pub(crate) fn check(&self) -> Result<(), Fault> {
        if self.blocklist.len() <= MAX_BLOCKED {
            return Ok(());
        }
        let fault = Fault::new(format!("more than {MAX_BLOCKED} blocked tools"));
        Err(fault.in_key("blocklist"))
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
