//! OpenAI's API, and the servers that are compatible with it.
//!
//! - `chat`: the provider of chat completions · `chat_api`: their API
//! - `delta`, `calls`, `usage`, `chat_decoder`: answers, complete or in pieces
//! - `api_error`, `refusal`: error bodies, and what they mean for the request
//! - `images`: the image generator · `images_response`: its answers

mod api_error;
mod calls;
mod chat;
mod chat_api;
mod chat_decoder;
mod delta;
mod images;
mod images_response;
mod names;
mod refusal;
mod usage;

pub use chat::OpenAiProvider;
pub use images::OpenAiImages;
