//! The tools of a manager, and those that a prompt enables.

use std::collections::BTreeMap;
use std::sync::Arc;

use conversation_events::{ConversationError, ConversationErrorKind};
use conversation_tools::Tool;
use conversation_types::{ToolChoice, ToolDefinition};
use prompt_pack::Prompt;

use crate::policy::MissingTools;

/// A tool that a prompt enables, as the model gets it.
#[derive(Clone, Debug)]
pub(crate) struct EnabledTool {
    pub(crate) definition: ToolDefinition,
    pub(crate) tool: Arc<dyn Tool>,
}

/// The tools of a manager by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Toolbox(Arc<BTreeMap<String, Arc<dyn Tool>>>);

impl Toolbox {
    /// Creates a toolbox.
    ///
    /// # Errors
    /// `Config`: two tools of one name.
    pub(crate) fn new(tools: Vec<Arc<dyn Tool>>) -> Result<Self, ConversationError> {
        let mut by_name = BTreeMap::new();
        for tool in tools {
            let name = tool.definition().name;
            if by_name.contains_key(&name) {
                return Err(ConversationError::new(ConversationErrorKind::Config)
                    .with_detail(format!("two tools have the name `{}`", name.escape_debug()))
                    .with_hint("Give each tool its own name"));
            }
            by_name.insert(name, tool);
        }
        Ok(Self(Arc::new(by_name)))
    }

    fn enable(&self, name: &str) -> Option<EnabledTool> {
        self.0.get(name).map(|tool| EnabledTool {
            definition: tool.definition(),
            tool: Arc::clone(tool),
        })
    }

    /// Returns the tools of these names, or all, and the names that are missing.
    pub(crate) fn named(&self, names: Option<&[String]>) -> (Vec<EnabledTool>, Vec<String>) {
        let all = || self.0.keys().cloned().collect();
        let names = names.map_or_else(all, <[String]>::to_vec);
        let (known, missing): (Vec<_>, Vec<_>) = names
            .into_iter()
            .partition(|name| self.0.contains_key(name));
        let enabled = known.iter().filter_map(|name| self.enable(name));
        (enabled.collect(), missing)
    }

    /// Returns the tools that a prompt enables: those that it lists, as its pack defines them where
    /// it does; all that its policy allows where it lists none. And the names that are missing.
    pub(crate) fn of_prompt(&self, prompt: &Prompt) -> (Vec<EnabledTool>, Vec<String>) {
        let policy = prompt.tool_policy();
        if policy.tool_choice == ToolChoice::None {
            return (Vec::new(), Vec::new());
        }
        if !prompt.lists_tools() {
            let (all, _) = self.named(None);
            let allowed = |tool: &EnabledTool| policy.allows(&tool.definition.name);
            return (all.into_iter().filter(allowed).collect(), Vec::new());
        }
        let listed: Vec<String> = prompt
            .tools()
            .map(|tool| tool.name.clone())
            .chain(prompt.undefined_tools().map(str::to_owned))
            .collect();
        let (mut enabled, missing) = self.named(Some(&listed));
        for tool in &mut enabled {
            if let Some(definition) = prompt.tool(&tool.definition.name) {
                tool.definition = definition.clone();
            }
        }
        (enabled, missing)
    }
}

/// Refuses missing tools, or returns the warnings about them.
///
/// # Errors
/// `MissingTool`, naming the first.
pub(crate) fn check_missing(
    prompt: &str,
    missing: &[String],
    choice: MissingTools,
) -> Result<Vec<String>, ConversationError> {
    let text = |name: &String| {
        format!(
            "the prompt `{}` lists the tool `{}`",
            prompt.escape_debug(),
            name.escape_debug()
        )
    };
    match (missing.first(), choice) {
        (Some(name), MissingTools::Fail) => {
            Err(ConversationError::new(ConversationErrorKind::MissingTool).with_detail(text(name)))
        }
        _ => Ok(missing.iter().map(text).collect()),
    }
}
