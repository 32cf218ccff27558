//! A prompt with everything filled in.

use std::sync::Arc;

use conversation_events::ConversationError;
use conversation_types::{Message, Role, ToolChoice, ToolDefinition};
use media_types::MediaType;
use prompt_pack::{Parameters, Prompt, ToolPolicy, Variables, Violation};
use serde_json::{Map, Value};

use super::inline::InlinePrompt;
use super::tools::{EnabledTool, Toolbox, check_missing};
use crate::policy::MissingTools;

/// A prompt with its variables filled in and its tools found. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedPrompt(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    system: Option<String>,
    tools: Vec<EnabledTool>,
    policy: ToolPolicy,
    parameters: Map<String, Value>,
    inline: InlinePrompt,
    prompt: Option<Prompt>,
    warnings: Vec<String>,
}

impl ResolvedPrompt {
    /// Resolves a prompt of a pack, or one that was built in code; parameters beside it win.
    ///
    /// # Errors
    /// `Pack` where a variable is missing, `MissingTool`.
    pub(crate) fn of_prompt(
        prompt: Prompt,
        variables: &Variables,
        model: &str,
        inline: &InlinePrompt,
        tools: &Toolbox,
        missing_tools: MissingTools,
    ) -> Result<Self, ConversationError> {
        let mut system = prompt.render_for(model, variables)?;
        system.extend(inline.system.iter().flat_map(|text| ["\n\n", text]));
        let (chosen, unknown) = tools.named(inline.tools.as_deref());
        let (mut tools, mut missing) = tools.of_prompt(&prompt);
        let is_chosen = |name: &str| chosen.iter().any(|tool| tool.definition.name == name);
        tools.retain(|tool| is_chosen(&tool.definition.name));
        missing.extend(unknown);
        let warnings = check_missing(prompt.name(), &missing, missing_tools)?;
        let mut parameters = parameters(&prompt.parameters_for(model));
        parameters.extend(inline.parameters.clone());
        Ok(Self(Arc::new(Inner {
            system: Some(system),
            tools,
            policy: prompt.tool_policy().clone(),
            parameters,
            inline: inline.clone(),
            prompt: Some(prompt),
            warnings,
        })))
    }

    /// Resolves a prompt that is kept with the conversation.
    ///
    /// # Errors
    /// `MissingTool`.
    pub(crate) fn of_inline(
        inline: &InlinePrompt,
        tools: &Toolbox,
        missing_tools: MissingTools,
    ) -> Result<Self, ConversationError> {
        let (tools, missing) = tools.named(inline.tools.as_deref());
        let warnings = check_missing("start", &missing, missing_tools)?;
        Ok(Self(Arc::new(Inner {
            system: inline.system.clone(),
            tools,
            policy: ToolPolicy::default(),
            parameters: inline.parameters.clone(),
            inline: inline.clone(),
            prompt: None,
            warnings,
        })))
    }

    pub(crate) fn system(&self) -> Option<&str> {
        self.0.system.as_deref()
    }

    pub(crate) fn tools(&self) -> &[EnabledTool] {
        &self.0.tools
    }

    pub(crate) fn definitions(&self, only: Option<&[String]>) -> Vec<ToolDefinition> {
        let wanted =
            |tool: &&EnabledTool| only.is_none_or(|only| only.contains(&tool.definition.name));
        let tools = self.0.tools.iter().filter(wanted);
        tools.map(|tool| tool.definition.clone()).collect()
    }

    pub(crate) fn policy(&self) -> &ToolPolicy {
        &self.0.policy
    }

    pub(crate) fn tool_choice(&self) -> &ToolChoice {
        &self.0.policy.tool_choice
    }

    pub(crate) fn parameters(&self) -> &Map<String, Value> {
        &self.0.parameters
    }

    pub(crate) fn provider(&self) -> Option<&str> {
        self.0.inline.provider.as_deref()
    }

    pub(crate) fn model(&self) -> Option<&str> {
        self.0.inline.model.as_deref()
    }

    pub(crate) fn prompt(&self) -> Option<&Prompt> {
        self.0.prompt.as_ref()
    }

    pub(crate) fn warnings(&self) -> &[String] {
        &self.0.warnings
    }

    /// Runs the validators over an answer.
    pub(crate) fn check_answer(&self, text: &str) -> Vec<Violation> {
        match &self.0.prompt {
            Some(prompt) => prompt.check_answer(text),
            None => Vec::new(),
        }
    }

    /// Sets the detail that the prompt asks for on images of users that name none.
    pub(crate) fn set_default_detail(&self, messages: &mut [Message]) {
        let media = self.0.prompt.as_ref().and_then(Prompt::media);
        let Some(detail) = media
            .and_then(|media| media.limits(MediaType::Image))
            .and_then(|limits| limits.default_detail.as_deref())
            .and_then(|word| word.parse().ok())
        else {
            return;
        };
        let parts = messages
            .iter_mut()
            .filter(|message| message.role == Role::User)
            .flat_map(|message| &mut message.content);
        for media in parts.filter_map(conversation_types::Part::as_media_mut) {
            if media.media_type() == MediaType::Image && media.detail().is_none() {
                *media = media.clone().with_detail(detail);
            }
        }
    }
}

/// Parameters by the names under which providers know them.
fn parameters(from: &Parameters) -> Map<String, Value> {
    let named = [
        ("temperature", from.temperature.map(Value::from)),
        ("max_tokens", from.max_tokens.map(|n| n.get().into())),
        ("top_p", from.top_p.map(Value::from)),
        ("top_k", from.top_k.map(|n| n.get().into())),
        ("frequency_penalty", from.frequency_penalty.map(Value::from)),
        ("presence_penalty", from.presence_penalty.map(Value::from)),
    ];
    let mut map = from.other.clone();
    map.extend(
        named
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?))),
    );
    map
}
