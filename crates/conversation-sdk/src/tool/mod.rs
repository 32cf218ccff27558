//! Tools that a model may call.

mod cancellation;
mod context;
mod image_generation;
mod output;
mod tool_trait;

pub use cancellation::Cancellation;
pub use context::ToolContext;
pub use image_generation::ImageGenerationTool;
pub use output::{ToolError, ToolOutput};
pub use tool_trait::Tool;
