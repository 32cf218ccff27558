//! Responses.
//!
//! - `request`, `answer`: the JSON of requests, and of the model's messages in them
//! - `provider`: the provider and its API · `chain`, `unwanted`: answers that the provider keeps
//! - `event`, `item`: events and items of answers · `decoder`: from events to the complete answer

mod answer;
mod request;

#[cfg(feature = "openai")]
mod chain;
#[cfg(feature = "openai")]
mod decoder;
#[cfg(feature = "openai")]
mod event;
#[cfg(feature = "openai")]
mod item;
#[cfg(feature = "openai")]
mod provider;
#[cfg(feature = "openai")]
mod unwanted;

#[cfg(feature = "openai")]
pub use provider::ResponsesProvider;
