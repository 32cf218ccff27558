//! OpenAI's API, and the servers that are compatible with it.
//!
//! - `chat`: the provider of chat completions · `delta`, `chat_decoder`: its answers, complete or in
//!   pieces · `streaming`: an answer while it arrives
//! - `api_error`, `refusal`: error bodies, and what they mean for the request · `recovery`: changes
//!   to a request that was refused · `rejections`: what is remembered of refusals
//! - `images`: the image generator · `images_response`: its answers

mod api_error;
mod chat;
mod chat_decoder;
mod delta;
mod images;
mod images_response;
mod names;
mod recovery;
mod refusal;
mod rejections;
mod streaming;

pub use chat::OpenAiProvider;
pub use images::OpenAiImages;
