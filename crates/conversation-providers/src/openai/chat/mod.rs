//! Chat completions.
//!
//! - `request`: the JSON of requests · `provider`: the provider and its API
//! - `delta`: pieces of answers · `calls`, `audio`: tool calls and audio that arrive in pieces
//! - `decoder`: from pieces to events and the complete answer

mod request;

#[cfg(feature = "openai")]
mod audio;
#[cfg(feature = "openai")]
mod calls;
#[cfg(feature = "openai")]
mod decoder;
#[cfg(feature = "openai")]
mod delta;
#[cfg(feature = "openai")]
mod provider;

#[cfg(feature = "openai")]
pub use provider::OpenAiProvider;
