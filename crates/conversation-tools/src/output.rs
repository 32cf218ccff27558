//! Results of tools.

use conversation_types::{Cost, Part, TokenUsage};

/// The result of a tool call.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ToolOutput {
    /// Text and media for the model and for the history.
    pub content: Vec<Part>,
    /// What the tool consumed, where it used a model itself.
    pub usage: Option<TokenUsage>,
    /// What that cost, where the price is known.
    pub cost: Option<Cost>,
    /// The token of a result that comes later: see [`pending`](Self::pending).
    pub pending: Option<String>,
}

impl ToolOutput {
    /// Creates a result of parts.
    pub fn new(content: Vec<Part>) -> Self {
        Self {
            content,
            ..Self::default()
        }
    }

    /// Creates a result of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(vec![Part::text(text)])
    }

    /// Creates a result that comes later: from a person who has to agree, for example.
    ///
    /// The turn is suspended and holds no lease. `resume_turn` with the token and the result
    /// continues it on any node; a new message closes the call as declined.
    pub fn pending(token: impl Into<String>) -> Self {
        Self {
            pending: Some(token.into()),
            ..Self::default()
        }
    }

    /// Sets usage and cost. Defaults to unknown.
    #[must_use]
    pub fn with_usage(mut self, usage: Option<TokenUsage>, cost: Option<Cost>) -> Self {
        self.usage = usage;
        self.cost = cost;
        self
    }
}

/// Error returned by a tool, with a text for the model.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ToolError {
    /// Creates an error with a text for the model.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    /// Keeps the cause; the model does not see it.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }
}
