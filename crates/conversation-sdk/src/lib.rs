//! Conversations with LLMs whose media lives in storage.
//!
//! A manager with a media store keeps the bytes of pictures, audio, video and documents out of the
//! conversation: what a user sends, what a model answers and what tools bring goes into the store,
//! the conversation's state keeps references of a few hundred bytes, and the bytes go from the store
//! into the request when the provider needs them again.
//!
//! ```
//! use conversation_sdk::{ConversationConfig, ConversationManager, PromptPack, Provider};
//! use media_storage::InMemoryStorage;
//! use media_types::{MediaContent, Mime};
//!
//! # async fn run(provider: impl Provider, photo: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
//! let manager = ConversationManager::builder()
//!     .with_provider(provider)                       // OpenAiProvider::new(key, model), for one
//!     .with_media_storage(InMemoryStorage::new())    // or a FileStore: media of 100 KiB and more
//!     .build()?;
//! let pack = PromptPack::from_json(
//!     br#"{"id":"photos","version":"1.0.0","prompts":{"look":{"system_template":"Be exact."}}}"#,
//! )?;
//!
//! let config = ConversationConfig::new("look").with_user("user-1");
//! let mut conversation = manager.new_conversation(&pack, config).await?;
//! let photo = MediaContent::from_bytes(Mime::IMAGE_JPEG, photo);
//! let response = conversation.send_with_media("What is this?", [photo]).await?;
//! println!("{}, {} tokens", response.text(), response.usage().output_tokens);
//!
//! // Later, elsewhere: the model gets the same bytes again.
//! let mut conversation = manager.resume(&pack, response.conversation()).await?;
//! conversation.send("And what is behind it?").await?;
//! # Ok(())
//! # }
//! ```
//!
//! # A turn
//! Its order is fixed: state is loaded; the history within its limits is put behind the prompt;
//! [`Middleware`] runs; the [`Provider`] answers; the [`Tool`]s it calls run, in bounded rounds;
//! media goes into the store; the state is appended to; the answer is returned. Media is stored in
//! two batches, each whole or not at all: the user's before the model is asked, that of answer and
//! tools after. What happens when the store fails is [`OnStorageError`]'s to say. A turn is in the
//! history whole or not at all, also when its future is dropped, and of two writers one gets a
//! [`Conflict`](ConversationErrorKind::Conflict).
//!
//! # Features
//! - `openai`: the OpenAI-compatible provider and the image-generation tool over it
//! - `sqlite`: conversations in a SQLite file
//! - `strict-pack`: checking packs against a JSON schema
//!
//! # Map
//! - [`ConversationManager`] (`manager`), [`ManagerConfig`] ([`config`])
//! - [`Conversation`], [`Response`] ([`conversation`]); the externalizer (`externalize`)
//! - [`Message`], [`Part`] ([`message`]); [`TokenUsage`], [`Cost`] ([`usage`])
//! - [`Provider`], [`MediaContext`] ([`provider`]); request bodies for transports of one's own
//!   ([`provider::wire`]); [`Tool`] ([`tool`]); [`Middleware`] (`middleware`)
//! - [`receive`]: media that models and tools make, spooled until it is stored
//! - [`StateStore`] and the stores ([`state`]); [`PromptPack`] ([`pack`])
//! - [`Listener`], [`Event`] (`listener`); [`ConversationError`] (`error`)

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
pub mod receive;
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
#[cfg(feature = "openai")]
pub use provider::{OpenAiImages, OpenAiProvider};
#[cfg(feature = "sqlite")]
pub use state::SqliteStateStore;
pub use state::{
    ConversationFilter, ConversationRecord, ConversationStatus, InMemoryStateStore, StateError,
    StateErrorKind, StateStore, Window,
};
pub use tool::{ImageGenerationTool, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput};
pub use usage::{Cost, TokenUsage};
