//! Gemini's contents.
//!
//! - `request`: the JSON of requests · `provider`: the provider and its API
//! - `chunk`: pieces of answers · `decoder`: from pieces to events and the complete answer
//! - `error`: error bodies, and what they mean for the request

mod request;

#[cfg(feature = "gemini")]
mod chunk;
#[cfg(feature = "gemini")]
mod decoder;
#[cfg(feature = "gemini")]
mod error;
#[cfg(feature = "gemini")]
mod provider;

#[cfg(feature = "gemini")]
pub use provider::GeminiProvider;
