//! Tools that a model may call.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use crate::message::Part;
use crate::usage::{Cost, TokenUsage};

mod context;
mod image_generation;

pub use context::ToolContext;
pub use image_generation::ImageGenerationTool;

/// What a model is told about a tool.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ToolDefinition {
    /// The name, as the model writes it.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema of its arguments, an object.
    pub parameters: Value,
}

impl ToolDefinition {
    /// A definition.
    pub fn new(name: impl Into<String>, description: impl Into<String>, parameters: Value) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            parameters,
        }
    }
}

/// Something that a model may have done.
///
/// Arguments come from a model: check them. An error goes back to the model as the tool's answer,
/// so that it can try again; it never ends the turn.
#[async_trait]
pub trait Tool: fmt::Debug + Send + Sync + 'static {
    /// What the model is told, unless a pack defines a tool of the same name in other words.
    fn definition(&self) -> ToolDefinition;

    /// Does it.
    ///
    /// # Errors
    /// [`ToolError`], with a text for the model.
    async fn call(&self, arguments: Value) -> Result<ToolOutput, ToolError>;

    /// Does it with what the turn gives to tools: this is what a conversation calls. A tool that
    /// makes large media implements it and hands the bytes to the context's receiver. Default:
    /// [`call`](Self::call).
    ///
    /// # Errors
    /// Those of [`call`](Self::call).
    async fn call_in(
        &self,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let _ = context;
        self.call(arguments).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Tool + ?Sized> Tool for Arc<T> {
    fn definition(&self) -> ToolDefinition {
        self.as_ref().definition()
    }
    async fn call(&self, arguments: Value) -> Result<ToolOutput, ToolError> {
        self.as_ref().call(arguments).await
    }
    async fn call_in(
        &self,
        arguments: Value,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        self.as_ref().call_in(arguments, context).await
    }
}

/// What a tool brings back.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ToolOutput {
    /// Words and media for the model and for the history.
    pub content: Vec<Part>,
    /// What it consumed, where it used a model itself.
    pub usage: Option<TokenUsage>,
    /// What that cost, where the price is known.
    pub cost: Option<Cost>,
}

impl ToolOutput {
    /// Output of these parts.
    pub fn new(content: Vec<Part>) -> Self {
        Self {
            content,
            usage: None,
            cost: None,
        }
    }

    /// Output of words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(vec![Part::Text(text.into())])
    }

    /// Sets usage and cost. Default: unknown.
    #[must_use]
    pub fn with_usage(mut self, usage: Option<TokenUsage>, cost: Option<Cost>) -> Self {
        self.usage = usage;
        self.cost = cost;
        self
    }
}

/// Why a tool did not do it, in words for the model.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ToolError {
    /// An error with a text for the model.
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
