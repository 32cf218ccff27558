//! Anthropic's Messages.
//!
//! - `provider`: the provider · `messages_api`: its API · `error`: error bodies, and what they mean
//!   for the request
//! - `event`: pieces of answers · `block`: a content block while it arrives · `decoder`: from pieces
//!   to events and the complete answer · `usage`: token counts

mod block;
mod decoder;
mod error;
mod event;
mod messages_api;
mod names;
mod provider;
mod usage;

pub use provider::AnthropicProvider;
