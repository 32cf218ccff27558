//! A stand-in for OpenAI's service on this machine, and for Anthropic's, so that the examples run without a key.
//!
//! It speaks the same HTTP APIs, with the same strictness where that protects from surprises: chat completions (plain
//! and streamed, with tool calls, images, documents and audio), images generations and edits, messages. The library
//! cannot tell the difference.
//!
//! - [`process`]: the peer as a child process of the example
//! - [`server`]: routes, keys, limits
//! - [`chat`]: chat completions; `transcript`, `message` and `part` read the request; `reply`, `call`, `outcome` and
//!   `seen` decide the answer; `stream` sends it in pieces
//! - [`anthropic`]: Anthropic's Messages, in their smallest form
//! - [`images`]: images generations and edits; `form` reads the files that come with edits
//! - the crate `painter` paints the images, and changes them
//! - [`attachment`]: media that was sent; [`photos`], [`documents`], [`recordings`]: what is said about it
//! - `payload`, `response`: bytes of requests, and answers; [`refusal`]: error bodies

pub mod anthropic;
pub mod attachment;
pub mod chat;
pub mod documents;
mod form;
pub mod images;
mod payload;
pub mod photos;
pub mod process;
pub mod recordings;
pub mod refusal;
mod response;
pub mod server;

/// The chat model that the examples ask for by default.
pub const CHAT_MODEL: &str = "gpt-5.4-mini";

/// The model of Anthropic that the examples ask for by default.
pub const ANTHROPIC_MODEL: &str = "claude-haiku-4-5";

/// The model for audio that the examples ask for by default.
pub const AUDIO_MODEL: &str = "gpt-audio-mini";

/// The image model that the examples ask for by default.
pub const IMAGE_MODEL: &str = "gpt-image-1-mini";

/// A rough count, close enough for a bill that nobody pays: four characters a token.
fn text_tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4).max(1)
}

fn unix_seconds() -> u64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
