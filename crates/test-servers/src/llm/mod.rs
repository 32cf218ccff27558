//! APIs of language models that enforce their rules for what goes back to them.
//!
//! [`LlmServer`] answers with a recorded stream, whole or cut after any byte, and judges each request
//! by the rules of its API: calls and their results, thinking and its signature, reasoning and what
//! it led to, empty text. A request that breaks one is a 400, as at the vendor's. [`LlmApi::check`]
//! judges a body alone. Anthropic and Gemini keep files, which requests may name.

mod anthropic;
mod api;
mod chat;
mod files;
mod gemini;
mod given;
mod http;
mod json;
mod responses;
mod server;

pub use api::LlmApi;
pub use given::Given;
pub use server::LlmServer;
