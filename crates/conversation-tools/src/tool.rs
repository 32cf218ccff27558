//! The trait of tools.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conversation_types::ToolDefinition;
use serde_json::Value;

use crate::context::ToolContext;
use crate::output::{ToolError, ToolOutput};

/// A tool that a model may call.
///
/// Arguments come from a model: check them. An error goes back to the model as the result of the
/// call, so that it can try again; it never ends the turn. A call whose turn is cancelled is
/// dropped; [`ToolContext::cancellation`] notifies tools that have to clean up.
///
/// ```
/// use conversation_tools::{Tool, ToolContext, ToolDefinition, ToolError, ToolOutput};
/// use serde_json::{Value, json};
///
/// #[derive(Debug)]
/// struct Clock;
///
/// #[async_trait::async_trait]
/// impl Tool for Clock {
///     fn definition(&self) -> ToolDefinition {
///         let parameters = json!({"type": "object", "properties": {}});
///         ToolDefinition::new("clock", "Returns the time in UTC.", parameters)
///     }
///     async fn call(&self, _: Value, _: &ToolContext) -> Result<ToolOutput, ToolError> {
///         Ok(ToolOutput::text("12:00"))
///     }
/// }
/// ```
#[async_trait]
pub trait Tool: fmt::Debug + Send + Sync + 'static {
    /// Returns the definition that the model gets, unless a pack defines a tool of the same name.
    fn definition(&self) -> ToolDefinition;

    /// Returns the longest time of a call. Defaults to `None`: that of whoever calls
    /// it, which for turns is 60 s unless the manager has another.
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// Runs the tool.
    ///
    /// # Errors
    /// [`ToolError`], with a text for the model.
    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<ToolOutput, ToolError>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Tool + ?Sized> Tool for Arc<T> {
    fn definition(&self) -> ToolDefinition {
        self.as_ref().definition()
    }
    fn timeout(&self) -> Option<Duration> {
        self.as_ref().timeout()
    }
    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        self.as_ref().call(arguments, context).await
    }
}
