//! Conversations with LLMs whose media lives in storage.

#![allow(dead_code, unused_imports, reason = "the crate is being assembled")]

mod admission;
mod config;
mod conversation;
mod core;
mod error;
mod event;
mod externalize;
mod lifecycle;
mod listener;
mod manager;
mod middleware;
mod options;
mod owner;
mod policy;
mod prompt;
mod providers;
mod response;
mod start;
mod tool;
mod turn;
mod upload;

pub use admission::{Admission, AdmissionRequest, Settlement};
pub use config::ManagerConfig;
pub use conversation::Conversation;
pub use error::{ConversationError, ConversationErrorKind};
pub use event::{Event, EventKind, EventSubject};
pub use externalize::OnStorageError;
pub use lifecycle::{
    DeletionReceipt, DeletionStatus, ErasureReceipt, FinishedDeletions, Obstacle, PlaceReceipt,
    ReconcileOptions, ReconcileReport, StoreReconciliation, StoreSweep, UpkeepReport,
};
pub use listener::Listener;
pub use manager::{ConversationManager, ConversationManagerBuilder};
pub use middleware::{Middleware, ModelRequest, Next};
pub use options::TurnOptions;
pub use owner::Owner;
pub use policy::{
    Checkpoint, Externalization, ForeignMedia, LeaseTimes, MissingTools, OnDrop, ReferenceAccess,
};
pub use response::{InlineFallback, Response};
pub use start::{ConversationConfig, Start};
pub use tool::{Cancellation, ImageGenerationTool, Tool, ToolContext, ToolError, ToolOutput};
pub use turn::{EventPosition, RetryFrom, TurnEvent, TurnEvents, TurnSnapshot};

pub use conversation_providers::sink::{MediaSink, MediaWriter, SinkError};
pub use conversation_providers::{
    Completion, ImageGenerator, ImageRequest, MediaContext, Provider, ProviderError,
    ProviderErrorKind, ProviderRequest, ProviderResponse, ResponseEvent, ResponseMode,
};
pub use conversation_state::{
    ConversationFilter, ConversationPage, ConversationRecord, ConversationStatus,
    InMemoryStateStore, StateError, StateErrorKind, StateStore, TurnRecord, TurnStatus, Window,
};
pub use conversation_types::{
    Cost, FinishReason, Message, MessageId, MessageStatus, OmissionReason, OmittedMedia, Part,
    Role, TokenUsage, ToolCall, ToolChoice, ToolDefinition, TurnId, UsageSource, UserMessage,
};
pub use prompt_pack::{PackError, PackOptions, Prompt, PromptPack, Variables, Violation};
