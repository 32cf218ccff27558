//! Conversations with LLMs whose media lives in storage.
//!
//! A [`ConversationManager`] holds what conversations share: a provider, a store for media, a store for
//! state, tools. A [`Conversation`] takes one turn after the other. Media of messages and answers goes into
//! the store, and the history keeps references:
//!
//! ```
//! # use conversation_sdk::providers::testing::ScriptedProvider;
//! use conversation_sdk::media_storage::InMemoryStorage;
//! use conversation_sdk::{ConversationManager, Start, Window, media_types::{MediaContent, Mime}};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let provider = ScriptedProvider::new().with_answer("A cat.");
//! let manager = ConversationManager::builder()
//!     .with_provider(provider) // `OpenAiProvider::new(key, model)`, for example
//!     .with_media_storage(InMemoryStorage::new()) // a directory or a bucket
//!     .build()?;
//! let mut conversation = manager.start(Start::new().with_user("ada")).await?;
//! let photo = MediaContent::from_bytes(Mime::IMAGE_PNG, vec![0; 200 * 1024]);
//! let response = conversation.send_with_media("What is this?", [photo]).await?;
//! assert_eq!(response.text(), "A cat.");
//!
//! let history = conversation.messages(Window::All).await?;
//! assert!(history[0].media().all(|photo| photo.reference().is_some()));
//! assert!(serde_json::to_vec(&history)?.len() < 2048);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! No feature is on by default, and without any there is neither an HTTP client nor a database in the build.
//! - `openai`, `anthropic`, `gemini`: these providers over HTTP
//! - `http`: media at URLs is fetched, as far as the loader allows it
//! - `sqlite`, `postgres`, `redis`: a state store each
//! - `images`: images that fit what models take and pages show
//! - `metrics`: `MetricsListener`, counters for the `metrics` crate
//! - `strict-pack`: packs are checked against a JSON schema
//! - `testing`: a scripted provider for tests

mod admission;
mod config;
mod conversation;
mod core;
mod files;
mod manager;
mod middleware;
mod options;
mod owner;
mod policy;
mod prompt;
mod provider_set;
mod start;
mod test_run;
mod turn;

pub use admission::{Admission, AdmissionRequest, Settlement};
pub use config::ManagerConfig;
pub use conversation::{Conversation, ConversationView, MessageView, PartView, ViewOptions};
pub use manager::{ConversationManager, ConversationManagerBuilder};
pub use middleware::{Middleware, ModelRequest, Next};
pub use options::TurnOptions;
pub use owner::Owner;
pub use policy::{
    Checkpoint, Externalization, ForeignMedia, LeaseTimes, MissingTools, OnDrop, ReferenceAccess,
};
pub use start::{ConversationConfig, Start};
pub use test_run::{ConversationStatistics, MediaStatistics, TestResults, TestRun};
pub use turn::RetryFrom;

#[cfg(feature = "metrics")]
pub use conversation_events::MetricsListener;
pub use conversation_events::{
    ConversationError, ConversationErrorKind, Event, EventKind, EventPosition, EventSubject,
    InlineFallback, Listener, Response, TurnEvent, TurnEvents, TurnSnapshot,
};
pub use conversation_externalizer::{OnStorageError, RemoteMedia};
pub use conversation_lifecycle::{
    CopiesReceipt, DeletionReceipt, DeletionStatus, ErasureReceipt, FinishedDeletions, Obstacle,
    PlaceReceipt, ReconcileOptions, ReconcileReport, StoreReconciliation, StoreSweep, UpkeepReport,
    Upload,
};
pub use conversation_providers as providers;
#[cfg(feature = "anthropic")]
pub use conversation_providers::AnthropicProvider;
#[cfg(feature = "gemini")]
pub use conversation_providers::GeminiProvider;
#[cfg(feature = "images")]
pub use conversation_providers::RenditionFitter;
pub use conversation_providers::files::{FilePolicy, ProviderFiles};
pub use conversation_providers::sink::{MediaSink, MediaWriter, SinkError};
#[cfg(feature = "testing")]
pub use conversation_providers::testing;
pub use conversation_providers::{
    Completion, ImageFitter, ImageGenerator, ImageNeeds, ImageRequest, MediaContext, PartialImage,
    Provider, ProviderError, ProviderErrorKind, ProviderRequest, ProviderResponse, ResponseEvent,
    ResponseMode,
};
#[cfg(feature = "openai")]
pub use conversation_providers::{OpenAiImages, OpenAiProvider, ResponsesProvider};
pub use conversation_state as state;
#[cfg(feature = "sqlite")]
pub use conversation_state::SqliteStateStore;
pub use conversation_state::{
    ConversationFilter, ConversationPage, ConversationRecord, ConversationStatus,
    InMemoryStateStore, StateError, StateErrorKind, StateStore, TruncationMode, TurnRecord,
    TurnStatus, Window,
};
#[cfg(feature = "postgres")]
pub use conversation_state::{PostgresOptions, PostgresStateStore};
#[cfg(feature = "redis")]
pub use conversation_state::{RedisOptions, RedisStateStore};
pub use conversation_tools::{
    Cancellation, ImageGenerationTool, Tool, ToolContext, ToolError, ToolOutput,
};
pub use conversation_types as types;
pub use conversation_types::{
    Cost, FinishReason, Message, MessageId, MessageStatus, OmissionReason, OmittedMedia, Part,
    RawJson, Role, TokenUsage, ToolCall, ToolChoice, ToolDefinition, TurnId, UsageSource,
    UserMessage,
};
pub use prompt_pack::{PackError, PackOptions, Prompt, PromptPack, Variables, Violation};
/// Media and its ids, stores, loaders and packs, so that an application names no other crate.
pub use {media_loader, media_storage, media_types, prompt_pack};
