//! What every turn of a conversation takes from its prompt, worked out once.

use std::sync::Arc;

use media_types::ConversationId;
use serde_json::{Map, Value};

use crate::error::ConversationError;
use crate::manager::Core;
use crate::pack::{Parameters, Prompt, ToolChoice, Variables};
use crate::tool::{Tool, ToolDefinition};

/// A tool that the prompt offers, with the words in which it is offered.
#[derive(Clone, Debug)]
pub(crate) struct OfferedTool {
    pub(crate) definition: ToolDefinition,
    pub(crate) tool: Arc<dyn Tool>,
}

#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) prompt: Prompt,
    pub(crate) system: String,
    pub(crate) tools: Arc<[OfferedTool]>,
    pub(crate) parameters: Map<String, Value>,
}

impl Prepared {
    pub(crate) fn new(
        core: &Core,
        prompt: Prompt,
        variables: &Variables,
        id: &ConversationId,
    ) -> Result<Self, ConversationError> {
        let model = core.provider.model();
        let system = prompt.render_for(model, variables)?;
        let tools = offered(core, &prompt, id);
        let parameters = parameters(&prompt.parameters_for(model));
        Ok(Self {
            prompt,
            system,
            tools,
            parameters,
        })
    }

    /// The tools as the model is told of them.
    pub(crate) fn definitions(&self) -> Vec<ToolDefinition> {
        self.tools
            .iter()
            .map(|offered| offered.definition.clone())
            .collect()
    }
}

/// Those that the prompt lists; all there are where it lists none. In the words of the pack where
/// it has some.
fn offered(core: &Core, prompt: &Prompt, id: &ConversationId) -> Arc<[OfferedTool]> {
    let policy = prompt.tool_policy();
    if policy.choice() == ToolChoice::None {
        return Arc::default();
    }
    if !prompt.lists_tools() {
        return core
            .tools
            .iter()
            .filter(|(name, _)| policy.allows(name))
            .map(|(_, tool)| OfferedTool {
                definition: tool.definition(),
                tool: Arc::clone(tool),
            })
            .collect();
    }
    let missing = |name: &str| {
        core.listeners.warn(
            Some(id),
            format!(
                "the prompt {} lists the tool {}, which the manager does not have",
                prompt.name(),
                name.escape_debug()
            ),
        );
    };
    let mut offered = Vec::new();
    for defined in prompt.tools() {
        match core.tools.get(defined.name()) {
            Some(tool) => offered.push(OfferedTool {
                definition: ToolDefinition::new(
                    defined.name(),
                    defined.description(),
                    defined.parameters().clone(),
                ),
                tool: Arc::clone(tool),
            }),
            None => missing(defined.name()),
        }
    }
    for name in prompt.undefined_tools() {
        match core.tools.get(name) {
            Some(tool) => offered.push(OfferedTool {
                definition: tool.definition(),
                tool: Arc::clone(tool),
            }),
            None => missing(name),
        }
    }
    offered.into()
}

/// Parameters by the names under which providers know them.
fn parameters(from: &Parameters) -> Map<String, Value> {
    let mut map = from.other().clone();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(name.to_owned(), value);
        }
    };
    set("temperature", from.temperature().map(Value::from));
    set("max_tokens", from.max_tokens().map(Value::from));
    set("top_p", from.top_p().map(Value::from));
    set("top_k", from.top_k().map(Value::from));
    set(
        "frequency_penalty",
        from.frequency_penalty().map(Value::from),
    );
    set("presence_penalty", from.presence_penalty().map(Value::from));
    map
}
