//! Conversations with LLMs whose media lives in storage.

pub mod message;
pub mod pack;
pub mod provider;
pub mod tool;
pub mod usage;

pub use message::{Message, Part, Role, ToolCall, UnreadablePart, UserMessage};
pub use pack::{PackError, PromptPack, Variables};
pub use provider::{MediaContext, Provider, ProviderError, ProviderErrorKind, ProviderRequest};
pub use tool::{Tool, ToolDefinition, ToolError, ToolOutput};
pub use usage::{Cost, TokenUsage};
