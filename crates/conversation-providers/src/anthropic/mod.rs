//! Anthropic's Messages.
//!
//! - `request`: the JSON of requests · `provider`: the provider and its API
//! - `event`: pieces of answers · `block`: a content block while it arrives · `cited`: text with
//!   citations · `decoder`: from pieces to events and the complete answer · `usage`: token counts
//! - `error`: error bodies, and what they mean for the request

#[cfg_attr(
    not(feature = "anthropic"),
    allow(dead_code, reason = "answers are read by the provider only")
)]
mod cited;
mod names;
mod request;

#[cfg(feature = "anthropic")]
mod block;
#[cfg(feature = "anthropic")]
mod decoder;
#[cfg(feature = "anthropic")]
mod error;
#[cfg(feature = "anthropic")]
mod event;
#[cfg(feature = "anthropic")]
mod provider;
#[cfg(feature = "anthropic")]
mod usage;

#[cfg(feature = "anthropic")]
pub use provider::AnthropicProvider;
