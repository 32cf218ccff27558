//! Requests to models.

use std::fmt;

use conversation_types::{Message, ToolChoice, ToolDefinition};
use serde_json::{Map, Value};

use crate::budget::AttemptBudget;

/// Whether an answer arrives at once or in pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseMode {
    /// At once; an answer that breaks is lost.
    #[default]
    Complete,
    /// In pieces, as the model writes; what came before a break is kept.
    Streaming,
}

/// A request to a model. `Debug` prints sizes, never text.
#[derive(Clone)]
#[non_exhaustive]
pub struct ProviderRequest<'a> {
    /// The model, where it is not the provider's own.
    pub model: Option<&'a str>,
    /// The system prompt.
    pub system: Option<&'a str>,
    /// The conversation, oldest message first.
    pub messages: &'a [Message],
    /// Tools that the model may call.
    pub tools: &'a [ToolDefinition],
    /// Whether it may, must or must not call them; without tools it has no effect.
    pub tool_choice: ToolChoice,
    /// Sampling parameters by their common names: `temperature`, `max_tokens`, `top_p`, ...
    pub parameters: Map<String, Value>,
    /// Whether the answer arrives at once or in pieces.
    pub mode: ResponseMode,
    /// The attempts that the request may use, shared with the caller's other requests.
    pub budget: AttemptBudget,
    /// The number of messages, from the oldest, that the provider has and that are not sent.
    pub(crate) known: usize,
}

impl<'a> ProviderRequest<'a> {
    /// Creates a request of messages.
    pub fn new(messages: &'a [Message]) -> Self {
        Self {
            model: None,
            system: None,
            messages,
            tools: &[],
            tool_choice: ToolChoice::Auto,
            parameters: Map::new(),
            mode: ResponseMode::Complete,
            budget: AttemptBudget::default(),
            known: 0,
        }
    }

    /// Sets the model. Defaults to the provider's own.
    #[must_use]
    pub fn with_model(mut self, model: Option<&'a str>) -> Self {
        self.model = model;
        self
    }

    /// Sets the system prompt. Defaults to none.
    #[must_use]
    pub fn with_system(mut self, system: Option<&'a str>) -> Self {
        self.system = system;
        self
    }

    /// Sets the tools. Defaults to none.
    #[must_use]
    pub fn with_tools(mut self, tools: &'a [ToolDefinition]) -> Self {
        self.tools = tools;
        self
    }

    /// Sets whether tools may, must or must not be called. Defaults to [`ToolChoice::Auto`].
    #[must_use]
    pub fn with_tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = choice;
        self
    }

    /// Sets the sampling parameters. Defaults to the provider's.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Map<String, Value>) -> Self {
        self.parameters = parameters;
        self
    }

    /// Sets whether the answer arrives at once or in pieces. Defaults to
    /// [`ResponseMode::Complete`].
    #[must_use]
    pub fn with_mode(mut self, mode: ResponseMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the attempts that the request may use. Defaults to six of its own.
    #[must_use]
    pub fn with_budget(mut self, budget: AttemptBudget) -> Self {
        self.budget = budget;
        self
    }
}

impl fmt::Debug for ProviderRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderRequest")
            .field("model", &self.model)
            .field("system_bytes", &self.system.map(str::len))
            .field("messages", &self.messages.len())
            .field("tools", &self.tools.len())
            .field("tool_choice", &self.tool_choice)
            .field("parameters", &self.parameters.keys().collect::<Vec<_>>())
            .field("mode", &self.mode)
            .field("budget", &self.budget)
            .finish()
    }
}
