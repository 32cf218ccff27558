//! Tools a pack defines and the policy under which a prompt uses them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::error::{PackError, shown};
use super::names;
use super::node::Node;

/// A tool as the model is told of it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PackTool {
    shared: Arc<Definition>,
}

#[derive(Debug)]
struct Definition {
    name: String,
    description: String,
    parameters: Value,
}

impl PackTool {
    /// The name by which the model calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// What it does, for the model; empty where the pack says nothing.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.shared.description
    }

    /// The JSON schema of its arguments, always of type `object`; one without properties where the pack gives none.
    #[must_use]
    pub fn parameters(&self) -> &Value {
        &self.shared.parameters
    }
}

pub(super) fn read_tools(node: Option<&Node<'_>>) -> Result<BTreeMap<String, PackTool>, PackError> {
    let mut tools = BTreeMap::new();
    let Some(node) = node else { return Ok(tools) };
    for (key, tool) in node.entries()? {
        if !names::is_identifier(key) {
            return Err(tool
                .error(format!("`{}` is not a name for a tool", shown(key)))
                .about(key)
                .with_hint("Use letters, digits, `_` and `-`, a letter or `_` first, 128 characters at most"));
        }
        tool.object()?;
        if let Some(name) = tool.get("name")
            && name.string()? != key
        {
            return Err(name
                .error(format!(
                    "the tool `{key}` has another name in its definition"
                ))
                .about(key));
        }
        let parameters = match tool.get("parameters") {
            None => json!({"type": "object", "properties": {}}),
            Some(parameters) => {
                parameters.object()?;
                if parameters
                    .get_string("type")?
                    .is_some_and(|kind| kind != "object")
                {
                    return Err(parameters.error(format!(
                        "the parameters of the tool `{key}` are not of type `object`"
                    )));
                }
                let mut schema = parameters.value().clone();
                if let Some(schema) = schema.as_object_mut() {
                    schema.insert("type".into(), "object".into());
                    schema.entry("properties").or_insert_with(|| json!({}));
                }
                schema
            }
        };
        let description = tool
            .get_string("description")?
            .unwrap_or_default()
            .to_owned();
        let shared = Arc::new(Definition {
            name: key.to_owned(),
            description,
            parameters,
        });
        tools.insert(key.to_owned(), PackTool { shared });
    }
    Ok(tools)
}

/// Whether the model may, must or must not call tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// The model has to call one.
    Required,
    /// No tool is offered.
    None,
}

/// How a prompt's tools may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolPolicy {
    choice: ToolChoice,
    max_rounds: u64,
    max_calls_per_turn: u64,
    blocklist: Vec<String>,
}

impl Default for ToolPolicy {
    /// The specification's defaults: the model decides, 5 rounds and 10 calls a turn, nothing blocked.
    fn default() -> Self {
        Self {
            choice: ToolChoice::Auto,
            max_rounds: 5,
            max_calls_per_turn: 10,
            blocklist: Vec::new(),
        }
    }
}

impl ToolPolicy {
    pub(super) fn read(node: Option<&Node<'_>>) -> Result<Self, PackError> {
        let default = Self::default();
        let Some(node) = node else { return Ok(default) };
        node.object()?;
        node.get("blocklist")
            .map_or(Ok(()), |list| list.at_most(1000, "blocked tools"))?;
        let choice = match node.get("tool_choice") {
            None => default.choice,
            Some(choice) => match choice.string()? {
                "auto" => ToolChoice::Auto,
                "required" => ToolChoice::Required,
                "none" => ToolChoice::None,
                other => {
                    return Err(choice
                        .error(format!("`{}` is no tool choice", shown(other)))
                        .with_hint("Use `auto`, `required` or `none`"));
                }
            },
        };
        Ok(Self {
            choice,
            max_rounds: node
                .get_positive("max_rounds")?
                .unwrap_or(default.max_rounds),
            max_calls_per_turn: node
                .get_positive("max_tool_calls_per_turn")?
                .unwrap_or(default.max_calls_per_turn),
            blocklist: node.get_strings("blocklist")?.unwrap_or_default(),
        })
    }

    /// Whether the model may, must or must not call tools. Default: [`ToolChoice::Auto`].
    #[must_use]
    pub fn choice(&self) -> ToolChoice {
        self.choice
    }

    /// Most rounds of model, tools, model in one turn; at least 1. Default: 5.
    #[must_use]
    pub fn max_rounds(&self) -> u64 {
        self.max_rounds
    }

    /// Most tool calls in one turn; at least 1. Default: 10.
    #[must_use]
    pub fn max_calls_per_turn(&self) -> u64 {
        self.max_calls_per_turn
    }

    /// Tools that may not be called, even if the prompt lists them. Default: none.
    #[must_use]
    pub fn blocklist(&self) -> &[String] {
        &self.blocklist
    }

    /// Whether the policy lets a tool of this name be called: tools are not switched off, and it is not blocked.
    #[must_use]
    pub fn allows(&self, tool: &str) -> bool {
        self.choice != ToolChoice::None && !self.blocklist.iter().any(|blocked| blocked == tool)
    }
}
