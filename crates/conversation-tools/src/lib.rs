//! Tools that the model of a conversation may call.
//!
//! A [`Tool`] has a definition for the model and one method. What a call is given is a
//! [`ToolContext`]: who asks, a loader for media of the conversation, a sink for media that the tool
//! makes, progress, cancellation. [`ImageGenerationTool`] is a tool over any image generator.
//!
//! The crate knows no turn and no manager: a program with a loop of its own runs the same tools.
//!
//! ```
//! use conversation_tools::{Tool, ToolContext, ToolDefinition, ToolError, ToolOutput};
//! use serde_json::{Value, json};
//!
//! #[derive(Debug)]
//! struct Reverse;
//!
//! #[async_trait::async_trait]
//! impl Tool for Reverse {
//!     fn definition(&self) -> ToolDefinition {
//!         let parameters = json!({"type": "object", "properties": {"text": {"type": "string"}}});
//!         ToolDefinition::new("reverse", "Returns a text from its end to its start.", parameters)
//!     }
//!     async fn call(&self, given: Value, _: &ToolContext) -> Result<ToolOutput, ToolError> {
//!         let text = given["text"].as_str().ok_or_else(|| ToolError::new("'text' is required"))?;
//!         Ok(ToolOutput::text(text.chars().rev().collect::<String>()))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), ToolError> {
//! let output = Reverse.call(json!({"text": "abc"}), &ToolContext::detached()).await?;
//! assert_eq!(output.content[0].as_text(), Some("cba"));
//! # Ok(())
//! # }
//! ```

mod arguments;
mod cancellation;
mod context;
mod image_generation;
mod output;
mod tool;

pub use arguments::read_arguments;
pub use cancellation::Cancellation;
pub use context::ToolContext;
pub use conversation_providers::sink::{MediaSink, MediaWriter, SinkError};
pub use conversation_types::ToolDefinition;
pub use image_generation::ImageGenerationTool;
pub use output::{ToolError, ToolOutput};
pub use tool::Tool;
