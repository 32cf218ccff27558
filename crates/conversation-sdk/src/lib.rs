//! Conversations with LLMs whose media lives in storage.

pub mod config;
pub mod conversation;
mod error;
mod externalize;
mod listener;
mod manager;
pub mod message;
mod middleware;
pub mod pack;
pub mod provider;
pub mod state;
pub mod tool;
pub mod usage;

pub use config::{ManagerConfig, OnStorageError, ReferenceAccess};
pub use conversation::{Conversation, ConversationConfig, Response, TurnEvent, TurnEvents};
pub use error::{ConversationError, ConversationErrorKind};
pub use listener::{Event, KeptInline, Listener};
pub use manager::{ConversationManager, ConversationManagerBuilder};
pub use message::{Message, Part, Role, ToolCall, UnreadablePart, UserMessage};
pub use middleware::{Middleware, ModelRequest, Next};
pub use pack::{PackError, PromptPack, Variables};
pub use provider::{MediaContext, Provider, ProviderError, ProviderErrorKind, ProviderRequest};
#[cfg(feature = "sqlite")]
pub use state::SqliteStateStore;
pub use state::{
    ConversationFilter, ConversationRecord, ConversationStatus, InMemoryStateStore, StateError,
    StateErrorKind, StateStore, Window,
};
pub use tool::{Tool, ToolDefinition, ToolError, ToolOutput};
pub use usage::{Cost, TokenUsage};
